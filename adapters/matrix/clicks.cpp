#include "adapters/matrix/clicks.hpp"

#include <algorithm>

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr char const* kNote = "matrix-clicks";
constexpr std::size_t kMaxClicks = 1000;  // some 500 bytes each
constexpr std::size_t kMaxAsks = 200;
constexpr std::size_t kMaxShown = 200;
constexpr core::Duration kKeep = 7 * 24h;  // a click: requests expire sooner
constexpr core::Duration kKeepAsk = 1h;    // beyond its end, to tell who answers late

Json to_json(Act const& act) {
  return Json::object({{"reaction", act.reaction},
                       {"room", act.room},
                       {"user", act.user},
                       {"card", act.card},
                       {"verdict", act.verdict == core::Verdict::approve ? "approve" : "deny"},
                       {"via", act.via},
                       {"request", act.request},
                       {"binding", act.binding},
                       {"rendering", act.rendering}});
}

Act act_of(Json const& json) {
  Act act;
  act.reaction = json["reaction"].text();
  act.room = json["room"].text();
  act.user = json["user"].text();
  act.card = json["card"].text();
  act.verdict = json["verdict"].text() == "approve" ? core::Verdict::approve : core::Verdict::deny;
  act.via = json["via"].text();
  act.request = json["request"].text();
  act.binding = json["binding"].text();
  act.rendering = json["rendering"].text();
  return act;
}

core::Time time_of(Json const& json) { return core::Time(core::Duration(json.integer())); }
std::int64_t number_of(core::Time time) { return time.time_since_epoch().count(); }

template <class List>
void limit(List& list, std::size_t most) {
  while (list.size() > most) list.pop_front();
}

}  // namespace

void Clicks::load() {
  auto const note = parts_.notebook.read(kNote);
  if (note.has_error()) return parts_.log.warn("matrix clicks can't be read", {{"reason", note.error().message}});
  if (!*note) return;
  auto const json = core::parse_json(**note, {.max_bytes = 4u << 20});
  if (json.has_error() || (*json)["v"] != Json(1)) return;
  auto const each = [](Json const& list, auto const& take) {
    if (auto const* items = list.if_array()) {
      for (auto const& item : *items) take(item);
    }
  };
  each((*json)["clicks"], [this](Json const& item) { clicks_.emplace_back(time_of(item["at"]), act_of(item["act"])); });
  each((*json)["asks"], [this](Json const& item) {
    asks_.push_back({act_of(item["act"]), item["question"].text(), time_of(item["until"])});
  });
  each((*json)["shown"], [this](Json const& item) { shown_.emplace_back(item["card"].text(), item["event"].text()); });
  limit(clicks_, kMaxClicks);
  limit(asks_, kMaxAsks);
  limit(shown_, kMaxShown);
}

void Clicks::note() {
  auto const now = parts_.loop.now();
  while (!clicks_.empty() && clicks_.front().first + kKeep < now) clicks_.pop_front();
  std::erase_if(asks_, [&](Ask const& ask) { return ask.until + kKeepAsk < now; });
  limit(clicks_, kMaxClicks);
  limit(asks_, kMaxAsks);
  limit(shown_, kMaxShown);
  if (std::exchange(noting_, true)) return;
  parts_.loop.post(alive_.guard([this] {
    noting_ = false;
    Json clicks = Json::array(), asks = Json::array(), shown = Json::array();
    for (auto const& [at, act] : clicks_) clicks.push(Json::object({{"at", number_of(at)}, {"act", to_json(act)}}));
    for (auto const& ask : asks_)
      asks.push(Json::object({{"act", to_json(ask.act)}, {"question", ask.question}, {"until", number_of(ask.until)}}));
    for (auto const& [card, event] : shown_) shown.push(Json::object({{"card", card}, {"event", event}}));
    parts_.notebook.write(
        kNote, core::dump(Json::object(
                   {{"v", 1}, {"clicks", std::move(clicks)}, {"asks", std::move(asks)}, {"shown", std::move(shown)}})));
  }));
}

void Clicks::add(Act act) {
  remove(act.reaction);
  clicks_.emplace_back(parts_.loop.now(), std::move(act));
  note();
}

void Clicks::remove(std::string const& reaction) {
  if (std::erase_if(clicks_, [&](auto const& click) { return click.second.reaction == reaction; }) > 0) note();
}

std::optional<Act> Clicks::find(std::string const& reaction) const {
  auto const found =
      std::ranges::find_if(clicks_, [&](auto const& click) { return click.second.reaction == reaction; });
  return found == clicks_.end() ? std::nullopt : std::optional(found->second);
}

bool Clicks::has_twin(Act const& act) const {
  return std::ranges::any_of(clicks_, [&](auto const& click) {
    auto const& other = click.second;
    return other.reaction != act.reaction && other.user == act.user && other.card == act.card &&
           other.verdict == act.verdict;
  });
}

void Clicks::ask(Ask ask) {
  std::erase_if(asks_,
                [&](Ask const& other) { return other.act.user == ask.act.user && other.act.card == ask.act.card; });
  asks_.push_back(std::move(ask));
  note();
}

void Clicks::asked(std::string const& reaction, std::string const& question) {
  for (auto& ask : asks_) {
    if (ask.act.reaction == reaction) ask.question = question;
  }
  note();
}

void Clicks::forget_ask(std::string const& reaction) {
  if (std::erase_if(asks_, [&](Ask const& ask) { return ask.act.reaction == reaction; }) > 0) note();
}

void Clicks::withdraw_ask(std::string const& reaction, std::string const& user) {
  auto const mine = [&](Ask const& ask) { return ask.act.reaction == reaction && ask.act.user == user; };
  if (std::erase_if(asks_, mine) > 0) note();
}

std::optional<Ask> Clicks::ask_for(std::string const& room, std::string const& user, std::string const& thread,
                                   std::string const& reply_to) const {
  for (auto const& ask : asks_) {
    if (ask.act.room != room || ask.act.user != user) continue;
    bool const in_thread = !thread.empty() && thread == ask.act.card;
    bool const in_reply = !reply_to.empty() && (reply_to == ask.question || reply_to == ask.act.card);
    if (in_thread || in_reply) return ask;
  }
  return std::nullopt;
}

void Clicks::shown(std::string const& card, std::string const& event) {
  std::erase_if(shown_, [&](auto const& other) { return other.first == card; });
  shown_.emplace_back(card, event);
  note();
}

std::string Clicks::where_shown(std::string const& card) const {
  auto const found = std::ranges::find(shown_, card, &std::pair<std::string, std::string>::first);
  return found == shown_.end() ? std::string() : found->second;
}

}  // namespace matrix
