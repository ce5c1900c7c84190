#include "adapters/playground/people.hpp"

#include <algorithm>

namespace playground {

using core::Json;

namespace {

core::Error refuse(std::string text) { return core::make_error(core::Errc::bad_input, std::move(text)); }

// should_escape: names, channels and URLs become tokens (docs.slack.dev/interactivity/implementing-slash-commands).
std::string escape_command(std::string_view text, SlackWorld const& world) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto const rest = text.substr(i);
    auto const word = rest.substr(0, rest.find_first_of(" \t\n"));
    bool const at_start = i == 0 || text[i - 1] == ' ';
    std::string token;
    if (at_start && word.starts_with('@')) {
      for (auto const& user : world.users) {
        if (user.name == word.substr(1)) token = "<@" + user.id + "|" + user.name + ">";
      }
    } else if (at_start && word.starts_with('#')) {
      for (auto const& channel : world.channels) {
        if (channel.name == word.substr(1)) token = "<#" + channel.id + "|" + channel.name + ">";
      }
    } else if (at_start && (word.starts_with("http://") || word.starts_with("https://"))) {
      token = "<" + std::string(word) + ">";
    }
    if (token.empty()) {
      out += escape(rest.substr(0, 1));
      ++i;
    } else {
      out += token;
      i += word.size();
    }
  }
  return out;
}

}  // namespace

People::People(SlackContext& context, SlackStore& store) : context_(context), store_(store) {}

void People::connect(SocketHub& hub, std::string origin) {
  hub_ = &hub;
  origin_ = std::move(origin);
}

Json People::user_json(std::string_view id) const {
  auto const& world = context_.options.world;
  auto const* user = world.user(id);
  auto const name = user == nullptr ? std::string(id) : user->name;
  auto const team = user == nullptr || user->team_id.empty() ? world.team_id : user->team_id;
  return Json::object({{"id", id}, {"username", name}, {"name", name}, {"team_id", team}});
}

Json People::team_json() const {
  return Json::object({{"id", context_.options.world.team_id}, {"domain", context_.options.world.team_domain}});
}

std::string People::new_trigger(std::string_view user, std::string_view from_view) {
  auto const id = std::to_string(1'000'000'000 + context_.pick(9'000'000'000)) + "." +
                  std::to_string(context_.pick(1'000'000'000)) + "." + context_.random_text(32);
  triggers_[id] = {std::string(user), std::string(from_view), context_.now() + context_.options.trigger_life, false};
  return id;
}

std::string People::new_response_url(char const* kind, ResponseUrl target) {
  auto const id = context_.random_text(24);
  target.until = context_.now() + context_.options.response_url_life;
  response_urls_[id] = std::move(target);
  return origin_ + "/" + kind + "/" + context_.options.world.team_id + "/" +
         std::to_string(100'000 + context_.pick(900'000)) + "/" + id;
}

Json People::envelope_base(std::string const& type, std::string_view user) const {
  return Json::object({{"type", type},
                       {"api_app_id", context_.options.world.app_id},
                       {"token", "deprecatedVerificationToken"},
                       {"team", team_json()},
                       {"enterprise", nullptr},
                       {"is_enterprise_install", false},
                       {"user", user_json(user)}});
}

core::Result<std::uint64_t> People::click(Click const& click) {
  auto const* message = store_.find(click.channel, click.ts);
  if (message == nullptr) return refuse("There is no message " + click.ts + " in " + click.channel + ".");
  if (!message->only_for.empty() && message->only_for != click.user) {
    return refuse("That message is visible to " + message->only_for + " alone.");
  }
  auto const found = find_element(message->body["blocks"], click.action_id);
  if (found.element == nullptr && !click.value) {
    return refuse("The message has no element with the action_id " + click.action_id + ".");
  }
  auto action = found.element == nullptr
                    ? Json::object({{"type", "button"}, {"action_id", click.action_id}, {"block_id", "gone"}})
                    : *found.element;
  if (found.block != nullptr) action.set("block_id", (*found.block)["block_id"]);
  if (click.value) action.set("value", *click.value);
  action.set("action_ts", store_.next_ts());

  bool const ephemeral = !message->only_for.empty();
  auto payload = envelope_base("block_actions", click.user);
  auto const* channel = context_.options.world.channel(click.channel);
  payload.set("channel", Json::object({{"id", click.channel}, {"name", channel == nullptr ? "" : channel->name}}));
  auto container = Json::object(
      {{"type", "message"}, {"message_ts", click.ts}, {"channel_id", click.channel}, {"is_ephemeral", ephemeral}});
  if (message->is_reply()) container.set("thread_ts", message->thread());
  payload.set("container", container);
  if (!ephemeral) payload.set("message", store_.shown(*message, true));
  payload.set("state", Json::object({{"values", Json(Json::Object{})}}));
  Interaction interaction;
  interaction.kind = "block_actions";
  interaction.user = click.user;
  interaction.trigger_id = new_trigger(click.user);
  interaction.response_url =
      new_response_url("actions", {click.user, click.channel, click.ts, message->is_reply() ? message->thread() : ""});
  payload.set("trigger_id", interaction.trigger_id).set("response_url", interaction.response_url);
  payload.set("actions", Json::array({action}));
  if (context_.options.extra_fields && context_.chance(3)) payload.set("is_bot_dm", false);
  merge_patch(payload, click.patch);
  interaction.payload = std::move(payload);
  return hub_->deliver(std::move(interaction));
}

