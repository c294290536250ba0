#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include "storage/rocks_tables.h"

// Looking into, and damaging, the files of a data folder that nobody has open.
namespace fedlog::storage::testing {

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline std::string content_of_all_files(const std::filesystem::path& folder) {
  std::string content;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) content += content_of(entry.path());
  }
  return content;
}

// RocksDB numbers its files upwards.
inline std::filesystem::path newest_file(const std::filesystem::path& folder, const std::string& extension) {
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) newest = std::max(newest, entry.path());
  }
  if (newest.empty()) throw std::runtime_error("no " + extension + " file in " + folder.string());
  return newest;
}

inline void flip_bit_in_the_middle(const std::filesystem::path& file) {
  auto content = content_of(file);
  content.at(content.size() / 2) ^= 1;
  std::ofstream(file, std::ios::binary) << content;
}

inline void change_stored(const std::filesystem::path& folder, Table table, const std::string& key,
                          std::optional<std::string> value) {
  auto tables = open_rocks_tables(folder / "journal", {});
  if (!tables) throw std::runtime_error(tables.error().message);
  Changes changes;
  changes[static_cast<std::size_t>(table)].emplace(key, std::move(value));
  if (!(*tables)->write(changes, Durability::synced))
    throw std::runtime_error("the change cannot be written");
}

}  // namespace fedlog::storage::testing
