#include "http/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "http/errors.h"
#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

std::string gunzip(const std::string& compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return "cannot inflate";
  std::string plain(1'000'000, '\0');
  auto copy = compressed;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return whole ? plain : "not gzip";
}

std::string long_text(char letter = 'a') {
  return "\"" + std::string(Compression::bytes_min, letter) + "\"";
}

Response answer(const std::string& body, const std::string& type = "application/json") {
  Response response;
  response.headers.set("Content-Type", type);
  response.body = body;
  return response;
}

Response compressed(Response response, const std::string& accept = "gzip") {
  Request request;
  request.headers.add("Accept-Encoding", accept);
  Compression compression;
  compression.apply(request, response);
  return response;
}

bool is_compressed(const Response& response) {
  return response.headers.get("Content-Encoding") == "gzip";
}

TEST(AcceptsGzip, ReadsQualities) {
  for (const std::string yes : {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5, br", "*", "gzip;q=1.000",
                                "identity;q=0.5, gzip;q=0.5", " gzip ; q=0.001 ", "*;q=0.1, br"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const std::string no :
       {"", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "identity, gzip;q=0.5", "gzip;q=0, *", "gzip;q=2",
        "gzip;q=x", "gzip;q=", "gzip;q=0.1234", "gzip;q=-1", "gzip;level=1", "gzipped", ",;,;q=1"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(Compression, MakesLongTextsSmall) {
  for (const std::string type : {"application/json", "application/json; charset=utf-8", "text/html",
                                 "application/vnd.oai.openapi", "TEXT/PLAIN"}) {
    const auto response = compressed(answer(long_text(), type));
    EXPECT_TRUE(is_compressed(response)) << type;
    EXPECT_EQ(gunzip(std::get<std::string>(response.body)), long_text());
    EXPECT_LT(std::get<std::string>(response.body).size(), 100U);
    EXPECT_EQ(response.headers.get("Vary"), "Accept-Encoding");
  }
}

TEST(Compression, LeavesAloneWhatIsShortOrNoTextOrNotWanted) {
  EXPECT_FALSE(is_compressed(compressed(answer(std::string(Compression::bytes_min - 1, 'a')))));
  EXPECT_FALSE(is_compressed(compressed(answer(long_text(), "application/octet-stream"))));
  EXPECT_FALSE(is_compressed(compressed(answer(long_text(), "image/png"))));
  EXPECT_FALSE(is_compressed(compressed(answer(long_text(), ""))));
  EXPECT_FALSE(is_compressed(compressed(answer(long_text()), "br")));
  Response file = answer("");
  file.body = FileBody{"/dev/null", 0, 100'000};
  EXPECT_FALSE(is_compressed(compressed(std::move(file))));
  auto encoded = answer(long_text());
  encoded.headers.set("Content-Encoding", "br");
  EXPECT_EQ(compressed(encoded).headers.get("Content-Encoding"), "br");
  auto part = answer(long_text());
  part.headers.set("Content-Range", "bytes 0-1024/5000");
  EXPECT_FALSE(is_compressed(compressed(part)));
  auto untouchable = answer(long_text());
  untouchable.headers.set("Cache-Control", "no-transform");
  EXPECT_FALSE(is_compressed(compressed(untouchable)));
}

TEST(Compression, TellsCachesWhatTheAnswerDependsOn) {
  auto response = answer(long_text());
  response.headers.set("Vary", "Accept, Origin");
  EXPECT_EQ(compressed(response, "br").headers.get("Vary"), "Accept, Origin, Accept-Encoding");
  EXPECT_EQ(compressed(compressed(response)).headers.get("Vary"), "Accept, Origin, Accept-Encoding");
  response.headers.set("Vary", "*");
  EXPECT_EQ(compressed(response).headers.get("Vary"), "*");
}

TEST(Compression, WeakensAnETag) {
  auto response = answer(long_text());
  response.headers.set("ETag", "\"abc\"");
  EXPECT_EQ(compressed(response).headers.get("ETag"), "W/\"abc\"");
  EXPECT_EQ(compressed(response, "br").headers.get("ETag"), "\"abc\"");
  response.headers.set("ETag", "W/\"abc\"");
  EXPECT_EQ(compressed(response).headers.get("ETag"), "W/\"abc\"");
}

TEST(Compression, RemembersWhatIsAskedForAgainButOnlySoMuch) {
  Compression compression;
  Request request;
  request.headers.add("Accept-Encoding", "gzip");
  const auto ask = [&](const std::string& body) {
    auto response = answer(body);
    compression.apply(request, response);
    EXPECT_EQ(gunzip(std::get<std::string>(response.body)), body);
  };
  for (int time = 0; time < 3; ++time) ask(long_text('a'));
  ask(long_text('b'));
  EXPECT_EQ(compression.statistics().compressed, 2U);
  EXPECT_EQ(compression.statistics().remembered, 2U);
  for (int other = 0; other < 50; ++other) ask(std::string(250'000, 'x') + std::to_string(other));
  ask(long_text('a'));
  EXPECT_EQ(compression.statistics().compressed, 53U);
}

TEST(Compression, CostsThisMachineNothingForWhatItAsksOnce) {
  for (const std::string here : {"127.0.0.1", "127.8.9.1", "::1"}) {
    Compression compression;
    Request request;
    request.remote_address = here;
    request.headers.add("Accept-Encoding", "gzip");
    const auto is_compressed_now = [&](const std::string& body) {
      auto response = answer(body);
      compression.apply(request, response);
      EXPECT_EQ(response.headers.get("Vary"), "Accept-Encoding");
      return is_compressed(response);
    };
    EXPECT_FALSE(is_compressed_now(long_text('a')));
    EXPECT_FALSE(is_compressed_now(long_text('b')));
    EXPECT_EQ(compression.statistics().compressed, 0U);
    // Asked for again, it is compressed once and remembered.
    for (int time = 0; time < 3; ++time) EXPECT_TRUE(is_compressed_now(long_text('a')));
    EXPECT_EQ(compression.statistics().compressed, 1U);
    EXPECT_EQ(compression.statistics().remembered, 2U);
    // What is too large to be remembered would cost the work each time.
    const std::string large(1'000'000, 'x');
    for (int time = 0; time < 3; ++time) EXPECT_FALSE(is_compressed_now(large));
    EXPECT_EQ(compression.statistics().compressed, 1U);
  }
}

TEST(Compression, GivesThisMachineWhatOthersHadCompressed) {
  Compression compression;
  Request there;
  there.remote_address = "192.0.2.7";
  there.headers.add("Accept-Encoding", "gzip");
  auto here = there;
  here.remote_address = "127.0.0.1";
  for (const auto& request : {there, here}) {
    auto response = answer(long_text());
    compression.apply(request, response);
    EXPECT_TRUE(is_compressed(response));
  }
  EXPECT_EQ(compression.statistics().compressed, 1U);
}

class ServerCompressionTest : public testing::ServerTest {};

TEST_F(ServerCompressionTest, AnswersHeadAsGetAndOldClientsToo) {
  text_bytes_ = 5000;
  start();
  auto client = connect();
  const auto accept = "Accept-Encoding: gzip\r\n";
  EXPECT_EQ(body_of(client.call(get("/text", accept))), "{\"detail\":\"" + std::string(5000, 't') + "\"}");
  const auto answer = client.call(get("/text", accept));
  EXPECT_EQ(gunzip(body_of(answer)), "{\"detail\":\"" + std::string(5000, 't') + "\"}");
  client.send("HEAD /text HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
  const auto head = client.receive(true);
  const auto length = "Content-Length: " + std::to_string(body_of(answer).size()) + "\r\n";
  EXPECT_NE(answer.find(length), std::string::npos);
  EXPECT_NE(head.find(length), std::string::npos);
  EXPECT_NE(head.find("Content-Encoding: gzip\r\n"), std::string::npos);
  auto old = connect();
  old.send("GET /text HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(body_of(old.receive_all()), body_of(answer));
}

}  // namespace
}  // namespace fedlog::http