core::Result<std::uint64_t> People::slash(std::string_view user, std::string_view channel, std::string_view command,
                                          std::string_view text) {
  auto const& world = context_.options.world;
  auto const* person = world.user(user);
  auto const* room = world.channel(channel);
  if (person == nullptr) return refuse("There is no user " + std::string(user) + ".");
  if (room == nullptr) return refuse("There is no conversation " + std::string(channel) + ".");
  if (!command.starts_with('/')) return refuse("A command starts with a slash.");
  Interaction interaction;
  interaction.kind = "slash_commands";
  interaction.user = user;
  interaction.trigger_id = new_trigger(user);
  interaction.response_url = new_response_url("commands", {std::string(user), std::string(channel), {}, {}});
  auto const shown_name = !room->im_with.empty() ? "directmessage" : room->is_private ? "privategroup" : room->name;
  interaction.payload = Json::object({{"token", "deprecatedVerificationToken"},
                                      {"api_app_id", world.app_id},
                                      {"team_id", person->team_id.empty() ? world.team_id : person->team_id},
                                      {"team_domain", world.team_domain},
                                      {"is_enterprise_install", "false"},  // a string here, as Slack sends it
                                      {"channel_id", channel},
                                      {"channel_name", shown_name},
                                      {"user_id", user},
                                      {"user_name", person->name},
                                      {"command", command},
                                      {"text", escape_command(text, world)},
                                      {"response_url", interaction.response_url},
                                      {"trigger_id", interaction.trigger_id}});
  return hub_->deliver(std::move(interaction));
}

core::Result<std::string> People::say(std::string_view user, std::string_view channel, std::string_view text,
                                      std::string_view thread_ts) {
  auto const& world = context_.options.world;
  auto const* person = world.user(user);
  auto const* room = world.channel(channel);
  if (person == nullptr) return refuse("There is no user " + std::string(user) + ".");
  if (room == nullptr) return refuse("There is no conversation " + std::string(channel) + ".");
  if (!thread_ts.empty() && store_.find(channel, thread_ts) == nullptr) return refuse("There is no such thread.");
  StoredMessage message;
  message.channel = channel;
  // A client turns "@bob" into a token before it sends.
  std::string markup;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const rest = text.substr(i);
    if (rest.starts_with('@')) {
      auto const word = rest.substr(1, rest.find_first_of(" \t\n,:;.!?", 1) - 1);
      std::string id = word == world.bot_name ? world.bot_user_id : "";
      for (auto const& other : world.users) {
        if (other.name == word) id = other.id;
      }
      if (!id.empty()) {
        markup += "<@" + id + ">";
        i += word.size();
        continue;
      }
    }
    markup += rest.starts_with("<@") ? "<" : escape(rest.substr(0, 1));
  }
  if (text.find("<@") != std::string_view::npos) markup = re_escape(text);
  message.body = Json::object({{"user", user}, {"team", world.team_id}, {"text", markup}});
  if (!thread_ts.empty()) message.body.set("thread_ts", thread_ts);
  bool const to_bot = !room->im_with.empty();
  bool const mentions = markup.find("<@" + world.bot_user_id) != std::string::npos;
  bool const hears = room->bot_is_member;
  auto const ts = store_.add(std::move(message), false).ts;
  if (hears && (to_bot || mentions)) {
    auto event = Json::object({{"type", to_bot ? "message" : "app_mention"},
                               {"user", user},
                               {"team", world.team_id},
                               {"ts", ts},
                               {"event_ts", ts},
                               {"channel", channel},
                               {"text", markup}});
    if (to_bot) event.set("channel_type", "im");
    if (!thread_ts.empty()) event.set("thread_ts", thread_ts);
    send_event(std::move(event));
  }
  return ts;
}

