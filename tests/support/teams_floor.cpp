#include "tests/support/teams_floor.hpp"

#include <algorithm>
#include <cctype>

#include "bot/core/request.hpp"

namespace support {

using core::Json;
using State = playground::TeamsDelivery::State;

namespace {

playground::TeamsOptions options() {
  playground::TeamsOptions made;
  // An act that nobody takes is tried again for as long as a restart under a sanitizer may take.
  made.again_after = net::Duration{300};
  made.same_id_again = 60;
  made.quirks = false;  // now and then unlike the documents: tests/unit/teams turns every one of them up
  return made;
}

// Everything that a card shows as text, in order; the runs of a block make one line.
void collect(Json const& value, std::string& out) {
  if (auto const* list = value.if_array()) {
    for (auto const& one : *list) collect(one, out);
    return;
  }
  if (!value.is_object()) return;
  if (auto const* text = value["text"].if_string()) out += *text;
  for (auto const* member : {"body", "items", "columns", "inlines", "facts"}) collect(value[member], out);
  auto const type = value["type"].text();
  if (type == "RichTextBlock" || type == "TextBlock") out += "\n";
}

std::string text_of(Json const& value) {
  std::string out;
  collect(value, out);
  return out;
}

Json element(Json const& card, std::string_view id) {
  auto const* body = card["body"].if_array();
  for (std::size_t i = 0; body && i < body->size(); ++i) {
    if ((*body)[i]["id"].text() == id) return (*body)[i];
  }
  return {};
}

// The data of a button with this verb; null if there is none.
Json button(Json const& card, std::string_view verb) {
  for (auto const* set : {"decide", "ask-set", "again-set"}) {
    auto const buttons = element(card, set);
    auto const* actions = buttons["actions"].if_array();
    for (std::size_t i = 0; actions && i < actions->size(); ++i) {
      if ((*actions)[i]["verb"].text() == verb) return (*actions)[i];
    }
  }
  return {};
}

// "CS-4" stands in it, not only "CS-42".
bool names(Json const& card, std::string const& id) {
  auto const text = core::dump(card), name = core::RequestId::parse(id).value().short_name();
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    auto const next = text[at + name.size()];
    if (next < '0' || next > '9') return true;
  }
  return false;
}

bool is_root(Json const& message) { return message["thread"].text() == message["id"].text(); }
// A request's message, a word of the bot's to all, an answer to one person.
bool is_card(Json const& message) { return message["ours"].boolean() && element(message["card"], "title").is_object(); }
bool is_note(Json const& message) { return message["ours"].boolean() && element(message["card"], "note").is_object(); }
bool is_answer(Json const& message) {
  return message["ours"].boolean() && element(message["card"], "answer").is_object();
}

std::uint64_t number(ChatFloor::Act const& act) { return std::stoull(act); }

}  // namespace

TeamsFloor::TeamsFloor(net::Io& io) : ChatFloor(io), teams_(io, options()) {}

std::string TeamsFloor::account(std::string const& person) const {
  if (person != "alice" && person != "bob" && person != "carol") return {};
  return teams_.world().person(person)->aad_object_id;
}

std::string TeamsFloor::section(Secret const& secret) const {
  auto const& there = teams_.world();
  return "  teams:\n    tenant: " + there.tenant_id + "\n    app_id: " + there.app_id +
         "\n    app_secret: " + secret("teams_secret", there.app_secret) + "\n    service_url: \"" +
         teams_.service_url() + "\"\n    login_url: \"" + teams_.login_url() + "\"\n    openid_url: \"" +
         teams_.metadata_url() + "\"\n    relay: {url: \"" + teams_.relay_url() + "\", path: " + there.relay_path +
         ", key_name: " + there.listen_key_name + ", key: " + secret("relay_key", there.listen_key) + "}\n";
}

// --- what is to be seen ---------------------------------------------------------------------------------------------

std::vector<Copy> TeamsFloor::copies(std::string const& id) const {
  std::vector<Copy> found;
  for (auto const& message : teams_.messages(kChannel)) {
    auto const& card = message["card"];
    if (!is_root(message) || !is_card(message) || !names(card, id)) continue;
    auto const approve = button(card, "approve");
    bool const open = approve.is_object() || button(card, "show").is_object();
    if (approve.is_object())
      remembered_[id] = Json::object({{"message", message["id"].text()}, {"data", approve["data"]}});
    found.push_back({message["id"].text(), text_of(card), open});
  }
  return found;
}

