#pragma once

namespace fedlog::ml {

// Teaches libtorch 1.13 the operators that archives of later PyTorch versions name, made of those that it
// has: scaled_dot_product_attention (2.0) and rms_norm (2.4). Without them torch.nn.MultiheadAttention,
// Transformer and RMSNorm could not be loaded. Once a process; does nothing where libtorch has them.
void register_newer_operators();

}  // namespace fedlog::ml
