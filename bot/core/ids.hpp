// Names and ids. Each kind is a type of its own, so that a request id can never stand where a case id belongs.
// parse() is the only door for outside text.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/core/time.hpp"

namespace core {

// A key in the configuration: person, robot, group, runbook, policy, trigger, collector, channel, parameter, step.
// [a-z0-9][a-z0-9_.-]{0,63}, so it is safe in paths, subjects, trailers and mail-address forms.
bool is_name(std::string_view text);

// "CS-20261121-000042": the UTC day and its counter (six digits, a seventh when a day needs it).
class CaseId {
 public:
  static Result<CaseId> parse(std::string_view text);
  static CaseId make(std::string day, std::uint32_t counter);  // day as format_day writes it
  std::string const& str() const noexcept { return text_; }
  std::string day() const { return text_.substr(3, 8); }
  std::uint32_t counter() const;
  std::string folder() const;  // "cases/2026/11/21/00/00/CS-20261121-000042"
  friend auto operator<=>(CaseId const&, CaseId const&) = default;

 private:
  explicit CaseId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// "CS-20261121-000042-R1".
class RequestId {
 public:
  static Result<RequestId> parse(std::string_view text);
  static RequestId make(CaseId const& of, std::uint32_t number);
  std::string const& str() const noexcept { return text_; }
  CaseId case_id() const;
  std::uint32_t number() const;
  std::string short_name() const;  // "CS-42-R1", and "CS-42" for R1: what people type; the day is left out
  std::string folder() const;      // "cases/…/CS-20261121-000042/requests/R1"
  friend auto operator<=>(RequestId const&, RequestId const&) = default;

 private:
  explicit RequestId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// "2026/11/21/00/00" for day 20261121 and counter 42: at most 100 entries a folder (ledger/FORMAT.md, Paths).
std::string counter_folder(std::string_view day, std::uint32_t counter);
std::string six_digits(std::uint32_t counter);

}  // namespace core
