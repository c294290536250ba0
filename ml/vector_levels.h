#pragma once

// One loop for each level of the processor. Without fused operations (-ffp-contract=off) all give the same
// bits. The sanitizers cannot start programs that choose functions at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define FEDLOG_VECTOR_LEVELS __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define FEDLOG_VECTOR_LEVELS
#endif
