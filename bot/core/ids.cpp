#include "bot/core/ids.hpp"

#include <cstdio>

namespace core {

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::uint32_t to_number(std::string_view text) {
  std::uint32_t value = 0;
  for (char const c : text) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  return value;
}

bool real_day(std::string_view day) {
  if (day.size() != 8 || !all_digits(day)) return false;
  std::chrono::year_month_day const date{std::chrono::year{static_cast<int>(to_number(day.substr(0, 4)))},
                                         std::chrono::month{to_number(day.substr(4, 2))},
                                         std::chrono::day{to_number(day.substr(6, 2))}};
  return date.ok();
}

// "000042" or, past a million a day, seven digits without a leading zero: one spelling for each number.
bool is_counter(std::string_view text) {
  if (!all_digits(text)) return false;
  return text.size() == 6 || (text.size() == 7 && text.front() != '0');
}

Error bad_id(std::string_view what, std::string_view text, std::string_view form) {
  std::string shown;
  for (char const c : text.substr(0, 40)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return make_error(Errc::bad_input,
                    "\"" + shown + "\" is no " + std::string(what) + "; it looks like " + std::string(form));
}

}  // namespace

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  auto const alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!alnum(text.front())) return false;
  for (char const c : text) {
    if (!alnum(c) && c != '_' && c != '-' && c != '.') return false;
  }
  return text.find("..") == std::string_view::npos;
}

std::string six_digits(std::uint32_t counter) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%06u", counter);
  return buffer;
}

std::string counter_folder(std::string_view day, std::uint32_t counter) {
  auto const digits = six_digits(counter);
  auto const head = digits.size() - 4;  // the last two digits stand in the name itself
  std::string path;
  path.append(day.substr(0, 4)).append("/").append(day.substr(4, 2)).append("/").append(day.substr(6, 2));
  return path + "/" + digits.substr(0, head) + "/" + digits.substr(head, 2);
}

Result<CaseId> CaseId::parse(std::string_view text) {
  if (text.size() < 18 || text.size() > 19 || !text.starts_with("CS-") || text[11] != '-' ||
      !real_day(text.substr(3, 8)) || !is_counter(text.substr(12))) {
    return bad_id("case id", text, "CS-20261121-000042");
  }
  return CaseId(std::string(text));
}

CaseId CaseId::make(std::string day, std::uint32_t counter) {
  return CaseId("CS-" + std::move(day) + "-" + six_digits(counter));
}

std::uint32_t CaseId::counter() const { return to_number(std::string_view(text_).substr(12)); }

std::string CaseId::folder() const { return "cases/" + counter_folder(day(), counter()) + "/" + text_; }

Result<RequestId> RequestId::parse(std::string_view text) {
  auto const dash = text.rfind("-R");
  auto const bad = [&] { return bad_id("request id", text, "CS-20261121-000042-R1"); };
  if (dash == std::string_view::npos) return bad();
  auto const number = text.substr(dash + 2);
  if (!CaseId::parse(text.substr(0, dash)) || !all_digits(number) || number.size() > 4 || number.front() == '0')
    return bad();
  return RequestId(std::string(text));
}

RequestId RequestId::make(CaseId const& of, std::uint32_t number) {
  return RequestId(of.str() + "-R" + std::to_string(number));
}

CaseId RequestId::case_id() const {
  return CaseId::parse(std::string_view(text_).substr(0, text_.rfind("-R"))).value();
}

std::uint32_t RequestId::number() const { return to_number(std::string_view(text_).substr(text_.rfind("-R") + 2)); }

std::string RequestId::short_name() const {
  auto name = "CS-" + std::to_string(case_id().counter());
  return number() == 1 ? name : name + "-R" + std::to_string(number());
}

std::string RequestId::folder() const { return case_id().folder() + "/requests/R" + std::to_string(number()); }

}  // namespace core
