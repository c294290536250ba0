#include "http/request_head.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace fedlog::http {
namespace {

std::expected<RequestHead, HeadError> parse(const std::string& head, HeadLimits limits = {}) {
  return parse_request_head(head, limits);
}

int status_of(const std::string& head) {
  const auto parsed = parse(head);
  return parsed ? 200 : parsed.error().status;
}

std::expected<std::optional<std::size_t>, HeadError> find_end(std::string_view input,
                                                              HeadLimits limits = {}) {
  std::size_t scanned_bytes = 0;
  return find_head_end(input, scanned_bytes, limits);
}

const std::string get =
    "GET /a%20b/?x=1&x=2+3 HTTP/1.1\r\nHost: h\r\nX-Request-ID: abc-1\r\naccept:  */* \r\n\r\n";

TEST(RequestHead, ReadsMethodPathQueryAndFields) {
  const auto head = parse(get);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->request.method, "GET");
  EXPECT_EQ(head->request.path, "/a b/");
  EXPECT_EQ(head->request.raw_path, "/a%20b/");
  EXPECT_EQ(head->request.query_parameter("x"), "2 3");
  EXPECT_EQ(head->request.headers.get("Accept"), "*/*");
  EXPECT_EQ(head->request.id, "abc-1");
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->framing.chunked);
  EXPECT_EQ(head->framing.length_bytes, 0U);
}

TEST(RequestHead, DecodesThePathOnlyOnce) {
  EXPECT_EQ(parse("GET /%2541 HTTP/1.1\r\nHost: h\r\n\r\n")->request.path, "/%41");
}

TEST(RequestHead, ReadsTheAbsoluteFormThatProxiesSend) {
  EXPECT_EQ(parse("GET http://h:1/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n")->request.path, "/a");
  EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")->request.path, "/");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")->request.path, "*");
}

TEST(RequestHead, KnowsWhetherTheConnectionGoesOn) {
  const auto keeps = [](const std::string& version, const std::string& connection) {
    return parse("GET / " + version + "\r\nHost: h\r\nConnection: " + connection + "\r\n\r\n")->keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Close"));
  EXPECT_FALSE(keeps("HTTP/1.1", "te, close"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Keep-Alive"));
}

TEST(RequestHead, IgnoresRequestIdsThatCouldSoilALog) {
  const std::string long_id(129, 'a');
  for (const std::string& id :
       {std::string{}, std::string{"a b"}, std::string{"a/b"}, std::string{"\xe4"}, long_id}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nX-Request-ID: " + id + "\r\n\r\n")->request.id, "") << id;
  }
}

TEST(RequestHead, KeepsEscapedControlCharactersInHeaderValuesEscaped) {
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nX: a%0d%0aSet-Cookie: b\r\n\r\n")->request.headers.get("X"),
            "a%0d%0aSet-Cookie: b");
}

TEST(RequestHead, DelimitsTheBody) {
  const auto framing = [](const std::string& fields) {
    return parse("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n")->framing;
  };
  EXPECT_EQ(framing("Content-Length: 12\r\n").length_bytes, 12U);
  EXPECT_TRUE(framing("Transfer-Encoding: Chunked\r\n").chunked);
  EXPECT_TRUE(framing("Content-Length: 12\r\nExpect: 100-continue\r\n").expects_continue);
  EXPECT_FALSE(framing("Expect: 100-continue\r\n").expects_continue);
}

TEST(RequestHead, RefusesWhatCouldBeUnderstoodInTwoWays) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Content-Length: 1\r\nContent-Length: 1\r\n", 400},
      {"Content-Length: 1, 1\r\n", 400},
      {"Content-Length: -1\r\n", 400},
      {"Content-Length: +1\r\n", 400},
      {"Content-Length: 0x1\r\n", 400},
      {"Content-Length:\r\n", 400},
      {"Content-Length: 99999999999999999999\r\n", 400},
      {"Transfer-Encoding: gzip, chunked\r\n", 501},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501},
      {"Transfer-Encoding : chunked\r\n", 400},
      {"Expect: tea\r\n", 417},
      {"X: a\r\n folded\r\n", 400},
      {"no colon\r\n", 400},
      {": empty\r\n", 400},
      {"X: a\rb\r\n", 400},
      {std::string{"X: a\0b\r\n", 8}, 400},
      {"X: \x7f\r\n", 400},
      {"Host: other\r\n", 400},
  };
  for (const auto& [fields, status] : cases) {
    EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"), status) << fields;
  }
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
}

TEST(RequestHead, RefusesBrokenRequestLines) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET /", 400},
      {"GET", 400},
      {"GET  HTTP/1.1", 400},
      {"GET / x HTTP/1.1", 400},
      {"G(T / HTTP/1.1", 400},
      {"GET a HTTP/1.1", 400},
      {"CONNECT h:80 HTTP/1.1", 400},
      {"GET /%zz HTTP/1.1", 400},
      {"GET /%00 HTTP/1.1", 400},
      {"GET /%0d%0aX HTTP/1.1", 400},
      {"GET /%ff HTTP/1.1", 400},
      {"GET /\x01 HTTP/1.1", 400},
      {"GET / HTTP/2.0", 505},
      {"PRI * HTTP/2.0", 505},
      {"GET / HTTP/1.1 ", 400},
      {"GET / http/1.1", 400},
      {std::string(33, 'A') + " / HTTP/1.1", 501},
  };
  for (const auto& [line, status] : cases) EXPECT_EQ(status_of(line + "\r\nHost: h\r\n\r\n"), status) << line;
}

TEST(RequestHead, LimitsTheNumberOfFields) {
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", {.fields_max = 2}));
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n", {.fields_max = 2}).error().status,
            431);
}

TEST(FindHeadEnd, FindsTheBlankLineHoweverTheBytesCome) {
  std::size_t scanned_bytes = 0;
  for (std::size_t length = 1; length < get.size(); ++length) {
    const auto end = find_head_end(get.substr(0, length), scanned_bytes, {});
    ASSERT_TRUE(end && !*end) << length;
  }
  EXPECT_EQ(find_head_end(get + "GET /next", scanned_bytes, {}), get.size());
}

TEST(FindHeadEnd, SkipsEmptyLinesInFront) {
  const auto end = find_end("\r\n\r\n" + get);
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, get.size() + 4);
  EXPECT_EQ(parse("\r\n\r\n" + get)->request.method, "GET");
}

TEST(FindHeadEnd, RefusesWhatIsNoRequestAtItsFirstByte) {
  for (const std::string& input :
       {std::string("\x16\x03\x01"), std::string(" GET"), std::string("\0", 1), std::string("{")}) {
    const auto end = find_end(input);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().status, 400);
  }
}

TEST(FindHeadEnd, RefusesBareLineFeeds) {
  EXPECT_FALSE(find_end("GET / HTTP/1.1\nHost: h\n\n"));
  EXPECT_FALSE(find_end("GET / HTTP/1.1\r\nHost: h\n"));
}

TEST(FindHeadEnd, LimitsTheSizeOfAHead) {
  EXPECT_TRUE(find_end(get, {.bytes_max = get.size()}));
  EXPECT_EQ(find_end(get, {.bytes_max = get.size() - 1}).error().status, 431);
  EXPECT_EQ(find_end(std::string(100, '\n'), {.bytes_max = 100}).error().status, 431);
}

}  // namespace
}  // namespace fedlog::http
