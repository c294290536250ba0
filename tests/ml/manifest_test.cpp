#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <map>
#include <set>
#include <string>

#include "ml/compatibility.h"
#include "ml/model_file.h"
#include "tests/ml/fixtures.h"

namespace fedlog::ml {
namespace {

std::string sha256_16(const std::vector<std::byte>& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string hex;
  for (int i = 0; i < 8; ++i) {
    static constexpr char digits[] = "0123456789abcdef";
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

// Empty if the file, and as an update its fit to its base, is accepted.
std::string refusal(const std::string& name) {
  const auto file = ModelFile::open(fixtures() / name);
  if (!file) {
    return file.error().message;
  }
  if (name.starts_with("hostile/update_")) {
    const bool script = name.contains("script");
    const auto base =
        ModelFile::open(fixtures() / (script ? "models/mlp_script.pt" : "models/mlp_state_dict.pt"));
    const auto checked = check_update(base.value(), *file, true);
    return checked ? "" : checked.error();
  }
  return "";
}

TEST(Manifest, EveryFileGetsItsVerdict) {
  FEDLOG_NEEDS_FIXTURES();
  // A broken program is the worker's to find, and whatever is no model file is others' business.
  const std::set<std::string> compiled_elsewhere{"hostile/ts_bad_code.pt"};
  int judged = 0;
  for (const auto& entry : manifest()) {
    const std::string name = entry["name"];
    const auto answers = entry.value("expected", nlohmann::json());
    const std::string verdict = answers.is_object() ? answers.value("verdict", "") : "";
    if ((verdict != "accept" && verdict != "reject") || compiled_elsewhere.contains(name)) {
      continue;
    }
    ++judged;
    const std::string why = refusal(name);
    EXPECT_EQ(why.empty(), verdict == "accept") << name << ": " << why;
    if (std::getenv("FEDLOG_SHOW_REFUSALS") != nullptr && !why.empty()) {
      std::cout << name << " [" << answers.value("reason", "") << "] " << why << "\n";
    }
  }
  EXPECT_GT(judged, 250);
}

TEST(Manifest, TensorsHaveTheirNamesShapesAndDigests) {
  FEDLOG_NEEDS_FIXTURES();
  int compared = 0;
  for (const auto& entry : manifest()) {
    const std::string name = entry["name"];
    if (!entry.contains("tensors") || entry["tensors"].empty() || name.starts_with("hostile/")) {
      continue;
    }
    const auto file = ModelFile::open(fixtures() / name);
    if (!file) {
      EXPECT_EQ(entry["expected"].value("verdict", ""), "reject") << name << ": " << file.error().message;
      continue;
    }
    std::vector<std::string> expected_names;
    for (const auto& tensor : entry["tensors"]) {
      expected_names.push_back(file->kind() == FileKind::tensor ? "" : tensor["name"].get<std::string>());
    }
    std::vector<std::string> names;
    for (const TensorRecord& tensor : file->tensors()) {
      names.push_back(tensor.name);
    }
    EXPECT_EQ(names, expected_names) << name;
    if (names != expected_names) {
      continue;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& expected = entry["tensors"][i];
      const TensorRecord& tensor = file->tensors()[i];
      EXPECT_EQ(fedlog::ml::name(tensor.dtype), expected["dtype"]) << name << " " << names[i];
      EXPECT_EQ(tensor.shape, expected["shape"].get<std::vector<std::int64_t>>()) << name << " " << names[i];
      EXPECT_EQ(sha256_16(file->read(tensor).bytes), expected["sha256_16"]) << name << " " << names[i];
      if (expected.contains("shares_storage_with")) {
        const TensorRecord* owner = file->find(expected["shares_storage_with"].get<std::string>());
        ASSERT_NE(owner, nullptr);
        EXPECT_EQ(owner->storage, tensor.storage) << name << " " << names[i];
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 500);
}

}  // namespace
}  // namespace fedlog::ml
