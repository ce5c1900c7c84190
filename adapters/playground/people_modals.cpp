// Modals: the stack, submissions and their answers. Source: docs.slack.dev/surfaces/modals.
#include <algorithm>

#include "adapters/playground/people.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxStack = 3;

core::Error refuse(std::string text) { return core::make_error(core::Errc::bad_input, std::move(text)); }

}  // namespace

People::TriggerResult People::use_trigger(std::string_view trigger_id) {
  auto const known = triggers_.find(trigger_id);
  if (known == triggers_.end()) return {"invalid_trigger_id", {}, {}};
  if (known->second.used) return {"exchanged_trigger_id", {}, {}};
  if (context_.now() > known->second.until) return {"expired_trigger_id", {}, {}};
  known->second.used = true;
  return {{}, known->second.user, known->second.from_view};
}

Json People::stored_view(Json view, Json const& previous, std::string const& parent) {
  auto const& world = context_.options.world;
  auto blocks = view["blocks"];
  complete_blocks(blocks, [this] { return context_.random_text(5); });
  view.set("blocks", std::move(blocks));
  auto const id = previous["id"].text("V0" + context_.random_text(9));
  view.set("id", id)
      .set("team_id", world.team_id)
      .set("app_id", world.app_id)
      .set("bot_id", world.bot_id)
      .set("app_installed_team_id", world.team_id)
      .set("hash", store_.next_ts().substr(0, 10) + "." + context_.random_text(8))
      .set("root_view_id", previous["root_view_id"].text(id))
      .set("previous_view_id", parent.empty() ? Json() : Json(parent))
      .set("state", Json::object({{"values", Json(Json::Object{})}}));
  for (auto const* key : {"callback_id", "external_id", "private_metadata"}) view.set(key, view[key].text());
  for (auto const* key : {"clear_on_close", "notify_on_close"}) view.set(key, view[key].boolean());
  for (auto const* key : {"title", "submit", "close"}) {
    auto text = view[key];
    if (text.is_object() && text["emoji"].is_null()) text.set("emoji", true);
    view.set(key, text);
  }
  return view;
}

Modal* People::find_modal(Json const& which) {
  auto const id = which["view_id"].text(), external = which["external_id"].text();
  for (auto& [user, stack] : modals) {
    for (auto& modal : stack) {
      if (!id.empty() ? modal.view["id"].text() == id
                      : !external.empty() && modal.view["external_id"].text() == external) {
        return &modal;
      }
    }
  }
  return nullptr;
}

People::ViewResult People::show_view(std::string const& user, Json view, bool push) {
  auto const external = view["external_id"].text();
  if (!external.empty() && find_modal(Json::object({{"external_id", external}})) != nullptr) {
    return {"duplicate_external_id"};
  }
  auto& stack = modals[user];
  if (push && stack.size() >= kMaxStack) return {"push_limit_reached"};
  if (!push) stack.clear();
  auto const parent = stack.empty() ? std::string() : stack.back().view["id"].text();
  auto const root = stack.empty() ? Json() : Json::object({{"root_view_id", stack.front().view["id"]}});
  Modal modal{stored_view(std::move(view), root, parent), {}, false};
  stack.push_back(std::move(modal));
  context_.changed();
  return {{}, stack.back().view};
}

People::ViewResult People::update_view(Json const& which, Json view) {
  auto* modal = find_modal(which);
  if (modal == nullptr) return {"not_found"};
  if (auto const hash = which["hash"].text(); !hash.empty() && hash != modal->view["hash"].text()) {
    return {"hash_conflict"};
  }
  modal->view = stored_view(std::move(view), modal->view, modal->view["previous_view_id"].text());
  modal->errors = {};
  context_.changed();
  return {{}, modal->view};
}

// {"block": "text"} or {"block": {"action": "text"}} → state.values, with null for what was left empty.
Json People::state_values(Modal const& modal, Json const& values) const {
  Json state(Json::Object{});
  auto const* blocks = modal.view["blocks"].if_array();
  if (blocks == nullptr) return state;
  for (auto const& block : *blocks) {
    if (block["type"].text() != "input") continue;
    auto const& element = block["element"];
    auto const block_id = block["block_id"].text();
    auto const action = element["action_id"].text("input");
    auto given = values[block_id];
    if (given.is_object() && !given[action].is_null()) given = given[action];
    if (given.is_null()) given = element["initial_value"];
    auto const type = element["type"].text();
    auto value = Json::object({{"type", type}});
    if (type == "plain_text_input" || type == "number_input") {
      value.set("value", given.text().empty() ? Json() : given);
    } else {
      Json chosen;
      if (auto const* options = element["options"].if_array()) {
        for (auto const& option : *options) {
          if (option["value"] == given) chosen = option;
        }
      }
      value.set("selected_option", chosen);
    }
    state.set(block_id, Json::object({{action, value}}));
  }
  return state;
}