void People::send_event(Json event) {
  auto const& world = context_.options.world;
  Interaction interaction;
  interaction.kind = "events_api";
  interaction.user = event["user"].text();
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(context_.now().time_since_epoch()).count();
  interaction.payload =
      Json::object({{"token", "deprecatedVerificationToken"},
                    {"team_id", world.team_id},
                    {"context_team_id", world.team_id},
                    {"context_enterprise_id", nullptr},
                    {"api_app_id", world.app_id},
                    {"type", "event_callback"},
                    {"event_id", "Ev0" + context_.random_text(8)},
                    {"event_time", std::int64_t{seconds}},
                    {"event", std::move(event)},
                    {"authorizations", Json::array({Json::object({{"enterprise_id", nullptr},
                                                                  {"team_id", world.team_id},
                                                                  {"user_id", world.bot_user_id},
                                                                  {"is_bot", true},
                                                                  {"is_enterprise_install", false}})})},
                    {"is_ext_shared_channel", false},
                    {"event_context", "4-" + context_.random_text(12)}});
  hub_->deliver(std::move(interaction));
}

void People::warn(std::string const& user, std::string text) {
  auto& list = warnings[user];
  list.push_back(std::move(text));
  if (list.size() > 20) list.erase(list.begin());
  context_.changed();
}

void People::missed(Interaction& interaction) {
  bool const nobody = interaction.state == Interaction::State::undelivered;
  if (interaction.kind == "slash_commands") {
    warn(interaction.user, interaction.payload["command"].text() + " failed with the error \"" +
                               (nobody ? "dispatch_failed" : "operation_timeout") + "\"");
  } else if (interaction.kind == "view_submission") {
    for (auto& modal : modals[interaction.user]) modal.busy = false;
    warn(interaction.user, "We had some trouble connecting. Try again?");
  } else if (interaction.kind == "block_actions") {
    warn(interaction.user, context_.options.world.bot_name + " didn't respond to your click. Try again?");
  }
}

void People::acked(Interaction& interaction) {
  if (interaction.kind == "slash_commands" && interaction.answer.is_object()) {
    post_answer({interaction.user, interaction.payload["channel_id"].text(), {}, {}}, interaction.answer);
  } else if (interaction.kind == "view_submission") {
    answer_submission(interaction);
  }
}

net::HttpResponse People::respond(std::string_view id, Json const& body) {
  auto const no = [](unsigned status, char const* word) {
    return net::HttpResponse{status,
                             {{"Content-Type", "application/json; charset=utf-8"}},
                             core::dump(Json::object({{"ok", false}, {"error", word}}))};
  };
  auto const known = response_urls_.find(id);
  if (known == response_urls_.end()) return no(404, "invalid_url");
  auto& target = known->second;
  if (context_.now() > target.until) return no(404, "expired_url");
  if (target.uses >= context_.options.response_url_uses) return no(404, "used_url");
  if (!body.is_object()) return no(400, "invalid_payload");
  if (auto const& blocks = body["blocks"]; !blocks.is_null()) {
    auto const problems = check_blocks(blocks, Surface::message);
    for (auto const& problem : problems) context_.find("response_url: " + problem.text());
    if (!problems.empty()) return no(400, "invalid_blocks");
  }
  bool const deletes = body["delete_original"].boolean();
  if (!deletes && body["text"].text().empty() && body["blocks"].is_null()) return no(400, "no_text");
  ++target.uses;
  post_answer(target, body);
  return {200, {{"Content-Type", "text/plain"}}, "ok"};
}

void People::post_answer(ResponseUrl const& target, Json const& body) {
  auto fill = [&](Json& into) {
    into.set("text", re_escape(body["text"].text()));
    if (!body["blocks"].is_null()) {
      auto blocks = body["blocks"];
      complete_blocks(blocks, [this] { return context_.random_text(5); });
      into.set("blocks", std::move(blocks));
    } else if (auto* object = into.if_object()) {
      object->erase("blocks");
    }
  };
  if (!target.ts.empty() && body["delete_original"].boolean()) {
    store_.erase(target.channel, target.ts);
    return;
  }
  auto* original = target.ts.empty() ? nullptr : store_.find(target.channel, target.ts);
  if (original != nullptr && body["replace_original"].boolean()) {
    fill(original->body);
    store_.pinged(*original, false, /*update=*/true);
    context_.changed();
    return;
  }
  auto const& world = context_.options.world;
  StoredMessage message;
  message.channel = target.channel;
  message.ours = true;
  message.body = Json::object(
      {{"user", world.bot_user_id}, {"bot_id", world.bot_id}, {"app_id", world.app_id}, {"team", world.team_id}});
  fill(message.body);
  if (body["response_type"].text("ephemeral") != "in_channel") {
    message.only_for = target.user;
    message.body.set("is_ephemeral", true).set("ephemeral_user", target.user);
  }
  auto const thread = body["thread_ts"].text();
  if (!thread.empty()) message.body.set("thread_ts", thread);
  store_.add(std::move(message), false);
}

}  // namespace playground
