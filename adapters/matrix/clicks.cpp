#include "adapters/matrix/clicks.hpp"

#include <algorithm>

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr char const* kNote = "matrix-clicks";
constexpr std::size_t kMaxClicks = 3000;  // some 500 bytes each, at most 1,300: a note has 4 MiB
// Of one person, one card and one verdict: a homeserver takes each spelling of an emoji once.
constexpr std::ptrdiff_t kMaxTwins = 5;
constexpr std::size_t kMaxAsks = 200;
constexpr std::size_t kMaxShown = 200;
constexpr core::Duration kKeep = 31 * 24h;  // a click: a request lives for 30 days at most (config, policies.expires)
constexpr core::Duration kKeepAsk = 1h;     // beyond its end, to tell who answers late

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
void keep_last(List& list, std::size_t most) {
  while (list.size() > most) list.pop_front();
}

bool alike(Act const& one, Act const& other) {
  return one.user == other.user && one.card == other.card && one.verdict == other.verdict;
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
  each((*json)["clicks"], [this](Json const& item) {
    clicks_.push_back({time_of(item["at"]), act_of(item["act"]), item["counted"].boolean(), item["back"].text(),
                       item["back_envelope"].text()});
  });
  each((*json)["asks"], [this](Json const& item) {
    asks_.push_back({act_of(item["act"]), item["question"].text(), time_of(item["until"])});
  });
  each((*json)["shown"], [this](Json const& item) { shown_.emplace_back(item["card"].text(), item["event"].text()); });
  limit();
}

// What the engine has recorded goes last: else whoever places many reactions would make the bot forget what others may
// take back.
void Clicks::limit() {
  auto const now = parts_.loop.now();
  std::erase_if(clicks_, [&](Click const& click) { return click.at + kKeep < now; });
  std::erase_if(asks_, [&](Ask const& ask) { return ask.until + kKeepAsk < now; });
  while (clicks_.size() > kMaxClicks) {
    auto const open = std::ranges::find(clicks_, false, &Click::counted);
    if (open == clicks_.end())
      parts_.log.error("matrix keeps no more clicks; taking the oldest one's reaction away does nothing any more",
                       {{"user", clicks_.front().act.user}, {"request", clicks_.front().act.request}});
    clicks_.erase(open == clicks_.end() ? clicks_.begin() : open);
  }
  keep_last(asks_, kMaxAsks);
  keep_last(shown_, kMaxShown);
}

void Clicks::note() {
  limit();
  if (std::exchange(noting_, true)) return;
  parts_.loop.post(alive_.guard([this] {
    noting_ = false;
    Json clicks = Json::array(), asks = Json::array(), shown = Json::array();
    for (auto const& click : clicks_) {
      auto item = Json::object({{"at", number_of(click.at)}, {"act", to_json(click.act)}});
      if (click.counted) item.set("counted", true);
      if (!click.back.empty()) item.set("back", click.back).set("back_envelope", click.back_envelope);
      clicks.push(std::move(item));
    }
    for (auto const& ask : asks_)
      asks.push(Json::object({{"act", to_json(ask.act)}, {"question", ask.question}, {"until", number_of(ask.until)}}));
    for (auto const& [card, event] : shown_) shown.push(Json::object({{"card", card}, {"event", event}}));
    parts_.notebook.write(
        kNote, core::dump(Json::object(
                   {{"v", 1}, {"clicks", std::move(clicks)}, {"asks", std::move(asks)}, {"shown", std::move(shown)}})));
  }));
}

void Clicks::add(Act act) {
  std::erase_if(clicks_, [&](Click const& click) { return click.act.reaction == act.reaction; });
  auto const twin = [&](Click const& click) { return click.back.empty() && alike(click.act, act); };
  // Their own oldest one goes: as long as any of the others stands, so does the vote.
  if (std::ranges::count_if(clicks_, twin) >= kMaxTwins) {
    auto const open = std::ranges::find_if(clicks_, [&](Click const& click) { return twin(click) && !click.counted; });
    clicks_.erase(open != clicks_.end() ? open : std::ranges::find_if(clicks_, twin));
  }
  clicks_.push_back({parts_.loop.now(), std::move(act), false, {}, {}});
  note();
}

void Clicks::counted(std::string const& reaction) {
  for (auto& click : clicks_) {
    if (click.act.reaction == reaction) click.counted = true;
  }
  note();
}

void Clicks::remove(std::string const& reaction) {
  if (std::erase_if(clicks_, [&](Click const& click) { return click.act.reaction == reaction; }) > 0) note();
}

std::optional<Act> Clicks::find(std::string const& reaction) const {
  auto const found = std::ranges::find_if(
      clicks_, [&](Click const& click) { return click.back.empty() && click.act.reaction == reaction; });
  return found == clicks_.end() ? std::nullopt : std::optional(found->act);
}

bool Clicks::has_twin(Act const& act) const {
  return std::ranges::any_of(clicks_, [&](Click const& click) {
    return click.back.empty() && click.act.reaction != act.reaction && alike(click.act, act);
  });
}

void Clicks::take_back(TakenBack const& back) {
  for (auto& click : clicks_) {
    if (click.act.reaction != back.act.reaction) continue;
    click.back = back.delivery;
    click.back_envelope = back.envelope;
  }
  note();
}

std::vector<TakenBack> Clicks::taken_back() const {
  std::vector<TakenBack> list;
  for (auto const& click : clicks_) {
    if (!click.back.empty()) list.push_back({click.act, click.back, click.back_envelope});
  }
  return list;
}

bool Clicks::takes_back(std::string const& user, std::string const& card) const {
  return std::ranges::any_of(clicks_, [&](Click const& click) {
    return !click.back.empty() && click.act.user == user && click.act.card == card;
  });
}

std::vector<std::string> Clicks::cards(std::string const& room) const {
  std::vector<std::string> list;
  for (auto const& click : clicks_) {
    if (click.act.room == room && std::ranges::count(list, click.act.card) == 0) list.push_back(click.act.card);
  }
  return list;
}

void Clicks::ask(Ask ask) {
  std::erase_if(asks_,
                [&](Ask const& other) { return other.act.user == ask.act.user && other.act.card == ask.act.card; });
  asks_.push_back(std::move(ask));
  note();
}

void Clicks::asked(std::string const& reaction, std::string const& question) {
  for (auto& ask : asks_) {
    if (ask.act.reaction != reaction || ask.question == question) continue;
    ask.question = question;
    note();
  }
}

void Clicks::ask_longer(std::string const& reaction, core::Time until) {
  for (auto& ask : asks_) {
    if (ask.act.reaction == reaction) ask.until = std::max(ask.until, until);
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

std::optional<Ask> Clicks::ask_for(std::string const& room, std::string const& user, Relation const& relation) const {
  for (auto const& ask : asks_) {
    if (ask.act.room != room || ask.act.user != user || ask.question.empty()) continue;
    auto const& to = relation.reply_to;
    bool const to_us = to == ask.question || to == ask.act.card;
    bool const in_thread = relation.type == "m.thread" && relation.event == ask.act.card;
    if (to_us || (in_thread && (to.empty() || relation.falling_back))) return ask;
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
