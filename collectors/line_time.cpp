#include "collectors/line_time.hpp"

#include <re2/re2.h>

#include <array>
#include <ctime>

namespace collectors {
namespace {

constexpr std::size_t kWithin = 80;

struct Patterns {
  RE2 iso{
      R"((?:^|[^0-9])(\d{4})[-/](\d\d)[-/](\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,3})\d*)?\s?(Z|z|[+-]\d\d:?\d\d)?)"};
  RE2 common{R"((\d\d)/(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4}))"};
  RE2 syslog{R"(^(?:<\d{1,3}>)?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ \d]\d) (\d\d):(\d\d):(\d\d)\b)"};
};

Patterns const& patterns() {
  static Patterns const made;
  return made;
}

int month_of(std::string_view name) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  return static_cast<int>(kMonths.find(name) / 3) + 1;
}

struct Civil {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0;
};

std::optional<core::Time> utc(Civil const& civil) {
  using namespace std::chrono;
  year_month_day const date{year{civil.year}, month{static_cast<unsigned>(civil.month)},
                            day{static_cast<unsigned>(civil.day)}};
  if (!date.ok() || civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
  return core::Time(sys_days{date} + hours{civil.hour} + minutes{civil.minute} + seconds{civil.second} +
                    milliseconds{civil.millis});
}

std::optional<core::Time> local(Civil const& civil) {
  if (!utc(civil)) return std::nullopt;
  std::tm parts{};
  parts.tm_year = civil.year - 1900;
  parts.tm_mon = civil.month - 1;
  parts.tm_mday = civil.day;
  parts.tm_hour = civil.hour;
  parts.tm_min = civil.minute;
  parts.tm_sec = civil.second;
  parts.tm_isdst = -1;
  auto const seconds = std::mktime(&parts);
  if (seconds == -1) return std::nullopt;
  return core::Time(std::chrono::seconds(seconds) + std::chrono::milliseconds(civil.millis));
}

std::optional<core::Time> with_zone(Civil const& civil, std::string_view zone) {
  if (zone.empty()) return local(civil);
  auto time = utc(civil);
  if (!time || zone == "Z" || zone == "z") return time;
  auto const digit = [&](std::size_t at) { return zone[at] - '0'; };
  auto const minutes_at = zone.size() == 6 ? std::size_t{4} : std::size_t{3};
  auto const offset =
      std::chrono::minutes((digit(1) * 10 + digit(2)) * 60 + digit(minutes_at) * 10 + digit(minutes_at + 1));
  return zone[0] == '+' ? *time - offset : *time + offset;
}

}  // namespace

std::optional<core::Time> line_time(std::string_view line, core::Time now) {
  re2::StringPiece const text(line.data(), std::min(line.size(), kWithin));
  Civil civil;
  std::string fraction, zone, name;
  if (RE2::PartialMatch(text, patterns().iso, &civil.year, &civil.month, &civil.day, &civil.hour, &civil.minute,
                        &civil.second, &fraction, &zone)) {
    fraction.resize(3, '0');
    civil.millis = std::stoi(fraction);
    return with_zone(civil, zone);
  }
  if (RE2::PartialMatch(text, patterns().common, &civil.day, &name, &civil.year, &civil.hour, &civil.minute,
                        &civil.second, &zone)) {
    civil.month = month_of(name);
    return with_zone(civil, zone);
  }
  std::string day;
  if (RE2::PartialMatch(text, patterns().syslog, &name, &day, &civil.hour, &civil.minute, &civil.second)) {
    civil.month = month_of(name);
    civil.day = std::stoi(day);
    civil.year = static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year());
    auto time = local(civil);
    if (!time || *time > now + std::chrono::hours(24)) {
      --civil.year;
      time = local(civil);
    }
    return time;
  }
  return std::nullopt;
}

}  // namespace collectors
