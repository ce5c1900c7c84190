// Lines of others: fields of the journal, of dpkg's log, times, JSON to be indented, URLs with labels.
#include "bot/core/text.hpp"
#include "collectors/dpkg_log.hpp"
#include "collectors/highlights.hpp"
#include "collectors/http.hpp"
#include "collectors/journal.hpp"
#include "collectors/line_time.hpp"
#include "tests/fuzz/collectors/checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  auto const bytes = fuzz::text_of(data, size);
  auto const now = core::Time(std::chrono::hours(24 * 365 * 56));
  (void)collectors::line_time(bytes, now);

  if (auto const change = collectors::parse_dpkg_line(bytes)) {
    fuzz::require(!core::has_control(change->what) && change->what.size() < 1000, "a change is one short line");
  }
  if (auto const value = collectors::journal_field(bytes, "MESSAGE")) {
    fuzz::require(bytes.ends_with(*value), "a field's value is the end of it");
  }
  if (auto const name = collectors::unit_name(bytes)) {
    fuzz::require(name->size() <= 255 && name->find('/') == std::string::npos && !name->starts_with('-'),
                  "a unit's name");
  }
  auto const third = bytes.size() / 3;
  collectors::JournalEntry const entry{.microseconds = bytes.size() < 8 ? ~std::uint64_t{0} : bytes.size() * 1'000'003,
                                       .host = bytes.substr(0, third),
                                       .identifier = bytes.substr(third, third),
                                       .pid = bytes.substr(0, 20),
                                       .message = bytes.substr(third),
                                       .priority = static_cast<int>(bytes.size() % 12) - 2};
  auto const lines = collectors::journal_lines(entry);
  fuzz::require(core::is_utf8(lines) && !core::has_control(lines, "\n\t") && lines.ends_with('\n'), "an entry is text");
  fuzz::require(collectors::line_time(lines, now).has_value(), "an entry begins with its time");

  auto const indented = collectors::indent_json(bytes);
  fuzz::require(indented == bytes || collectors::indent_json(indented) == indented, "indenting is final");
  if (auto const url = collectors::expand_url("https://h/{{a}}?q={{a}}", {{"a", bytes}})) {
    fuzz::require(url->starts_with("https://h/") && !core::has_control(*url) && url->find(' ') == std::string::npos,
                  "a label stays in its place");
  }
  return 0;
}
