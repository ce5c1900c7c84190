#include "bot/cli/printing.hpp"

#include <openssl/evp.h>

#include <cstdio>

#include "bot/core/log_line.hpp"
#include "bot/core/text.hpp"

namespace cli {

namespace {

constexpr std::size_t kLine = 400;

}  // namespace

std::string json_line(core::Json const& value) { return core::visible_json(value); }

void print_json(core::Json const& value) { std::printf("%s\n", json_line(value).c_str()); }

void print_line(std::string const& label, std::string const& value) {
  if (!value.empty()) std::printf("  %-12s %s\n", label.c_str(), core::one_line(value, kLine).c_str());
}

void print_lines(std::string const& label, std::vector<std::string> const& values) {
  for (std::size_t i = 0; i < values.size(); ++i) print_line(i == 0 ? label : "", values[i]);
}

void print_text(std::string const& text) { std::printf("%s\n", core::one_line(text, kLine).c_str()); }

std::string base64(std::string const& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a NUL behind the text
  auto const length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string time_words(std::string_view time) {
  auto text = core::one_line(time, 30);
  if (text.size() == 24) text = text.substr(0, 10) + " " + text.substr(11, 12);
  return text;
}

}  // namespace cli