std::vector<Copy> TeamsFloor::replies(std::string const& id) const {
  std::vector<Copy> found;
  auto const top = card(id);
  for (auto const& message : teams_.messages(kChannel)) {
    if (top && !is_root(message) && message["thread"].text() == top->message && is_note(message))
      found.push_back({message["id"].text(), text_of(message["card"])});
  }
  return found;
}

std::vector<std::string> TeamsFloor::told(std::string const& person) const {
  std::vector<std::string> texts;
  for (auto const& delivery : teams_.deliveries()) {  // shown to them alone, on top of the card
    if (delivery.user != person) continue;
    if (auto const words = element(delivery.answer["value"], "words"); words.is_object())
      texts.push_back(text_of(words));
  }
  auto const& known = *teams_.world().person(person);
  std::map<std::string, bool> commands;  // threads that they began with one
  for (auto const& message : teams_.messages(kChannel)) {
    if (!message["ours"].boolean()) commands[message["id"].text()] = true;
    if (!is_answer(message) || commands.contains(message["thread"].text())) continue;
    auto const entities = core::dump(message["card"]["msteams"]["entities"]);
    if (entities.find(known.aad_object_id) != std::string::npos || entities.find(known.id) != std::string::npos)
      texts.push_back(text_of(message["card"]));
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> TeamsFloor::rings() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (auto const& ping : teams_.pings()) {
    auto const message = teams_.message(kChannel, ping.activity);
    if (ping.update || !message || !(*message)["ours"].boolean()) continue;
    if (ping.kind != "person") found.emplace_back(ping.activity, ping.kind);
    for (auto const& key : ping.people) {
      if (ping.kind == "person") found.emplace_back(ping.activity, key);
    }
  }
  return found;
}

std::map<std::string, int> TeamsFloor::standing() const {
  std::map<std::string, int> found;
  for (auto const& message : teams_.messages(kChannel)) {
    auto const& card = message["card"];
    if (is_card(message) && is_root(message))
      ++found["the card " + element(card, "title")["inlines"].at_index(0)["text"].text() + " " +
              text_of(element(card, "ledger"))];
    if (is_note(message)) ++found["in the thread of " + message["thread"].text() + ": " + text_of(card)];
  }
  return found;
}

// --- what people do -------------------------------------------------------------------------------------------------

bool TeamsFloor::settled(std::uint64_t delivery) {
  return wait([&] { return teams_.delivery(delivery)->state != State::waiting; });
}

std::optional<ChatFloor::Act> TeamsFloor::press_action(std::string const& person, std::string const& message,
                                                       std::string const& action, Json const& inputs, Json const& patch,
                                                       int taps) {
  playground::TeamsClick click{.user = person,
                               .conversation = kChannel,
                               .activity = message,
                               .action = action,
                               .inputs = inputs,
                               .taps = taps,
                               .patch = patch};
  auto made = teams_.click(click);
  if (!made) {  // not in their own view, or the client asks for more: a hostile one
    click.force = true;
    made = teams_.click(click);
  }
  return made ? std::optional(std::to_string(*made)) : std::nullopt;
}

std::optional<ChatFloor::Act> TeamsFloor::click(std::string const& person, std::string const& id,
                                                std::string const& verb) {
  auto const found = card(id);
  return found ? press_action(person, found->message, verb) : std::nullopt;
}

bool TeamsFloor::acknowledged(Act const& act) const {
  auto const& delivery = *teams_.delivery(number(act));
  return delivery.state == State::answered &&
         delivery.answer["value"].text().find("till being recorded") == std::string::npos;
}

// A refusal is the card again. What came again may have been a refusal the first time.
bool TeamsFloor::told_recorded(Act const& act) const {
  auto const* words = teams_.delivery(number(act))->answer["value"].if_string();
  return words && acknowledged(act) && *words != "This was recorded already.";
}

std::string TeamsFloor::approve_on(std::string const& message, std::string const& person) {
  auto const act = press_action(person, message, "approve");
  if (!act || !settled(number(*act))) return "NOT ANSWERED";
  auto const& value = teams_.delivery(number(*act))->answer["value"];
  return value.if_string() ? value.text() : text_of(value);
}

std::string TeamsFloor::look_at(std::string const& message, std::string const& person) {
  auto const made = teams_.refresh(person, kChannel, message);
  return made && settled(*made) ? text_of(own_view(person, message)) : "NOTHING";
}

void TeamsFloor::double_tap(std::string const& person, std::string const& id) {
  auto const first = press_action(person, card(id)->message, "approve", {}, {}, /*taps=*/2);
  if (!first) return;
  settled(number(*first));
  settled(number(*first) + 1);
}

void TeamsFloor::explain(std::string const& person, std::string const& id, std::string const& verb,
                         std::string const& note) {
  auto const input = verb == "ask" ? "question" : "note";
  if (auto const act = press_action(person, card(id)->message, verb, Json::object({{input, note}})))
    settled(number(*act));
}

Json TeamsFloor::own_view(std::string const& person, std::string const& message) const {
  auto const seen = teams_.message(kChannel, message, person);
  return seen ? (*seen)["card"] : Json();
}

std::string TeamsFloor::read_and_approve(std::string const& person, std::string const& id) {
  auto const message = card(id)->message;
  std::string shown;
  auto const press = [&](std::string const& action) {
    auto const act = press_action(person, message, action);
    return act && settled(number(*act));
  };
  for (int page = 0; page < 50; ++page) {
    auto const view = own_view(person, message);
    bool const last = button(view, "approve").is_object();
    bool const paging = last || button(view, "show")["title"].text() == "Next page";
    if (paging) shown += text_of(element(view, "action"));
    // An update of the message takes the pages away; what was read stays read.
    if (press(last ? "approve" : paging ? "Next page" : "show") && last) break;
  }
  return shown;
}

// Connected is not acquainted: until the bot has read who is in the channel, it asks a person to try again. They do.
std::string TeamsFloor::typed(std::string const& person, std::string const& text) {
  std::string answer;
  for (int tries = 0; tries < 10; ++tries) {
    answer = typed_once(person, text);
    if (answer.find("or a guest is not known yet") == std::string::npos) break;
  }
  return answer;
}

std::string TeamsFloor::typed_once(std::string const& person, std::string const& text) {
  auto const said = teams_.say(person, kChannel, text);
  if (!said) return "NOT SAID: " + said.error().message;
  std::string answer;
  bool const answered = wait([&] {
    for (auto const& message : teams_.messages(kChannel)) {
      if (message["thread"].text() != said->activity || !is_answer(message)) continue;
      answer = text_of(element(message["card"], "answer"));
      return true;
    }
    return false;
  });
  if (answered) return answer;
  answer = "NOT ANSWERED";  // lost on the way to the bot, or its words on the way back?
  if (auto const* delivery = teams_.delivery(said->delivery)) {
    answer += delivery->state == State::answered ? "; it was delivered: HTTP" : "; it was not delivered: HTTP";
    for (auto const status : delivery->statuses) answer += " " + std::to_string(status);
  }
  return answer;
}

// --- what clients, liars and platforms do ---------------------------------------------------------------------------

Json TeamsFloor::activity(std::string const& person, std::string const& message, Json const& data) const {
  auto const& world = teams_.world();
  auto const& known = *world.person(person);
  return Json::object(
      {{"type", "invoke"},
       {"name", "adaptiveCard/action"},
       {"from", Json::object({{"id", known.id}, {"name", known.name}, {"aadObjectId", known.aad_object_id}})},
       {"conversation", Json::object({{"id", std::string(kChannel) + ";messageid=" + message},
                                      {"conversationType", "channel"},
                                      {"tenantId", world.tenant_id},
                                      {"isGroup", true}})},
       {"channelData",
        Json::object({{"tenant", Json::object({{"id", world.tenant_id}})},
                      {"channel", Json::object({{"id", kChannel}})},
                      {"team", Json::object({{"id", world.team_id}, {"aadGroupId", world.team_aad_group_id}})}})},
       {"replyToId", message},
       {"value",
        Json::object(
            {{"action",
              Json::object({{"type", "Action.Execute"}, {"id", "approve"}, {"verb", "approve"}, {"data", data}})},
             {"trigger", "manual"}})}});
}

std::optional<ChatFloor::Act> TeamsFloor::late_click(std::string const& person, std::string const& id) {
  auto const found = remembered_.find(id);
  if (found == remembered_.end()) return std::nullopt;
  return std::to_string(teams_.deliver(activity(person, found->second["message"].text(), found->second["data"])));
}

std::vector<Forgery> TeamsFloor::forgeries() const {
  return {{"another binding"},      {"nonsense"},          {"another organisation"},
          {"another conversation"}, {"no account at all"}, {"a token that somebody else signed"}};
}

void TeamsFloor::forge(std::string const& name, std::string const& person, std::string const& id) {
  static_cast<void>(card(id));
  auto const& known = remembered_.at(id);
  auto data = known["data"];
  if (name == "another binding") {
    auto binding = data["binding"].text();
    binding.back() = binding.back() == '0' ? '1' : '0';
    data.set("binding", binding);
  } else if (name == "nonsense") {
    data = Json::object({{"v", 9}, {"nonsense", Json::array({1, "two"})}});
  }
  auto made = activity(person, known["message"].text(), data);
  playground::TeamsToken token;
  if (name == "another organisation") {
    auto const& other = teams_.world().other_tenant_id;
    auto conversation = made["conversation"], channel_data = made["channelData"];
    made.set("conversation", conversation.set("tenantId", other));
    made.set("channelData", channel_data.set("tenant", Json::object({{"id", other}})));
  } else if (name == "another conversation") {
    auto conversation = made["conversation"];
    made.set("conversation", conversation.set("id", "19:shared@thread.tacv2"));
  } else if (name == "no account at all") {
    auto from = made["from"];
    from.if_object()->erase("aadObjectId");
    made.set("from", from);
  } else if (name == "a token that somebody else signed") {
    token.flaw = playground::TeamsStandIn::bad_tokens().front();
  }
  settled(teams_.deliver(made, token));
}

bool TeamsFloor::again(Act const& act) {
  auto const made = teams_.redeliver(number(act));
  return made && settled(*made);
}

std::size_t TeamsFloor::replay_all() {
  std::vector<std::uint64_t> all, sent;
  for (auto const& one : teams_.deliveries()) {
    if (!one.automatic) all.push_back(one.id);
  }
  for (auto const id : all) {
    if (auto const made = teams_.redeliver(id)) sent.push_back(*made);
  }
  for (auto const one : sent) settled(one);
  return sent.size();
}

std::size_t TeamsFloor::cross_to(ChatFloor& other) {
  auto& there = static_cast<TeamsFloor&>(other);
  std::vector<Json> all;
  for (auto const& one : teams_.deliveries()) {
    if (!one.automatic) all.push_back(one.activity);
  }
  for (auto& activity : all) {
    activity.if_object()->erase("serviceUrl");  // one service serves both
    there.settled(there.teams_.deliver(activity));
  }
  return all.size();
}

// --- its network ----------------------------------------------------------------------------------------------------

bool TeamsFloor::connected() const {
  auto const all = teams_.listeners();
  return std::count_if(all.begin(), all.end(), [](auto const& one) { return one.open; }) == 2;
}

namespace {

playground::TeamsFault fault(std::string call, Trouble trouble) {
  playground::TeamsFault made{.call = std::move(call), .times = 1};
  if (trouble == Trouble::rate_limit) {
    made.status = 429;
    made.retry_after = 1;
  } else if (trouble == Trouble::lost_answer) {
    made.kind = playground::TeamsFault::Kind::cut_after_done;
  }
  return made;
}

}  // namespace

void TeamsFloor::spoil_post(Trouble trouble) { teams_.add_fault(fault("create", trouble)); }

bool TeamsFloor::make(Outsider kind, std::string const& person) {
  if (kind == Outsider::bot) return false;
  auto& world = teams_.world();
  for (auto& one : world.people) {
    if (one.key != person) continue;
    if (kind == Outsider::guest) one.role = "guest";
    if (kind == Outsider::shared_channel) one.tenant_id = world.other_tenant_id;
    if (kind == Outsider::deactivated) {
      for (auto& conversation : world.conversations) std::erase(conversation.members, person);
    }
    return true;
  }
  return false;
}

void TeamsFloor::hide_accounts(bool hidden) {
  if (hidden) return teams_.add_fault({.call = "member", .times = -1});
  teams_.clear_faults();
}

void TeamsFloor::spoil_update(Trouble trouble) { teams_.add_fault(fault("update", trouble)); }

void TeamsFloor::revoke() {
  teams_.world().app_secret = "not-given-out~1";
  teams_.expire_access_tokens();
}

void TeamsFloor::renew(Secret const& secret) {
  teams_.world().app_secret = "another-secret~2";
  static_cast<void>(secret("teams_secret", teams_.world().app_secret));
}

std::size_t TeamsFloor::calls() const {
  return static_cast<std::size_t>(std::ranges::count_if(teams_.calls(), [](auto const& call) {
    return call.call != "token" && call.call != "openid" && call.call != "keys";
  }));
}

std::size_t TeamsFloor::saying(std::string_view words) const {
  return static_cast<std::size_t>(std::ranges::count_if(teams_.messages(kChannel), [&](Json const& message) {
    return core::dump(message).find(words) != std::string::npos;
  }));
}

}  // namespace support
