#include "bot/cli/log_line.hpp"

#include <utility>

#include "bot/cli/printing.hpp"
#include "bot/core/text.hpp"

namespace cli {

namespace {

// A name of a field is ours; one that came from outside all the same (a label) is cut short.
constexpr std::size_t kMaxFieldName = 100;

std::string clean(std::string_view text, ports::Redactor const* redactor) {
  std::string copy(text);
  if (redactor) redactor->redact(copy);
  return core::one_line(copy, kMaxLogText);
}

core::Json clean(core::Json value, ports::Redactor const* redactor) {
  if (auto const* text = value.if_string()) return clean(std::string_view(*text), redactor);
  if (auto* items = value.if_array()) {
    for (auto& item : *items) item = clean(std::move(item), redactor);
  } else if (auto* members = value.if_object()) {
    core::Json::Object named;
    for (auto& [name, member] : *members)
      named.insert_or_assign(core::one_line(name, kMaxFieldName), clean(std::move(member), redactor));
    return named;
  }
  return value;
}

}  // namespace

std::string log_line(core::Time time, char const* level, std::string_view message, ports::Log::Fields fields,
                     ports::Redactor const* redactor) {
  core::Json line = core::Json::object({});
  for (auto& [name, value] : fields) line.set(core::one_line(name, kMaxFieldName), clean(std::move(value), redactor));
  line.set("time", core::format_time(time)).set("level", level).set("message", clean(message, redactor));
  return json_line(line);
}

}  // namespace cli
