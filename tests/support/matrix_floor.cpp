#include "tests/support/matrix_floor.hpp"

#include <algorithm>

namespace support {

using core::Json;

namespace {

Json const& mark(Json const& message) { return message["content"]["org.countersign.message"]; }

bool begins(std::string const& text, std::string_view with) { return text.starts_with(with); }
// What only one person is meant to read, though all of the room can.
bool is_answer(Json const& message) {
  auto const key = mark(message)["key"].text();
  return begins(key, "say ") || begins(key, "whisper ");
}
bool is_action(Json const& message) { return begins(mark(message)["key"].text(), "action "); }

// What a client makes of the HTML that we send: blocks are lines, entities are characters.
std::string read(std::string const& html) {
  struct Escape {
    std::string_view from;
    char to;
  };
  std::string out;
  for (std::string_view rest = html; !rest.empty();) {
    if (rest.front() == '<') {
      auto const end = std::min(rest.find('>'), rest.size() - 1);
      auto const tag = rest.substr(0, end);
      if (tag == "<br" || begins(std::string(tag), "</p") || begins(std::string(tag), "</pre")) out += '\n';
      rest.remove_prefix(end + 1);
      continue;
    }
    char c = rest.front();
    std::size_t taken = 1;
    for (auto const& one : {Escape{"&lt;", '<'}, Escape{"&gt;", '>'}, Escape{"&quot;", '"'}, Escape{"&#39;", '\''},
                            Escape{"&amp;", '&'}}) {
      if (!rest.starts_with(one.from)) continue;
      c = one.to;
      taken = one.from.size();
    }
    out += c;
    rest.remove_prefix(taken);
  }
  return out;
}

}  // namespace

namespace {

// Two homeservers give no event the same id, whatever it says.
playground::MatrixOptions another_homeserver() {
  static std::uint64_t made = 0;
  return {.seed = ++made};
}

}  // namespace

MatrixFloor::MatrixFloor(net::Io& io, Transport transport)
    : ChatFloor(io), matrix_(io, another_homeserver()), transport_(transport) {}

std::string MatrixFloor::account(std::string const& person) const {
  if (person != "alice" && person != "bob" && person != "carol") return {};
  return "\"" + matrix_.world().account(person)->id + "\"";
}

std::string MatrixFloor::section(Secret const& secret) const {
  auto const& there = matrix_.world();
  auto const head = "  matrix:\n    homeserver: \"" + matrix_.origin() + "\"\n";
  auto const user = "    user: \"" + there.bot.id + "\"\n";
  if (transport_ == Transport::sync)
    return head + "    transport: sync\n" + user +
           "    access_token: " + secret("matrix_token", there.bot.access_token) + "\n";
  return head + "    transport: websocket\n" + user + "    as_token: " + secret("as_token", there.as_token) +
         "\n    proxy: \"ws" + matrix_.origin().substr(4) + "\"\n";
}

// --- what is to be seen ---------------------------------------------------------------------------------------------

bool MatrixFloor::by_bot(Json const& message) const { return message["sender"].text() == matrix_.world().bot.id; }

std::vector<Json> MatrixFloor::everything() const {
  auto all = matrix_.messages();
  auto const roots = all.size();
  for (std::size_t i = 0; i < roots; ++i) {
    if (mark(all[i])["kind"].text() != "card") continue;
    for (auto& message : matrix_.thread(all[i]["event_id"].text())) {
      if (!message["thread"].text().empty()) all.push_back(std::move(message));
    }
  }
  return all;
}

std::vector<Copy> MatrixFloor::copies(std::string const& id) const {
  std::vector<Copy> found;
  for (auto const& message : matrix_.messages()) {
    if (!by_bot(message) || mark(message)["kind"].text() != "card" || mark(message)["request"].text() != id) continue;
    bool const open = !mark(message)["approve"].text().empty() && message["reactions"][kTick].is_array();
    found.push_back({message["event_id"].text(), read(message["html"].text()), open});
  }
  return found;
}

std::vector<Copy> MatrixFloor::replies(std::string const& id) const {
  std::vector<Copy> found;
  auto const top = card(id);
  if (!top) return found;
  for (auto const& message : matrix_.thread(top->message)) {
    if (message["event_id"].text() != top->message && by_bot(message) && !is_answer(message) && !is_action(message))
      found.push_back({message["event_id"].text(), read(message["html"].text())});
  }
  return found;
}

std::vector<std::string> MatrixFloor::told(std::string const& person) const {
  std::vector<std::string> texts;
  auto const& user = matrix_.world().account(person)->id;
  for (auto const& message : everything()) {
    bool const command = message["thread"].text().empty() && !message["reply_to"].text().empty();
    if (by_bot(message) && is_answer(message) && !command && message["body"].text().starts_with(user))
      texts.push_back(read(message["html"].text()));
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> MatrixFloor::rings() const {
  std::vector<std::pair<std::string, std::string>> found;
  auto const events = matrix_.events();
  for (auto const& ping : matrix_.pings()) {
    auto const event = std::find_if(events.begin(), events.end(),
                                    [&](Json const& one) { return one["event_id"].text() == ping.event; });
    if (!ping.highlight || event == events.end() || (*event)["sender"].text() != matrix_.world().bot.id) continue;
    auto const* person = matrix_.world().account(ping.person);
    found.emplace_back(ping.event, ping.rule == "is_room_mention" ? "room" : person ? person->key : ping.person);
  }
  return found;
}

std::map<std::string, int> MatrixFloor::standing() const {
  std::map<std::string, int> found;
  for (auto const& message : everything()) {
    if (auto const key = mark(message)["key"].text(); by_bot(message) && !key.empty()) ++found[key];
  }
  return found;
}

// --- what people do -------------------------------------------------------------------------------------------------

std::optional<ChatFloor::Act> MatrixFloor::click(std::string const& person, std::string const& id,
                                                 std::string const& verb) {
  auto const found = card(id);
  if (!found) return std::nullopt;
  auto const key = verb == "deny" ? kCross : verb == "ask" ? kQuestionMark : verb == "again" ? kAgain : kTick;
  auto const made = matrix_.react(person, found->message, key);
  return made ? std::optional(*made) : std::nullopt;
}

bool MatrixFloor::settle() { return typed("alice", "help") != "NOT ANSWERED"; }

bool MatrixFloor::heard(Act const& act) {
  auto& known = heard_[act];
  return known = known || settle();
}

void MatrixFloor::double_tap(std::string const& person, std::string const& id) {
  auto const card = this->card(id)->message;
  // One key twice is refused by the server; clients differ in how they write one.
  static_cast<void>(matrix_.react(person, card, kTick));
  static_cast<void>(matrix_.react(person, card, std::string(kTick) + "\xEF\xB8\x8F"));
  settle();
}

void MatrixFloor::explain(std::string const& person, std::string const& id, std::string const& verb,
                          std::string const& note) {
  auto const card = this->card(id)->message;
  auto const words = verb == "ask" ? "what do you want to know" : "say why";
  auto const questions = [&] {
    auto const all = told(person);
    return std::count_if(all.begin(), all.end(), [&](auto const& text) { return text.find(words) != text.npos; });
  };
  // Whose question stands open already just answers it.
  if (questions() == 0 && !(click(person, id, verb) && wait([&] { return questions() != 0; }))) return;
  static_cast<void>(matrix_.say({.user = person, .room = {}, .text = note, .thread = card}));
  settle();
}

std::string MatrixFloor::read_and_approve(std::string const& person, std::string const& id) {
  auto const card = this->card(id)->message;
  if (!click(person, id, "approve")) return {};
  std::string shown, last;
  auto const whole = wait([&] {
    shown.clear();
    for (auto const& message : matrix_.thread(card)) {
      if (!by_bot(message) || !is_action(message)) continue;
      shown += read(message["html"].text());
      if (mark(message)["kind"].text() == "action" && message["reactions"][kTick].is_array())
        last = message["event_id"].text();
    }
    return !last.empty();
  });
  if (!whole) return {};
  static_cast<void>(matrix_.react(person, last, kTick));
  settle();
  return shown;
}

std::string MatrixFloor::typed(std::string const& person, std::string const& text) {
  auto const said = matrix_.say({.user = person, .room = {}, .text = "!countersign " + text});
  std::string answer = "NOT ANSWERED";
  if (said)
    wait([&] {
      for (auto const& message : matrix_.messages()) {
        if (!by_bot(message) || message["reply_to"].text() != *said) continue;
        answer = read(message["html"].text());
        return true;
      }
      return false;
    });
  return answer;
}

// --- what clients, liars and platforms do ---------------------------------------------------------------------------

std::optional<ChatFloor::Act> MatrixFloor::late_click(std::string const& person, std::string const& id) {
  return click(person, id, "approve");  // any message can be reacted on, whatever it shows
}

std::vector<Forgery> MatrixFloor::forgeries() const {
  return {
      {"from another homeserver"}, {"on a copy by somebody else", false}, {"on somebody's edit of the message", false}};
}

void MatrixFloor::forge(std::string const& name, std::string const& person, std::string const& id) {
  auto const card = this->card(id)->message;
  auto const annotation = [](std::string const& event) {
    return Json::object(
        {{"m.relates_to", Json::object({{"rel_type", "m.annotation"}, {"event_id", event}, {"key", kTick}})}});
  };
  if (name == "from another homeserver") {
    static_cast<void>(matrix_.inject(Json::object(
        {{"type", "m.reaction"}, {"sender", "@" + person + ":elsewhere.example"}, {"content", annotation(card)}})));
  } else {
    auto content = (*matrix_.message(card))["content"];
    if (name == "on somebody's edit of the message") {
      auto said = content["org.countersign.message"];
      auto binding = said["binding"].text();
      binding.back() = binding.back() == '0' ? '1' : '0';
      content.set("org.countersign.message", said.set("binding", binding));
      content = Json::object({{"msgtype", "m.text"},
                              {"body", "* another"},
                              {"m.new_content", content},
                              {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", card}})}});
    }
    if (auto const copy = matrix_.send("mallory", matrix_.world().room_id, "m.room.message", content))
      static_cast<void>(matrix_.send(person, matrix_.world().room_id, "m.reaction", annotation(*copy)));
  }
  settle();
}

bool MatrixFloor::send_again(std::vector<std::string> const& events) {
  if (transport_ != Transport::websocket) return false;  // a homeserver's own answers have each event once
  auto list = Json::array();
  for (auto const& event : matrix_.events()) {
    if (std::find(events.begin(), events.end(), event["event_id"].text()) != events.end()) list.push(event);
  }
  matrix_.send_service_frame(Json::object({{"status", "ok"}, {"txn_id", "again"}, {"events", std::move(list)}}));
  return settle();
}

bool MatrixFloor::again(Act const& act) { return send_again({act}); }

std::size_t MatrixFloor::replay_all() {
  std::vector<std::string> events;
  for (auto const& event : matrix_.events()) {
    if (event["sender"].text() != matrix_.world().bot.id && event["state_key"].is_null())
      events.push_back(event["event_id"].text());
  }
  return send_again(events) ? events.size() : 0;
}

std::size_t MatrixFloor::cross_to(ChatFloor& other) {
  auto& there = static_cast<MatrixFloor&>(other);
  std::size_t count = 0;
  for (auto const& event : matrix_.events()) {
    if (by_bot(event) || !event["state_key"].is_null()) continue;
    auto const made = there.matrix_.inject(
        Json::object({{"type", event["type"]}, {"sender", event["sender"]}, {"content", event["content"]}}));
    if (made) ++count;
  }
  there.settle();
  return count;
}

// --- its network ----------------------------------------------------------------------------------------------------

bool MatrixFloor::connected() const {
  if (transport_ == Transport::websocket) return matrix_.service_sockets() == 1;
  return matrix_.state("bob")["connections"].integer() > 0;
}

std::uint64_t MatrixFloor::connections() const {
  if (transport_ == Transport::websocket) return matrix_.service_connections();
  auto const& calls = matrix_.calls();
  return static_cast<std::uint64_t>(
      std::count_if(calls.begin(), calls.end(), [](auto const& one) { return one.call == "sync"; }));
}

void MatrixFloor::spoil_post(Trouble trouble) {
  using Kind = playground::MatrixFault::Kind;
  auto const kind = trouble == Trouble::rate_limit     ? Kind::limit
                    : trouble == Trouble::server_error ? Kind::status
                                                       : Kind::cut_after_done;
  matrix_.add_fault({.call = "send", .kind = kind, .times = 1});
}

bool MatrixFloor::make(Outsider kind, std::string const& person) {
  // A homeserver has whom it deactivates leave every room; it tells no bot of another kind of account.
  return kind == Outsider::deactivated && matrix_.leave(person);
}

void MatrixFloor::hide_accounts(bool hidden) {
  using Kind = playground::MatrixFault::Kind;
  if (hidden) return matrix_.add_fault({.call = "state", .kind = Kind::status, .times = -1});
  matrix_.clear_faults();
}

void MatrixFloor::spoil_update(Trouble trouble) { spoil_post(trouble); }

void MatrixFloor::revoke() {
  matrix_.options().world.as_token = "not-given-out";
  matrix_.expire_tokens(matrix_.world().bot.id, /*soft=*/false);
}

void MatrixFloor::renew(Secret const& secret) {
  matrix_.options().world.as_token = "another-as-token";
  if (transport_ == Transport::sync) {
    static_cast<void>(secret("matrix_token", matrix_.new_token(matrix_.world().bot.id)));
  } else {
    static_cast<void>(secret("as_token", matrix_.world().as_token));
  }
}

std::size_t MatrixFloor::calls() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(matrix_.calls(), [](auto const& call) { return call.call != "versions"; }));
}

std::size_t MatrixFloor::saying(std::string_view words) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      matrix_.messages(), [&](Json const& message) { return core::dump(message).find(words) != std::string::npos; }));
}

}  // namespace support
