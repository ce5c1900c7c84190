#include "bot/cli/ledger_ids.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "bot/core/text.hpp"

namespace cli {

namespace {

// "CS-42" and "CS-42-R2" → counter and "-R2".
std::optional<std::pair<std::uint32_t, std::string>> short_id(std::string const& text) {
  if (!text.starts_with("CS-")) return std::nullopt;
  auto const dash = text.find('-', 3);
  auto const digits = text.substr(3, dash == std::string::npos ? dash : dash - 3);
  auto const rest = dash == std::string::npos ? std::string() : text.substr(dash);
  bool const number = !digits.empty() && digits.size() <= 7 && digits.front() != '0' &&
                      std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!number || !(rest.empty() || core::RequestId::parse("CS-20261121-000042" + rest))) return std::nullopt;
  return std::pair{static_cast<std::uint32_t>(std::stoul(digits)), rest};
}

std::vector<std::string> names_in(ledger::Reader& reader, std::string const& folder) {
  auto names = reader.list(folder);
  if (!names) throw core::Failure(names.error());
  return std::move(*names);
}

// The cases of any day with this counter: their folder follows from day and counter.
std::vector<core::CaseId> cases_with(ledger::Reader& reader, std::uint32_t counter) {
  std::vector<core::CaseId> found;
  for (auto const& year : names_in(reader, "cases/")) {
    for (auto const& month : names_in(reader, "cases/" + year)) {
      for (auto const& day : names_in(reader, "cases/" + year + month)) {
        auto of = core::CaseId::make(year.substr(0, 4) + month.substr(0, 2) + day.substr(0, 2), counter);
        if (!names_in(reader, of.folder() + "/").empty()) found.push_back(std::move(of));
      }
    }
  }
  return found;
}

}  // namespace

std::optional<Asked> find_asked(ledger::Reader& reader, std::string const& id) {
  if (auto const request = core::RequestId::parse(id)) return Asked{request->case_id(), id};
  if (auto const of = core::CaseId::parse(id)) return Asked{*of, {}};
  auto const parts = short_id(id);
  if (!parts)
    throw core::Failure(core::make_error(core::Errc::bad_input,
                                         "\"" + core::printable_ascii(id, 60) +
                                             "\" is no id; write CS-20261121-000042, CS-20261121-000042-R1 or CS-42"));
  auto const found = cases_with(reader, parts->first);
  if (found.size() > 1) {
    std::string list;
    for (auto const& of : found) list += "\n  " + of.str() + parts->second;
    throw core::Failure(core::make_error(
        core::Errc::bad_input,
        id + " stands for " + std::to_string(found.size()) + " cases; name the one you mean by its full id:" + list));
  }
  if (found.empty()) return std::nullopt;
  return Asked{found.front(), parts->second.empty() ? "" : found.front().str() + parts->second};
}

}  // namespace cli
