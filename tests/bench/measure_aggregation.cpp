// measure_aggregation read THREADS BYTES: how fast this machine reads memory.
// measure_aggregation files THREADS FILE...: how fast it reads these files, mapped, from the page cache.
// measure_aggregation mean THREADS BASE OUTPUT FILE...: how fast weighted_mean is, and how much memory it
// takes. Each prints bytes a second; mean also the growth of its peak memory in bytes. For
// bench_aggregation.py.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ml/aggregation.h"

namespace {

using Bytes = std::span<const std::byte>;

// Keeps the compiler from leaving the reading out.
volatile std::uint64_t sink;

void read_all(Bytes bytes) {
  std::uint64_t sums[8] = {};
  std::size_t at = 0;
  for (; at + sizeof sums <= bytes.size(); at += sizeof sums) {
    std::uint64_t words[8];
    std::memcpy(words, bytes.data() + at, sizeof words);
    for (int lane = 0; lane < 8; ++lane) sums[lane] += words[lane];
  }
  sink = std::accumulate(std::begin(sums), std::end(sums), std::uint64_t{0});
}

void on_threads(unsigned threads, const std::function<void(unsigned)>& work) {
  std::vector<std::jthread> others;
  for (unsigned thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
}

template <class Work>
double bytes_per_second(std::uint64_t bytes, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return static_cast<double>(bytes) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double read_memory(unsigned threads, std::uint64_t size) {
  const std::vector<std::byte> memory(size, std::byte{1});
  const auto part = size / threads;
  return bytes_per_second(size, [&] {
    on_threads(threads, [&](unsigned thread) { read_all(Bytes(memory).subspan(thread * part, part)); });
  });
}

std::uint64_t size_of(const std::vector<std::string>& files) {
  std::uint64_t size = 0;
  for (const auto& file : files) size += std::filesystem::file_size(file);
  return size;
}

double read_files(unsigned threads, const std::vector<std::string>& files) {
  return bytes_per_second(size_of(files), [&] {
    on_threads(threads, [&](unsigned thread) {
      for (const auto& file : files) {
        const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        const auto size = std::filesystem::file_size(file);
        void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        ::close(descriptor);
        if (address == MAP_FAILED) std::exit(EXIT_FAILURE);
        const auto part = size / threads;
        read_all(Bytes(static_cast<const std::byte*>(address), size).subspan(thread * part, part));
        ::munmap(address, size);
      }
    });
  });
}

// Of pages in memory, the mapped files' among them.
std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

double mean(unsigned threads, const std::string& base, const std::string& output,
            const std::vector<std::string>& files) {
  std::vector<fedlog::ml::WeightedUpdate> updates;
  for (const auto& file : files) updates.push_back({.file = file, .sample_size = updates.size() + 1});
  std::filesystem::remove(output);  // the server's are new as well; emptying one takes as long as making it
  return bytes_per_second(size_of(files), [&] {
    const auto written = fedlog::ml::weighted_mean(
        base, updates, output, {.threads = threads, .limits = {.checksums_verified = true}});
    if (written) return;
    std::cerr << written.error().message << "\n";
    std::exit(EXIT_FAILURE);
  });
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> given(arguments + std::min(count, 1), arguments + count);
  if (given.size() < 3) return EXIT_FAILURE;
  const auto threads = static_cast<unsigned>(std::stoul(given[1]));
  if (given[0] == "read") {
    std::cout << read_memory(threads, std::stoull(given[2])) << "\n";
  } else if (given[0] == "files") {
    std::cout << read_files(threads, {given.begin() + 2, given.end()}) << "\n";
  } else if (given[0] == "mean" && given.size() > 4) {
    const auto before = peak_memory();
    const auto speed = mean(threads, given[2], given[3], {given.begin() + 4, given.end()});
    std::cout << speed << " " << peak_memory() - before << "\n";
  } else {
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
