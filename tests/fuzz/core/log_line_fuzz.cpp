// Whatever a message and its facts hold, a log line is one line and one object (T73): it can't begin another, take the
// place of time, level or message, command a terminal, or show a secret. The first two bytes say where the texts end.
#include <cstdint>

#include "bot/core/log_line.hpp"
#include "tests/fuzz/code_points.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void hide(std::string& text) {
  for (auto at = text.find("hunter2"); at != text.npos; at = text.find("hunter2")) text.replace(at, 7, "[redacted]");
}

// No text at any depth that a terminal or an eye reads as something else, nor one that was not redacted.
void require_clean(core::Json const& value) {
  if (auto const* text = value.if_string()) {
    fuzz::require_visible(*text, /*one_line=*/true);
    require(text->size() <= core::kMaxLogText && text->find("hunter2") == text->npos);
  }
  if (auto const* items = value.if_array()) {
    for (auto const& item : *items) require_clean(item);
  }
  if (auto const* members = value.if_object()) {
    for (auto const& [name, member] : *members) {
      fuzz::require_visible(name, /*one_line=*/true);
      require_clean(member);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view rest(reinterpret_cast<char const*>(data) + 2, size - 2);
  auto const take = [&](std::size_t share) {
    auto const part = rest.substr(0, rest.size() * share / 256);
    rest.remove_prefix(part.size());
    return std::string(part);
  };
  auto const message = take(data[0]), name = take(data[1]), text = std::string(rest);
  using core::Json;
  auto const now = core::parse_time("2026-11-21T10:00:00Z").value();
  auto const line = core::log_line(now, "info", message,
                                   {{name, text},
                                    {"message", "forged"},
                                    {"level", text},
                                    {"deep", Json::array({text, Json::object({{name, text}, {text, name}}), 1, true})}},
                                   hide);

  fuzz::require_visible(line, /*one_line=*/true);
  auto const read = core::parse_json(line);
  require(read.has_value() && read->is_object());
  require_clean(*read);
  require((*read)["level"].text() == "info");
  require(core::parse_time((*read)["time"].text()).value() == now);
  if (message.find("forged") == message.npos) require((*read)["message"].text() != "forged");
  // A message that a log shows as it came is there, letter for letter.
  bool plain = message.size() <= 1000 && message.find("hunter2") == message.npos;
  for (char const c : message) plain = plain && c > 0x20 && c < 0x7f;
  if (plain) require((*read)["message"].text() == message);
  return 0;
}
