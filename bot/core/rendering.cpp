#include "bot/core/rendering.hpp"

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

// Slack's buttons: the member `value` of every object whose member `type` is "button". Nothing else is touched, and
// nothing is added.
void blank_slack(Json& value) {
  if (auto* members = value.if_object()) {
    auto const type = members->find("type");
    bool const button = type != members->end() && type->second.text() == "button";
    for (auto& [name, member] : *members) {
      if (button && name == "value") {
        member = "";
      } else {
        blank_slack(member);
      }
    }
  } else if (auto* items = value.if_array()) {
    for (auto& item : *items) blank_slack(item);
  }
}

}  // namespace

Result<std::string> rendering_digest(std::string_view platform, Json body) {
  if (platform != "slack")
    return make_error(Errc::unsupported, "This release does not know how messages of the platform " +
                                             printable_ascii(platform, 40) + " are digested.");
  blank_slack(body);
  try {
    return digest_of(canonical(body));
  } catch (Failure const& failure) {
    return failure.error();
  }
}

}  // namespace core
