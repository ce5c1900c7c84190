// The first line is the template, the rest a value: no crash, no nesting, and a checked value holds no control.
#include <cstdlib>

#include "bot/core/request.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  std::string const text(data, data + size);
  auto const line = text.find('\n');
  auto const form = text.substr(0, line);
  auto const value = line == std::string::npos ? std::string("{{a}}") : text.substr(line + 1);
  auto const names = core::placeholders(form);
  auto const done = core::substitute(form, {{"a", value}, {"b", "{{a}}"}});
  if (done && !names) std::abort();
  // A mark that stands for itself shows how often the value went in: once a placeholder, never inside another value.
  auto const marked = core::substitute(form, {{"a", "{{b}}"}, {"b", "{{a}}"}});
  if (done.has_value() != marked.has_value()) std::abort();
  if (done && !core::why_not_value(value)) {
    for (char const c : value) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
    }
    if (value.starts_with('-')) std::abort();
  }
  return 0;
}
