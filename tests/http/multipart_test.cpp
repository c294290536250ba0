#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fedlog::http {
namespace {

struct Part {
  PartHead head;
  std::string data;
  bool ended = false;
};

struct Parsed {
  std::vector<Part> parts;
  std::size_t largest_piece_bytes = 0;
  std::string error;
};

Parsed parse(std::string_view body, std::string_view boundary = "B", std::size_t piece_bytes = 1 << 20,
             MultipartLimits limits = {}) {
  Parsed parsed;
  MultipartParser parser{boundary,
                         {.on_part =
                              [&](const PartHead& head) {
                                parsed.parts.push_back({head, {}, false});
                                return true;
                              },
                          .on_data =
                              [&](std::string_view data) {
                                parsed.parts.back().data += data;
                                parsed.largest_piece_bytes =
                                    std::max(parsed.largest_piece_bytes, data.size());
                                return true;
                              },
                          .on_part_end = [&] { return parsed.parts.back().ended = true; }},
                         limits};
  while (!body.empty()) {
    const auto piece = body.substr(0, piece_bytes);
    body.remove_prefix(piece.size());
    if (const auto fed = parser.feed(piece); !fed) {
      parsed.error = fed.error().message;
      return parsed;
    }
  }
  if (const auto finished = parser.finish(); !finished) parsed.error = finished.error().message;
  return parsed;
}

const std::string two_parts =
    "--B\r\nContent-Disposition: form-data; name=\"round\"\r\n\r\n3\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"model_file\"; filename=\"m.pt\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\n\r\n--BX\r\n--\r\n-\r\r\n--B--\r\n";

TEST(Multipart, GivesTheSamePartsWhateverThePiecesAre) {
  for (std::size_t piece_bytes = 1; piece_bytes <= two_parts.size(); ++piece_bytes) {
    const auto parsed = parse(two_parts, "B", piece_bytes);
    ASSERT_EQ(parsed.error, "");
    ASSERT_EQ(parsed.parts.size(), 2U);
    EXPECT_EQ(parsed.parts[0].head.name, "round");
    EXPECT_EQ(parsed.parts[0].head.filename, std::nullopt);
    EXPECT_EQ(parsed.parts[0].data, "3");
    EXPECT_EQ(parsed.parts[1].head.filename, "m.pt");
    EXPECT_EQ(parsed.parts[1].head.content_type, "application/octet-stream");
    EXPECT_EQ(parsed.parts[1].data, "\r\n--BX\r\n--\r\n-\r");
    EXPECT_TRUE(parsed.parts[0].ended && parsed.parts[1].ended);
  }
}

TEST(Multipart, ReadsWhatRealClientsSend) {
  const std::string head = "Content-Disposition: form-data; ";
  const std::vector<std::string> bodies = {
      "--B\r\n" + head + "name=\"a\"\r\n\r\nx\r\n--B--",                          // no CRLF at the end
      "--B  \r\n" + head + "name=a\r\n\r\nx\r\n--B--\r\n",                        // padding, unquoted
      "hello\r\n--B\r\n" + head + "name=\"a\"\r\n\r\nx\r\n--B--\r\nbye --B\r\n",  // preamble and epilogue
      "--Bogus\r\n--B\r\n" + head + "name=\"a\"\r\n\r\nx\r\n--B--",               // a longer word in front
      "--B\r\ncontent-disposition:form-data;name=\"a\"\r\nX-Other: y\r\n\r\nx\r\n--B--",  // spelled otherwise
      "\r\n--B\r\n" + head + "name*=utf-8''%61\r\n\r\nx\r\n--B--",                        // RFC 5987
  };
  for (const auto& body : bodies) {
    const auto parsed = parse(body);
    EXPECT_EQ(parsed.error, "") << body;
    ASSERT_EQ(parsed.parts.size(), 1U) << body;
    EXPECT_EQ(parsed.parts[0].head.name, "a") << body;
    EXPECT_EQ(parsed.parts[0].data, "x") << body;
  }
}

TEST(Multipart, ReadsAFileNameInFrontOfTheName) {
  const auto head = parse_part_head("Content-Disposition: form-data; filename=\"a b.pt\"; name=file");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->name, "file");
  EXPECT_EQ(head->filename, "a b.pt");
}

TEST(Multipart, ReadsEmptyPartsAndNoParts) {
  const auto empty = parse("--B\r\nContent-Disposition: form-data; name=a; filename=\"\"\r\n\r\n\r\n--B--");
  ASSERT_EQ(empty.parts.size(), 1U);
  EXPECT_EQ(empty.parts[0].data, "");
  EXPECT_EQ(empty.parts[0].head.filename, "");
  EXPECT_TRUE(empty.parts[0].ended);
  const auto none = parse("--B--\r\n");
  EXPECT_EQ(none.error, "");
  EXPECT_TRUE(none.parts.empty());
}

TEST(Multipart, RefusesABodyThatBreaksOff) {
  for (std::size_t length = 0; length < two_parts.size() - 4; ++length) {
    EXPECT_EQ(parse(two_parts.substr(0, length)).error, "The multipart body ends before its last boundary.")
        << length;
  }
}

TEST(Multipart, RefusesPartsWithoutAUsableHead) {
  for (const std::string head :
       {"", "X: y", "Content-Disposition: form-data", "Content-Disposition: attachment; name=a",
        "no colon here", "Content-Disposition: form-data; filename=a"}) {
    const auto parsed = parse("--B\r\n" + head + (head.empty() ? "" : "\r\n") + "\r\nx\r\n--B--");
    EXPECT_NE(parsed.error, "") << head;
    EXPECT_TRUE(parsed.parts.empty()) << head;
  }
}

TEST(Multipart, RefusesAnEmptyOrHugeBoundary) {
  EXPECT_THAT(parse("--\r\n", "").error, ::testing::StartsWith("Invalid boundary in multipart"));
  EXPECT_THAT(parse("--\r\n", std::string(201, 'b')).error,
              ::testing::StartsWith("Invalid boundary in multipart"));
}

TEST(Multipart, HoldsItsLimits) {
  const std::string part = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
  EXPECT_EQ(parse(part + part + "--B--", "B", 7, {.parts_max = 2}).error, "");
  EXPECT_EQ(parse(part + part + part + "--B--", "B", 7, {.parts_max = 2}).error, "More than 2 parts.");
  const auto huge_head = "--B\r\nX: " + std::string(9000, 'x');
  EXPECT_EQ(parse(huge_head, "B", 100).error, "A part's header is larger than 8192 bytes.");
  EXPECT_EQ(parse("--B" + std::string(9000, ' '), "B", 100).error,
            "The multipart body ends before its last boundary.");
}

TEST(Multipart, PassesDataOnInsteadOfCollectingIt) {
  const auto parsed = parse(
      "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n" + std::string(1 << 20, '\r') + "\r\n--B--", "B",
      1000);
  EXPECT_EQ(parsed.parts.at(0).data.size(), 1U << 20);
  EXPECT_LE(parsed.largest_piece_bytes, 1010U);
}

TEST(Multipart, StopsWhenACallbackSaysSo) {
  MultipartParser parser{
      "B",
      {[](const PartHead&) { return false; }, [](std::string_view) { return true; }, [] { return true; }}};
  const auto fed = parser.feed(two_parts);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().stop, MultipartParser::Stop::by_callback);
  EXPECT_FALSE(parser.feed("more"));
  EXPECT_FALSE(parser.finish());
}

}  // namespace
}  // namespace fedlog::http
