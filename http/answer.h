#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "http/connection.h"
#include "http/file_descriptor.h"
#include "http/message.h"

namespace fedlog::http {

// An answer on its way: its head, then a body out of memory or a file. It is sent piece by piece, whenever
// the client takes some, so a client that reads slowly costs memory but no thread.
class Answer {
 public:
  Answer() = default;

  [[nodiscard]] int status() const { return status_; }
  // After it, the next request may follow on the connection.
  [[nodiscard]] bool keeps_connection() const { return keeps_connection_; }
  // Sending it may have to wait for the disk.
  [[nodiscard]] bool has_file() const { return file_left_bytes_ > 0; }
  // What it takes in memory, all of it until its end is sent.
  [[nodiscard]] std::size_t held_bytes() const { return head_.size() + body_.size(); }

  // Sends what the socket takes now.
  [[nodiscard]] Connection::Progress send_now(Connection& connection);

 private:
  friend class AnswerWriter;
  [[nodiscard]] Connection::Progress send_part(Connection& connection, const std::string& part,
                                               std::uint64_t start_bytes);

  int status_ = 0;
  bool keeps_connection_ = false;
  std::string head_;
  std::string body_;
  FileDescriptor file_;
  std::uint64_t file_offset_bytes_ = 0;
  std::uint64_t file_left_bytes_ = 0;
  // Of head and body.
  std::uint64_t sent_bytes_ = 0;
};

// Makes answers of responses: cpp-httplib writes their heads. One for all connections; any thread.
class AnswerWriter {
 public:
  AnswerWriter();
  ~AnswerWriter();

  // Opens the response's file; it must be as long as promised.
  [[nodiscard]] static bool open_file(const Response& response, FileDescriptor& file);
  // `file` is what open_file opened. `without_body`: the answer to HEAD.
  [[nodiscard]] Answer write(Response response, FileDescriptor file, bool keeps_connection,
                             bool without_body) const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace fedlog::http