Json People::client_errors(Modal const& modal, Json const& state) const {
  Json errors;
  for (auto const& block : *modal.view["blocks"].if_array()) {
    if (block["type"].text() != "input" || block["element"]["type"].text() != "plain_text_input") continue;
    auto const id = block["block_id"].text();
    auto const& element = block["element"];
    auto const text = state[id][element["action_id"].text("input")]["value"].text();
    auto const length = static_cast<std::int64_t>(length_of(text));
    if (text.empty()) {
      if (!block["optional"].boolean()) errors.set(id, "Please complete this required field.");
    } else if (length < element["min_length"].integer(0)) {
      errors.set(id, "Please enter at least " + std::to_string(element["min_length"].integer()) + " characters.");
    } else if (length > element["max_length"].integer(3000)) {
      errors.set(id, "Please enter at most " + std::to_string(element["max_length"].integer(3000)) + " characters.");
    }
  }
  return errors;
}

core::Result<std::uint64_t> People::submit(std::string_view user, Json const& values, bool force, Json const& patch) {
  auto const known = modals.find(user);
  if (known == modals.end() || known->second.empty()) return refuse(std::string(user) + " has no modal open.");
  auto& modal = known->second.back();
  if (modal.busy) return refuse("The modal is being sent already.");
  auto const state = state_values(modal, values);
  if (auto errors = client_errors(modal, state); !errors.is_null() && !force) {
    modal.errors = std::move(errors);
    context_.changed();
    return refuse("The client refuses to send it: " + core::dump(modal.errors));
  }
  modal.errors = {};
  modal.busy = true;
  Interaction interaction;
  interaction.kind = "view_submission";
  interaction.user = user;
  auto payload = envelope_base("view_submission", user);
  auto view = modal.view;
  view.set("state", Json::object({{"values", state}}));
  interaction.trigger_id = new_trigger(user, view["id"].text());
  payload.set("trigger_id", interaction.trigger_id);
  payload.set("view", std::move(view)).set("response_urls", Json::array());
  merge_patch(payload, patch);
  interaction.payload = std::move(payload);
  context_.changed();
  return hub_->deliver(std::move(interaction));
}

void People::answer_submission(Interaction& interaction) {
  auto& stack = modals[interaction.user];
  auto const view_id = interaction.payload["view"]["id"].text();
  auto const at =
      std::find_if(stack.begin(), stack.end(), [&](Modal const& modal) { return modal.view["id"].text() == view_id; });
  if (at == stack.end()) return;
  at->busy = false;
  auto const trouble = [&](std::string why) {
    context_.find("view_submission answered with " + std::move(why));
    warn(interaction.user, "We had some trouble connecting. Try again?");
  };
  if (!interaction.answer.is_object()) {
    stack.erase(at);
    context_.changed();
    return;
  }
  auto const action = interaction.answer["response_action"].text();
  if (action == "errors") {
    auto const* errors = interaction.answer["errors"].if_object();
    if (errors == nullptr || errors->empty()) return trouble("no errors object");
    for (auto const& [block_id, text] : *errors) {
      bool known = false;
      for (auto const& block : *at->view["blocks"].if_array()) {
        known = known || (block["type"].text() == "input" && block["block_id"].text() == block_id);
      }
      if (!known) return trouble("an error for \"" + block_id + "\", which is no input block");
      if (text.text().empty()) return trouble("an empty error text");
    }
    at->errors = interaction.answer["errors"];
  } else if (action == "update" || action == "push") {
    auto const problems = check_view(interaction.answer["view"]);
    if (!problems.empty()) return trouble("a bad view: " + problems.front().text());
    if (action == "update") {
      at->view = stored_view(interaction.answer["view"], at->view, at->view["previous_view_id"].text());
      at->errors = {};
    } else if (auto const result = show_view(interaction.user, interaction.answer["view"], true);
               !result.error.empty()) {
      return trouble(result.error);
    }
  } else if (action == "clear") {
    auto const closed = std::exchange(stack, {});
    for (auto const& modal : closed) {
      if (modal.view["id"].text() != view_id) send_view_closed(interaction.user, modal, true);
    }
  } else {
    return trouble("response_action \"" + action + "\"");
  }
  context_.changed();
}

void People::send_view_closed(std::string const& user, Modal const& modal, bool cleared) {
  if (!modal.view["notify_on_close"].boolean()) return;
  Interaction interaction;
  interaction.kind = "view_closed";
  interaction.user = user;
  interaction.payload = envelope_base("view_closed", user);
  interaction.payload.set("view", modal.view).set("is_cleared", cleared);
  hub_->deliver(std::move(interaction));
}

core::Result<std::uint64_t> People::close_modal(std::string_view user, bool all) {
  auto const known = modals.find(user);
  if (known == modals.end() || known->second.empty()) return refuse(std::string(user) + " has no modal open.");
  auto& stack = known->second;
  std::vector<Modal> closed;
  if (all || stack.back().view["clear_on_close"].boolean()) {
    closed = std::exchange(stack, {});
    all = true;
  } else {
    closed.push_back(stack.back());
    stack.pop_back();
  }
  auto const before = hub_->interactions.size();
  for (auto const& modal : closed) send_view_closed(std::string(user), modal, all);
  context_.changed();
  auto const after = hub_->interactions.size();
  return after > before ? std::uint64_t{after} : std::uint64_t{0};
}

}  // namespace playground
