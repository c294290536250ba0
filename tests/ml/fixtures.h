#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace fedlog::ml {

// The folder of model files with known answers: $FEDLOG_FIXTURES, else ../shared/fixtures beside the sources.
inline std::filesystem::path fixtures() {
  const char* folder = std::getenv("FEDLOG_FIXTURES");
  return folder != nullptr ? std::filesystem::path(folder)
                           : std::filesystem::path(FEDLOG_SOURCE_FOLDER "/../shared/fixtures");
}

inline nlohmann::json manifest() {
  std::ifstream in(fixtures() / "manifest.json");
  return nlohmann::json::parse(in);
}

}  // namespace fedlog::ml

#define FEDLOG_NEEDS_FIXTURES()                                                               \
  if (!std::filesystem::exists(::fedlog::ml::fixtures() / "manifest.json")) {                 \
    GTEST_SKIP() << "no fixtures at " << ::fedlog::ml::fixtures() << "; set FEDLOG_FIXTURES"; \
  }                                                                                           \
  static_assert(true)
