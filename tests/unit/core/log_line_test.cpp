// T73 and T37: whatever a fact or a paper holds, a log line stays one line of JSON, and nothing commands a terminal.
#include "bot/core/log_line.hpp"

#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hostile_words.hpp"
#include "tests/support/result_text.hpp"

using core::Json;

namespace {

core::Time const kTime = core::parse_time("2026-11-21T10:00:00.000Z").value();

// Bytes that end a line, or that a terminal obeys: C0, DEL, and C1 and the separators in UTF-8.
std::string raw_controls(std::string_view text) {
  std::string found;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const byte = static_cast<unsigned char>(text[i]);
    auto const next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    bool const c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    if (byte < 0x20 || byte == 0x7f || c1) found += std::to_string(byte) + " ";
  }
  for (auto const* piece : {"\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff"}) {
    if (text.find(piece) != std::string_view::npos) found += "format ";
  }
  return found;
}

std::string every_byte() {
  std::string text;
  for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
  for (auto const* piece :
       {"\u0080", "\u0085", "\u009b31m", "\u009f", "\u2028", "\u2029", "\u202e", "\u2066", "\U000e0041"})
    text += piece;
  return text;
}

void blank(std::string& text) {
  for (auto at = text.find("hunter2"); at != std::string::npos; at = text.find("hunter2")) text.replace(at, 7, "[x]");
}

void check_line(std::string const& line, std::string const& level, std::string const& message) {
  if (auto const raw = raw_controls(line); !raw.empty()) FAIL_CHECK("raw: " << raw << " in " << line);
  auto const read = core::parse_json(line, {.max_bytes = 1 << 22, .max_string = 1 << 20});
  REQUIRE(read);
  CHECK((*read)["time"].text() == "2026-11-21T10:00:00.000Z");
  CHECK((*read)["level"].text() == level);
  CHECK((*read)["message"].text() == message);
}

}  // namespace

TEST_CASE("T73 log lines: no fact ends its line, begins another, or takes the place of time, level and message") {
  auto const hostile = "\n{\"time\":\"x\",\"level\":\"error\",\"message\":\"forged\"}\r\n" + every_byte();
  auto const nested =
      Json::object({{"list", Json::array({hostile, Json::object({{hostile.substr(0, 80), hostile}})})}});
  check_line(core::log_line(kTime, "info", "ready", {{"text", hostile}}), "info", "ready");
  check_line(core::log_line(kTime, "info", "ready", {{"deep", nested}}), "info", "ready");
  check_line(core::log_line(kTime, "info", "ready", {{hostile, 1}, {"", hostile}}), "info", "ready");
  check_line(core::log_line(kTime, "warn", "ready", {{"level", "error"}, {"message", hostile}, {"time", ""}}), "warn",
             "ready");
  auto const forged = core::log_line(kTime, "warn", "a\nb\x1b[2J", {});
  check_line(forged, "warn", "a b\\x1b[2J");
}

TEST_CASE("T73 log lines: a thousand hostile facts") {
  auto const seed = GENERATE(range(0U, 20U));
  support::HostileWords words(seed, {"\",\"level\":\"error\"", "}\n{", "\u009b", "\r"});
  for (int i = 0; i < 50; ++i) {
    std::vector<std::pair<std::string, Json>> fields;
    for (auto n = words.below(6); n > 0; --n) {
      auto const text = words.text(40);
      fields.emplace_back(words.text(6),
                          words.below(2) ? Json(text) : Json::array({text, Json::object({{text, text}})}));
    }
    check_line(core::log_line(kTime, "info", "fact", std::move(fields)), "info", "fact");
  }
}

TEST_CASE("T73 log lines: secrets are blanked at any depth, also in the message, and long texts are cut") {
  auto const line = core::log_line(kTime, "info", "got hunter2",
                                   {{"a", "hunter2"},
                                    {"b", Json::array({Json::object({{"c", "is hunter2"}})})},
                                    {"long", std::string(100'000, 'x')}},
                                   &blank);
  CHECK(line.find("hunter2") == std::string::npos);
  CHECK(line.size() < 2 * core::kMaxLogText);
}

TEST_CASE("T37 printed JSON: another parser reads the same value, a terminal obeys nothing") {
  for (auto const* text : {"plain", "\u00e9\U0001f600", "\u009b31m", "\x7f", "\u202e\u2066\u200b", "\U000e0041",
                           "tab\there", "\x1b[2J", "a\nb"}) {
    auto const value = Json::object({{text, Json::array({text})}});
    auto const line = core::visible_json(value);
    if (auto const raw = raw_controls(line); !raw.empty()) FAIL_CHECK("raw: " << raw);
    CHECK(core::parse_json(line).value() == value);
  }
  CHECK(core::visible_json(Json("\u00e9")) == "\"\u00e9\"");  // what is harmless stays as it is
}
