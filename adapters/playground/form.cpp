#include "adapters/playground/form.hpp"

#include <algorithm>

namespace playground {

std::string decode_form(std::string_view text) {
  std::string out;
  auto const hex = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void read_form(std::string_view body, core::Json& into) {
  while (!body.empty()) {
    auto const pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    auto const equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    into.set(decode_form(pair.substr(0, equals)), decode_form(pair.substr(equals + 1)));
  }
}

}  // namespace playground
