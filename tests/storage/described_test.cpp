#include "storage/described.h"

#include <gtest/gtest.h>

#include <cmath>

#include "storage/envelope_codec.h"
#include "tests/storage/examples.h"
#include "tests/storage/hex.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using domain::field;

struct Small {
  std::int64_t count = 0;
  std::string b;
  std::optional<bool> aa;
  static constexpr auto fields() {
    return std::tuple{field("count", &Small::count), field("b", &Small::b), field("aa", &Small::aa)};
  }
  bool operator==(const Small&) const = default;
};

struct Secretive {
  domain::Personal name;
  static constexpr auto fields() { return std::tuple{field("name", &Secretive::name)}; }
};

struct Narrow {
  std::uint8_t small = 0;
  static constexpr auto fields() { return std::tuple{field("small", &Narrow::small)}; }
};

template <class T>
std::string error_of(std::string_view hex) {
  const auto bytes = from_hex(hex);
  const auto decoded = decode<T>(bytes);
  return decoded ? "" : decoded.error();
}

TEST(Described, WritesFieldsInTheOrderOfTheirEncodedNames) {
  // a3, "b": "x", "aa": true, "count": 7
  EXPECT_EQ(to_hex(encode(Small{7, "x", true})), "a361626178626161f565636f756e7407");
}

TEST(Described, ReadsWhatItWrote) {
  const Small small{-7, "text", std::nullopt};
  EXPECT_EQ(decode<Small>(encode(small)), small);
  const auto uploaded_model = uploaded(1, user_id(2));
  EXPECT_EQ(decode<domain::ModelUploaded>(encode(uploaded_model)), uploaded_model);
  domain::Training training;
  training.id = training_id(3);
  training.participants = {user_id(1), user_id(2)};
  training.updates = {{user_id(1), model_id(9), blob_id(4), 17}};
  training.phase = domain::Phase::testing;
  EXPECT_EQ(decode<domain::Training>(encode(training)), training);
}

TEST(Described, RefusesUnknownMissingAndMisplacedFields) {
  EXPECT_EQ(error_of<Small>("a0"), "expected 3 fields, found 0");
  EXPECT_EQ(error_of<Small>("a361626178626161f565636f756e7807"), "expected field 'count', found 'counx'");
  EXPECT_EQ(error_of<Narrow>("a1656c6172676501"), "expected field 'small', found 'large'");
  EXPECT_NE(error_of<Small>("a3626161f56162617865636f756e7407"), "");  // "aa" before "b"
}

TEST(Described, RefusesValuesOutOfRangeAndUnknownNames) {
  EXPECT_EQ(error_of<Narrow>("a165736d616c6c190100"), "field small: the integer is out of range");
  auto bytes = encode(uploaded(1, user_id(2)));
  bytes.replace(bytes.find("GLOBAL"), 6, "GLOBBL");
  EXPECT_EQ(decode<domain::ModelUploaded>(bytes).error(), "field kind: unknown value 'GLOBBL'");
}

TEST(Described, RefusesEveryTruncation) {
  const auto bytes = encode(uploaded(1, user_id(2)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode<domain::ModelUploaded>(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(Described, NeverStoresPersonalTextWithoutAKey) {
  EXPECT_THROW(static_cast<void>(encode(Secretive{{"ada"}})), std::logic_error);
  const auto bytes = encode(Secretive{{"ada"}}, [](std::string_view field_name, std::string_view text) {
    return std::string(field_name) + ":" + std::string(text.rbegin(), text.rend());
  });
  EXPECT_NE(bytes.find("name:ada"), std::string::npos);
  EXPECT_THROW(static_cast<void>(decode<Secretive>(bytes)), std::logic_error);
}

TEST(Envelope, IsReadAsItWasWrittenAndEveryFieldCountsForItsHash) {
  Envelope envelope;
  envelope.position = 300;
  envelope.stream = "model/x";
  envelope.version = 2;
  envelope.type = "ModelUploaded";
  envelope.payload = std::string("\xff\x00", 2);
  envelope.hash = hash_of(envelope);
  const auto read = decode_envelope(encode_envelope(envelope));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->payload, envelope.payload);
  EXPECT_EQ(read->hash, envelope.hash);

  std::vector<Envelope> others(12, envelope);
  ++others[0].position;
  others[1].stream = "model/y";
  ++others[2].version;
  others[3].id.uuid.bytes[0] = 1;
  others[4].type = "ModelDeleted";
  ++others[5].revision;
  ++others[6].time.microseconds;
  others[7].acting_user = user_id(1);
  others[8].command.bytes[0] = 1;
  others[9].correlation = "x";
  others[10].payload += 'x';
  others[11].previous[0] = 1;
  for (const auto& other : others) EXPECT_NE(hash_of(other), envelope.hash);
}

}  // namespace
}  // namespace fedlog::storage
