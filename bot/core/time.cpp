#include "bot/core/time.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace core {

namespace {

struct Fields {
  int year, month, day, hour, minute, second, milli;
};

Fields split(Time time) {
  auto const day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day const date{day};
  auto const rest = std::chrono::duration_cast<Duration>(time - day).count();
  return {int{date.year()},
          static_cast<int>(unsigned{date.month()}),
          static_cast<int>(unsigned{date.day()}),
          static_cast<int>(rest / 3'600'000),
          static_cast<int>(rest / 60'000 % 60),
          static_cast<int>(rest / 1000 % 60),
          static_cast<int>(rest % 1000)};
}

// Reads exactly `width` digits at `at`; -1 if they are not all digits.
int digits(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

struct Unit {
  std::string_view name;
  std::int64_t millis;
};
constexpr std::array<Unit, 5> kUnits{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

}  // namespace

std::string format_time(Time time) {
  auto const f = split(time);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", f.year, f.month, f.day, f.hour, f.minute,
                f.second, f.milli);
  return buffer;
}

std::string format_day(Time time) {
  auto const f = split(time);
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%04d%02d%02d", f.year, f.month, f.day);
  return buffer;
}

std::string format_clock(Time time) {
  auto const f = split(time);
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%02d:%02d:%02d UTC", f.hour, f.minute, f.second);
  return buffer;
}

Result<Time> parse_time(std::string_view text) {
  auto const bad = [&] {
    return make_error(Errc::bad_input,
                      "\"" + std::string(text.substr(0, 40)) + "\" is no time of the form 2026-11-21T10:15:30.250Z");
  };
  if (text.size() < 20 || text.size() > 24 || text.back() != 'Z') return bad();
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return bad();
  int const year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  int const hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  int milli = 0;
  if (text.size() > 20) {
    if (text[19] != '.' || text.size() == 21) return bad();
    auto const width = text.size() - 21;
    milli = digits(text, 20, width);
    if (milli < 0) return bad();
    for (auto w = width; w < 3; ++w) milli *= 10;
  }
  std::chrono::year_month_day const date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59)
    return bad();
  return Time{std::chrono::sys_days{date}} + Duration{((hour * 60 + minute) * 60 + second) * 1000LL + milli};
}

std::string format_duration(Duration duration) {
  auto rest = duration.count();
  if (rest == 0) return "0s";
  std::string text = rest < 0 ? "-" : "";
  if (rest < 0) rest = -rest;
  for (auto const& unit : kUnits) {
    if (auto const count = rest / unit.millis; count > 0) {
      text += std::to_string(count) + std::string(unit.name);
      rest %= unit.millis;
    }
  }
  return text;
}

std::string duration_words(Duration duration) {
  auto const millis = duration.count();
  if (millis < 1000) return std::to_string(millis) + " ms";
  if (millis < 59'950)
    return std::to_string((millis + 50) / 1000) + "." + std::to_string((millis + 50) / 100 % 10) + " s";
  return format_duration(std::chrono::round<std::chrono::seconds>(duration));
}

Result<Duration> parse_duration(std::string_view text) {
  auto const bad = [&] {
    return make_error(Errc::bad_input,
                      "\"" + std::string(text.substr(0, 40)) +
                          "\" is no duration; write a number and a unit: 250ms, 10s, 5m, 2h, 1d or 1h30m");
  };
  constexpr std::int64_t kMost = 3650LL * 86'400'000;  // ten years: beyond it, it is a typing error
  std::int64_t total = 0;
  std::size_t at = 0;
  if (text.empty()) return bad();
  while (at < text.size()) {
    std::size_t const start = at;
    std::int64_t count = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - start < 12)
      count = count * 10 + (text[at++] - '0');
    if (at == start) return bad();
    std::size_t const unit_start = at;
    while (at < text.size() && text[at] >= 'a' && text[at] <= 'z') ++at;
    auto const name = text.substr(unit_start, at - unit_start);
    bool known = false;
    for (auto const& unit : kUnits) {
      if (unit.name == name) {
        if (count > kMost / unit.millis) return bad();
        total += count * unit.millis;
        known = true;
      }
    }
    if (!known && !(count == 0 && name.empty() && at == text.size())) return bad();
    if (total > kMost) return bad();
  }
  return Duration{total};
}

}  // namespace core
