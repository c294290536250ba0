#include "tests/http/models_fixture.h"

namespace fedlog::http {
namespace {

using namespace testing;

using Downloads = Models;

TEST_F(Downloads, AreDownloadedFromTheirBlobsFile) {
  const auto answer = send(1, "GET", model_path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/octet-stream");
  EXPECT_EQ(answer.headers.get("Content-Disposition"),
            R"(filename="model-00000000-0000-4000-8000-00000000000a.pt")");
  EXPECT_EQ(answer.headers.get("Cache-Control"), "private, no-cache");
  EXPECT_EQ(answer.headers.get("ETag"), "\"" + blob_number(1).text() + "\"");
  const auto& body = std::get<FileBody>(answer.body);
  EXPECT_EQ(body.path, "blobs/" + blob_number(1).text());
  EXPECT_EQ(body.offset_bytes, 0U);
  EXPECT_EQ(body.length_bytes, 20U);
  EXPECT_EQ(send(1, "HEAD", model_path).status, 200);
  EXPECT_EQ(send(1, "HEAD", model_path, {.headers = {{"Range", "bytes=0-1"}}}).status, 200);
}

TEST_F(Downloads, AreNotSentAgainToWhoHasThem) {
  const auto etag = "\"" + blob_number(1).text() + "\"";
  for (const auto& known : {etag, "\"x\", W/" + etag, std::string{"*"}}) {
    const auto answer = send(1, "GET", model_path, {.headers = {{"If-None-Match", known}}});
    EXPECT_ANSWER(answer, 304, "");
    EXPECT_EQ(answer.headers.get("ETag"), etag);
  }
  EXPECT_EQ(send(1, "GET", model_path, {.headers = {{"If-None-Match", "\"x\""}}}).status, 200);
}

TEST_F(Downloads, AreSentInPart) {
  struct Case {
    std::string range;
    int status;
    std::uint64_t offset_bytes;
    std::uint64_t length_bytes;
    std::string content_range;
  };
  const Case cases[] = {{"bytes=0-4", 206, 0, 5, "bytes 0-4/20"},
                        {"bytes=15-", 206, 15, 5, "bytes 15-19/20"},
                        {"bytes=-3", 206, 17, 3, "bytes 17-19/20"},
                        {"bytes=10-99", 206, 10, 10, "bytes 10-19/20"},
                        {"bytes=-99", 206, 0, 20, "bytes 0-19/20"},
                        {"bytes=4-2", 200, 0, 20, ""},
                        {"bytes=0-1,3-4", 200, 0, 20, ""},
                        {"lines=0-1", 200, 0, 20, ""},
                        {"bytes=x-", 200, 0, 20, ""}};
  for (const auto& [range, status, offset, length, content_range] : cases) {
    const auto answer = send(1, "GET", model_path, {.headers = {{"Range", range}}});
    EXPECT_EQ(answer.status, status) << range;
    EXPECT_EQ(std::get<FileBody>(answer.body).offset_bytes, offset) << range;
    EXPECT_EQ(std::get<FileBody>(answer.body).length_bytes, length) << range;
    EXPECT_EQ(answer.headers.get("Content-Range"), content_range) << range;
  }
  for (const char* range : {"bytes=20-", "bytes=-0"}) {
    const auto answer = send(1, "GET", model_path, {.headers = {{"Range", range}}});
    EXPECT_EQ(answer.status, 416) << range;
    EXPECT_EQ(answer.headers.get("Content-Range"), "bytes */20");
  }
  const auto changed =
      send(1, "GET", model_path, {.headers = {{"Range", "bytes=0-4"}, {"If-Range", "\"other\""}}});
  EXPECT_EQ(changed.status, 200);
}

}  // namespace
}  // namespace fedlog::http
