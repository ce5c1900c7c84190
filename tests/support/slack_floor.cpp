#include "tests/support/slack_floor.hpp"

#include <algorithm>
#include <cctype>

#include "bot/process/sanitized.hpp"

namespace support {

using core::Json;
using State = playground::Interaction::State;

namespace {

playground::StandInOptions with_erin(playground::StandInOptions options) {
  if (process::kSanitized) options.ack_limit *= 10;                   // it is some twenty times as slow
  for (auto& user : options.world.users) user.is_restricted = false;  // dave is one of us
  if (options.world.user("U0ERIN") != nullptr) return options;
  playground::SlackUser erin;
  erin.id = "U0ERIN";
  erin.name = "erin";
  erin.real_name = "Erin Sato";
  erin.email = "erin@example.org";
  options.world.users.push_back(erin);
  if (auto* incidents = options.world.channel(SlackFloor::kChannel)) incidents->members.push_back(erin.id);
  return options;
}

std::string person_of(std::string const& user) {
  auto name = user.substr(std::min<std::size_t>(2, user.size()));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

bool in_channel(Json const& message) {
  auto const thread = message["thread_ts"].text();
  return (thread.empty() || thread == message["ts"].text()) && !message["is_ephemeral"].boolean();
}

std::string read(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    struct Escape {
      std::string_view from;
      char to;
    };
    char c = text.front();
    std::size_t taken = 1;
    for (auto const& one : {Escape{"&lt;", '<'}, Escape{"&gt;", '>'}, Escape{"&amp;", '&'}}) {
      if (!text.starts_with(one.from)) continue;
      c = one.to;
      taken = one.from.size();
    }
    out += c;
    text.remove_prefix(taken);
  }
  return out;
}

// Everything that Block Kit shows as text, in order.
void collect(Json const& value, std::string& out) {
  if (auto const* list = value.if_array()) {
    for (auto const& one : *list) collect(one, out);
  } else if (auto const* members = value.if_object()) {
    for (auto const& [key, member] : *members) {
      if (auto const* text = member.if_string(); text != nullptr && key == "text") {
        out += read(*text) + "\n";
      } else if (key != "metadata") {
        collect(member, out);
      }
    }
  }
}

std::string text_of(Json const& value) {
  std::string out;
  collect(value, out);
  return out;
}

std::uint64_t number(ChatFloor::Act const& act) { return std::stoull(act); }

}  // namespace

SlackFloor::SlackFloor(net::Io& io, playground::StandInOptions options)
    : ChatFloor(io), slack_(io, with_erin(std::move(options))) {}

std::string SlackFloor::user(std::string const& person) {
  auto name = person;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return "U0" + name;
}

std::string SlackFloor::section(Secret const& secret) const {
  auto const& world = slack_.world();
  return "  slack: {workspace: " + world.team_id + ", api_url: \"" + slack_.api_url() +
         "\", app_token: " + secret("app_token", world.app_token) +
         ", bot_token: " + secret("bot_token", world.bot_token) + ", connections: 2}\n";
}

std::string SlackFloor::button_of(Json const& message, std::string const& verb) {
  auto const* blocks = message["blocks"].if_array();
  for (std::size_t b = 0; blocks && b < blocks->size(); ++b) {
    auto const* elements = (*blocks)[b]["elements"].if_array();
    for (std::size_t i = 0; elements && i < elements->size(); ++i) {
      if ((*elements)[i]["action_id"].text().starts_with(verb)) return (*elements)[i]["action_id"].text();
    }
  }
  return {};
}

// --- what is to be seen ---------------------------------------------------------------------------------------------

std::optional<Json> SlackFloor::stored(std::string const& id) const {
  auto const all = slack_.messages(kChannel);
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (!in_channel(*it) || core::dump(*it).find(id) == std::string::npos) continue;
    if (!button_of(*it, "approve").empty()) remembered_[id] = *it;
    return *it;
  }
  return std::nullopt;
}

std::vector<Copy> SlackFloor::copies(std::string const& id) const {
  std::vector<Copy> found;
  for (auto const& message : slack_.messages(kChannel)) {
    if (!in_channel(message) || core::dump(message).find(id) == std::string::npos) continue;
    bool const open = !button_of(message, "approve").empty();
    if (open) remembered_[id] = message;
    found.push_back({message["ts"].text(), text_of(message), open});
  }
  return found;
}

