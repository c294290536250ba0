#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "http/application.h"
#include "tests/http/fake_gateway.h"
#include "tests/http/message_builders.h"

namespace fedlog::http::testing {

struct Part {
  std::string name;
  std::string content;
  std::string filename = {};  // with one it is a file
};

inline std::string multipart_body(const std::vector<Part>& parts) {
  std::string body;
  for (const auto& part : parts) {
    body += "--edge\r\nContent-Disposition: form-data; name=\"" + part.name + "\"";
    if (!part.filename.empty()) body += "; filename=\"" + part.filename + "\"";
    body += "\r\n\r\n" + part.content + "\r\n";
  }
  return body + "--edge--\r\n";
}

// The answer to the JSON body "{" followed by anything but a name.
inline constexpr auto broken_json_answer =
    "{\"detail\":\"JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 "
    "(char 1)\"}";

// What a request brings beside its path.
struct Sent {
  std::string content_type = {};
  std::string body = {};
  std::vector<NameValue> headers = {};
};

// The API over a fake gateway, without sockets. Callers are known by their tokens: the user's number in 40
// digits.
class ApiTest : public ::testing::Test {
 protected:
  static std::string token_of(std::uint8_t user) {
    auto digits = std::to_string(user);
    return std::string(40 - digits.size(), '0') + digits;
  }

  domain::User add_user(std::uint8_t number, const std::string& name, bool superuser = false) {
    gateway.tokens[token_of(number)] = id_number<domain::UserId>(number);
    return world.user(number, name, superuser);
  }

  // `user` 0 sends no credentials.
  Response send(std::uint8_t user, const std::string& method, const std::string& path, Sent sent = {}) {
    if (user != 0) sent.headers.emplace_back("Authorization", "Token " + token_of(user));
    if (!sent.content_type.empty()) sent.headers.emplace_back("Content-Type", sent.content_type);
    auto request = make_request(method, path, std::move(sent.headers));
    request.id = "request-1";
    request.remote_address = "192.0.2.7";
    StringBody body{std::move(sent.body), piece_bytes};
    return Application{gateway, settings}.answer(request, body);
  }
  Response send_json(std::uint8_t user, const std::string& method, const std::string& path,
                     const nlohmann::json& body) {
    return send(user, method, path, {"application/json", body.dump()});
  }
  Response send_form(std::uint8_t user, const std::string& method, const std::string& path,
                     const std::string& body) {
    return send(user, method, path, {"application/x-www-form-urlencoded", body});
  }
  Response send_parts(std::uint8_t user, const std::string& method, const std::string& path,
                      const std::vector<Part>& parts) {
    return send(user, method, path, {"multipart/form-data; boundary=edge", multipart_body(parts)});
  }

  static std::string text_of(const Response& response) { return std::get<std::string>(response.body); }

  World world;
  ::testing::NiceMock<FakeGateway> gateway{world};
  config::Settings settings;
  std::size_t piece_bytes = 1 << 20;
};

// EXPECT_ANSWER(response, 400, R"({"detail":"..."})"): status and the body to the letter.
#define EXPECT_ANSWER(response, expected_status, expected_body)                        \
  do {                                                                                 \
    const ::fedlog::http::Response answer_ = (response);                               \
    EXPECT_EQ(answer_.status, expected_status) << std::get<std::string>(answer_.body); \
    EXPECT_EQ(std::get<std::string>(answer_.body), expected_body);                     \
  } while (false)

}  // namespace fedlog::http::testing
