// views.*. Source: docs.slack.dev/reference/methods/views.open and its neighbours.
#include "adapters/playground/web_api.hpp"

namespace playground {

using core::Json;

Answer WebApi::view_argument(Arguments const& arguments, Json& view) {
  if (!arguments.has("view")) return Answer::missing("view");
  bool bad = false;
  view = arguments.nested("view", &bad);
  if (bad || !view.is_object()) {
    return Answer::error("invalid_arguments", {{"/view", "must be a valid view payload"}});
  }
  if (core::dump(view).size() > kMaxViewBytes) return Answer::error("view_too_large");
  if (auto const problems = check_view(view); !problems.empty()) return Answer::error("invalid_arguments", problems);
  return Answer::ok();
}

Answer WebApi::show_view(Arguments const& arguments, bool push) {
  if (!arguments.has("trigger_id")) return Answer::missing("trigger_id");
  Json view;
  if (auto refused = view_argument(arguments, view); !refused.good()) return refused;
  auto const trigger = people_.use_trigger(arguments.text("trigger_id"));
  if (!trigger.error.empty()) return Answer::error(trigger.error);
  auto const shown = people_.show_view(trigger.user, std::move(view), push);
  return shown.error.empty() ? Answer::ok(Json::object({{"view", shown.view}})) : Answer::error(shown.error);
}

Answer WebApi::open_view(Arguments const& arguments) { return show_view(arguments, false); }

Answer WebApi::push_view(Arguments const& arguments) { return show_view(arguments, true); }

Answer WebApi::update_view(Arguments const& arguments) {
  if (!arguments.has("view_id") && !arguments.has("external_id")) return Answer::missing("view_id");
  Json view;
  if (auto refused = view_argument(arguments, view); !refused.good()) return refused;
  auto const which = Json::object({{"view_id", arguments.text("view_id")},
                                   {"external_id", arguments.text("external_id")},
                                   {"hash", arguments.text("hash")}});
  auto const shown = people_.update_view(which, std::move(view));
  return shown.error.empty() ? Answer::ok(Json::object({{"view", shown.view}})) : Answer::error(shown.error);
}

}  // namespace playground