std::vector<Copy> SlackFloor::replies(std::string const& id) const {
  std::vector<Copy> found;
  auto const top = stored(id);
  for (auto const& message : slack_.messages(kChannel)) {
    if (top && message["thread_ts"].text() == (*top)["ts"].text() && message["ts"].text() != (*top)["ts"].text() &&
        !message["is_ephemeral"].boolean())
      found.push_back({message["ts"].text(), text_of(message)});
  }
  return found;
}

std::vector<std::string> SlackFloor::told(std::string const& person) const {
  std::vector<std::string> texts;
  for (auto const& message : slack_.messages(kChannel)) {
    if (message["is_ephemeral"].boolean() && message["ephemeral_user"].text() == user(person))
      texts.push_back(read(message["text"].text()));
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> SlackFloor::rings() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (auto const& ping : slack_.pings()) {
    if (ping.update || ping.ephemeral) continue;
    // A message notifies a person once, however often it names them: in its text for the lock screen and in a block.
    auto const one = std::pair(ping.ts, ping.kind == "user" ? person_of(ping.target) : ping.kind);
    if (std::find(found.begin(), found.end(), one) == found.end()) found.push_back(one);
  }
  return found;
}

std::map<std::string, int> SlackFloor::standing() const {
  std::map<std::string, int> found;
  for (auto const& message : slack_.messages(kChannel)) {
    if (auto const key = message["metadata"]["event_payload"]["key"].text(); !key.empty()) ++found[key];
  }
  return found;
}

// --- what people do -------------------------------------------------------------------------------------------------

std::optional<ChatFloor::Act> SlackFloor::click(std::string const& person, std::string const& id,
                                                std::string const& verb) {
  auto const found = stored(id);
  if (!found) return std::nullopt;
  auto const clicked = slack_.click(
      {.user = user(person), .channel = kChannel, .ts = (*found)["ts"].text(), .action_id = button_of(*found, verb)});
  return clicked ? std::optional(std::to_string(*clicked)) : std::nullopt;
}

bool SlackFloor::acknowledged(Act const& act) const { return slack_.interaction(number(act))->state == State::acked; }

bool SlackFloor::settled(std::uint64_t interaction) {
  return wait([&] { return slack_.interaction(interaction)->state != State::sent; });
}

void SlackFloor::double_tap(std::string const& person, std::string const& id) {
  auto const first = click(person, id, "approve"), second = click(person, id, "approve");
  for (auto const& act : {first, second}) {
    if (act) settled(number(*act));
  }
}

void SlackFloor::submit(std::string const& person, Json const& values) {
  auto made = slack_.submit(user(person), values);
  if (!made) made = slack_.submit(user(person), values, /*force=*/true);  // the client asks for more: a hostile one
  if (!made) return;
  settled(*made);
  if (slack_.interaction(*made)->answer["response_action"].text() == "errors")
    static_cast<void>(slack_.close_modal(user(person), /*all=*/true));
}

void SlackFloor::explain(std::string const& person, std::string const& id, std::string const& verb,
                         std::string const& note) {
  if (click(person, id, verb) && wait([&] { return !slack_.modals(user(person)).empty(); }))
    submit(person, Json::object({{"note", note}}));
}

std::string SlackFloor::read_and_approve(std::string const& person, std::string const& id) {
  if (!click(person, id, "approve") || !wait([&] { return !slack_.modals(user(person)).empty(); })) return {};
  auto const shown = text_of(slack_.modals(user(person)).back());
  submit(person, Json(Json::Object{}));
  return shown;
}

std::string SlackFloor::typed(std::string const& person, std::string const& text) {
  auto const made = slack_.slash(user(person), kChannel, "/countersign", text);
  if (!made || !settled(*made) || slack_.interaction(*made)->state != State::acked) return "NOT ANSWERED";
  return slack_.interaction(*made)->answer["text"].text();
}

// --- what clients, liars and platforms do ---------------------------------------------------------------------------

namespace {

// What the message's Approve button carries.
std::string value_in(Json const& message) {
  for (auto const& block : *message["blocks"].if_array()) {
    auto const* elements = block["elements"].if_array();
    for (std::size_t i = 0; elements && i < elements->size(); ++i) {
      if ((*elements)[i]["action_id"].text().starts_with("approve")) return (*elements)[i]["value"].text();
    }
  }
  return {};
}

}  // namespace

std::optional<ChatFloor::Act> SlackFloor::late_click(std::string const& person, std::string const& id) {
  auto const found = remembered_.find(id);
  if (found == remembered_.end()) return std::nullopt;
  auto const& old = found->second;
  auto const made = slack_.click({.user = user(person),
                                  .channel = kChannel,
                                  .ts = old["ts"].text(),
                                  .action_id = button_of(old, "approve"),
                                  .value = value_in(old)});
  return made ? std::optional(std::to_string(*made)) : std::nullopt;
}

std::vector<Forgery> SlackFloor::forgeries() const {
  return {{"another binding"},         {"nonsense"},       {"another request's button"}, {"another workspace"},
          {"a guest's own workspace"}, {"another channel"}};
}

void SlackFloor::forge(std::string const& name, std::string const& person, std::string const& id) {
  auto const found = stored(id);
  if (!found) return;
  auto const team = Json::object({{"id", "T0OTHER"}});
  playground::Click click{.user = user(person),
                          .channel = kChannel,
                          .ts = (*found)["ts"].text(),
                          .action_id = button_of(*found, "approve")};
  if (name == "another binding") {
    auto value = value_in(*found);
    auto const digit = value.find("sha256:") + 9;
    value[digit] = value[digit] == '0' ? '1' : '0';
    click.value = value;
  } else if (name == "nonsense") {
    click.value = "nonsense";
  } else if (name == "another request's button") {
    for (auto const& [other, message] : remembered_) {
      if (other != id) click.value = value_in(message);
    }
  } else if (name == "another workspace") {
    click.patch = Json::object({{"team", team}});
  } else if (name == "a guest's own workspace") {
    click.patch = Json::object({{"user", Json::object({{"team_id", "T0OTHER"}})}});
  } else {
    click.patch = Json::object(
        {{"channel", Json::object({{"id", "C0ELSE"}})}, {"container", Json::object({{"channel_id", "C0ELSE"}})}});
  }
  if (auto const made = slack_.click(click)) settled(*made);
}

bool SlackFloor::again(Act const& act) {
  auto const made = slack_.redeliver(number(act));
  return made && settled(*made);
}

std::size_t SlackFloor::replay_all() {
  std::vector<std::uint64_t> sent;
  std::vector<std::pair<std::string, Json>> all;
  for (auto const& one : slack_.interactions())
    all.emplace_back(one.kind == "slash_commands" ? "slash_commands" : "interactive", one.payload);
  for (auto const& [type, payload] : all) sent.push_back(slack_.deliver(type, payload));
  for (auto const one : sent) settled(one);
  return sent.size();
}

std::size_t SlackFloor::cross_to(ChatFloor& other) {
  auto& there = static_cast<SlackFloor&>(other);
  std::size_t count = 0;
  for (auto const& one : slack_.interactions()) {
    auto const type = one.kind == "slash_commands" ? "slash_commands" : "interactive";
    there.settled(there.slack_.deliver(type, one.payload));
    ++count;
  }
  return count;
}

// --- its network ----------------------------------------------------------------------------------------------------

namespace {

playground::Fault fault(std::string method, Trouble trouble) {
  using Kind = playground::Fault::Kind;
  auto const kind = trouble == Trouble::rate_limit     ? Kind::rate_limit
                    : trouble == Trouble::server_error ? Kind::status
                                                       : Kind::cut_after_done;
  return {.method = std::move(method), .kind = kind, .times = 1};
}

}  // namespace

void SlackFloor::spoil_post(Trouble trouble) { slack_.add_fault(fault("chat.postMessage", trouble)); }

bool SlackFloor::make(Outsider kind, std::string const& person) {
  for (auto& one : slack_.world().users) {
    if (one.id != user(person)) continue;
    one.is_restricted |= kind == Outsider::guest;
    one.deleted |= kind == Outsider::deactivated;
    one.is_bot |= kind == Outsider::bot;
    if (kind == Outsider::shared_channel) one.team_id = "T0OTHER";
    return true;
  }
  return false;
}

void SlackFloor::hide_accounts(bool hidden) {
  if (hidden) return slack_.add_fault({.method = "users.info", .times = -1});
  slack_.clear_faults();
}

void SlackFloor::spoil_update(Trouble trouble) { slack_.add_fault(fault("chat.update", trouble)); }

void SlackFloor::revoke() { slack_.world().bot_token = "xoxb-not-given-out"; }

void SlackFloor::renew(Secret const& secret) {
  slack_.world().bot_token = "xoxb-another";
  static_cast<void>(secret("bot_token", slack_.world().bot_token));
}

std::size_t SlackFloor::calls() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(slack_.calls(), [](auto const& call) { return call.method != "apps.connections.open"; }));
}

std::size_t SlackFloor::saying(std::string_view words) const {
  return static_cast<std::size_t>(std::ranges::count_if(slack_.messages(kChannel), [&](Json const& message) {
    return in_channel(message) && text_of(message).find(words) != std::string::npos;
  }));
}

}  // namespace support
