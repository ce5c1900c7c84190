#include "bot/net/http_answer.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <chrono>

namespace net::detail {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

std::string http_date() {  // RFC 9110 section 5.6.7
  static constexpr char const* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr char const* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto const day = std::chrono::floor<std::chrono::days>(now);
  std::chrono::year_month_day const date{day};
  std::chrono::hh_mm_ss const time{now - day};
  auto const two = [](auto value) {
    auto text = std::to_string(value);
    return text.size() < 2 ? "0" + text : text;
  };
  return std::string{kDays[std::chrono::weekday{day}.c_encoding()]} + ", " + two(static_cast<unsigned>(date.day())) +
         " " + kMonths[static_cast<unsigned>(date.month()) - 1] + " " + std::to_string(static_cast<int>(date.year())) +
         " " + two(time.hours().count()) + ":" + two(time.minutes().count()) + ":" + two(time.seconds().count()) +
         " GMT";
}

}  // namespace

bool clean(Headers const& headers) {
  auto const one_line = [](std::string_view text) {
    return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
  };
  return std::ranges::all_of(headers, [&](auto const& header) {
    return !header.first.empty() && header.first.find_first_of(": \t") == std::string::npos && one_line(header.first) &&
           one_line(header.second);
  });
}

std::string answer_head(unsigned status, Headers const& headers, unsigned version, bool keep_alive) {
  auto const reason = http::obsolete_reason(http::int_to_status(status));
  std::string text = "HTTP/1.1 " + std::to_string(status) + " " + std::string{reason.data(), reason.size()} + "\r\n";
  text += "Date: " + http_date() + "\r\n";
  for (auto const& [name, value] : headers) {
    if (beast::iequals(name, "Content-Length") || beast::iequals(name, "Date") || beast::iequals(name, "Connection") ||
        beast::iequals(name, "Transfer-Encoding"))
      continue;
    text += name + ": " + value + "\r\n";
  }
  text += keep_alive && version >= 11 ? "" : keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  return text;
}

}  // namespace net::detail
