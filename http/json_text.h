#pragma once

#include <string>
#include <string_view>

// JSON written straight into a text, for lists that are too long to be held as values first.
namespace fedlog::http {

// A string with its quotes. The text is valid UTF-8.
void append_json_text(std::string& json, std::string_view text);

// A finite number, in the digits that Python shows it in: the shortest that read back as the same number.
void append_json_number(std::string& json, double number);

}  // namespace fedlog::http
