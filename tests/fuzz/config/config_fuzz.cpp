// Whatever bytes the file holds: no crash, no exception, and what is accepted or refused keeps its promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bot/core/text.hpp"
#include "config/loader.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  auto const outcome = config::load(bytes, "fuzz.yaml");
  auto const lines = static_cast<std::uint32_t>(std::ranges::count(bytes, '\n')) + 2;
  auto const errors =
      std::ranges::count(outcome.problems, config::Problem::Severity::error, &config::Problem::severity);
  require(outcome.config.has_value() == (errors == 0));
  for (auto const& problem : outcome.problems) {
    require(problem.line >= 1 && problem.line <= lines && problem.column >= 1 && problem.column <= size + 2);
    // These go to terminals and logs.
    require(!core::has_control(problem.message) && !core::has_control(problem.hint));
  }
  require(core::parse_json(core::dump(config::check_report_json(outcome))).has_value());
  if (outcome.config) {
    // What is accepted can be recorded and comes back the same.
    auto const text = core::canonical(config::public_json(*outcome.config));
    auto const rules = core::rules_from_json(core::parse_json(text, {.max_bytes = 16 << 20}).value());
    require(rules.has_value());
    for (auto const& [name, runbook] : outcome.config->rules.runbooks)
      require(core::digest_of(rules->runbooks.at(name)) == core::digest_of(runbook));
  }
  return 0;
}
