#include "adapters/teams/directory.hpp"

#include <algorithm>

#include "adapters/teams/hosts.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr char const* kNote = "teams-directory";
constexpr std::size_t kMaxPlaces = 2'000, kMaxIds = 5'000;  // about 1 MiB of notes
constexpr core::Duration kSavePause = 5s;
constexpr core::Duration kAskPause = 10min;  // between two lists of one channel
constexpr core::Duration kAskAgain = 24h;    // people come and go
constexpr unsigned kMaxPages = 20;           // of 200 members
constexpr std::size_t kMaxSingles = 60;      // people asked for one by one: as many as a card may watch

}  // namespace

Directory::Directory(Parts const& parts, Settings const& settings, Connector& connector)
    : parts_(parts), settings_(settings), connector_(connector) {}

void Directory::stop() { alive_.end(); }

// --- notes ----------------------------------------------------------------------------------------------------------

void Directory::load() {
  auto const bytes = parts_.notebook.read(kNote);
  if (bytes.has_error()) {
    parts_.log.warn("teams notes could not be read", {{"reason", bytes.error().message}});
    return;
  }
  if (!*bytes) return;
  auto const json = core::parse_json(**bytes, {.max_bytes = 4u << 20});
  if (json.has_error() || (*json)["v"].integer() != 1) {
    parts_.log.warn("teams notes are of another form and begin anew");
    return;
  }
  if (auto const* places = (*json)["places"].if_object()) {
    for (auto const& [conversation, note] : *places) {
      if (places_.size() == kMaxPlaces) break;
      places_[conversation] = {note["service_url"].text(), note["type"].text(), note["team"].text(),
                               note["gone"].boolean(), core::Time(core::Duration(note["heard"].integer()))};
    }
  }
  if (auto const* ids = (*json)["ids"].if_object()) {
    for (auto const& [object, id] : *ids) know(object, id.text());
  }
}

void Directory::save() {
  if (std::exchange(save_later_, true)) return;
  parts_.loop.call_after(kSavePause, alive_.guard([this] {
    save_later_ = false;
    Json places = Json::object({}), ids = Json::object({});
    for (auto const& [conversation, place] : places_) {
      places.set(conversation, Json::object({{"service_url", place.service_url},
                                             {"type", place.type},
                                             {"team", place.team},
                                             {"gone", place.gone},
                                             {"heard", place.heard.time_since_epoch().count()}}));
    }
    for (auto const& [object, id] : ids_) ids.set(object, id);
    parts_.notebook.write(kNote,
                          core::dump(Json::object({{"v", 1}, {"places", std::move(places)}, {"ids", std::move(ids)}})));
  }));
}

// --- what activities tell -------------------------------------------------------------------------------------------

Directory::Place& Directory::place(std::string const& conversation) {
  if (places_.size() >= kMaxPlaces && !places_.contains(conversation)) {
    // The one that was silent longest and is no channel of ours.
    auto oldest = places_.end();
    for (auto at = places_.begin(); at != places_.end(); ++at) {
      bool const ours = std::ranges::find(settings_.channels, at->first) != settings_.channels.end();
      if (!ours && (oldest == places_.end() || at->second.heard < oldest->second.heard)) oldest = at;
    }
    if (oldest != places_.end()) places_.erase(oldest);
  }
  return places_[conversation];
}

void Directory::know(std::string const& object, std::string const& id) {
  if (object.empty() || id.empty() || id.starts_with("28:")) return;
  auto const known = ids_.find(object);
  if (known == ids_.end() ? ids_.size() >= kMaxIds : known->second == id) return;
  ids_[object] = id;
  save();
}

void Directory::learn(Activity const& activity) {
  know(activity.from.object, activity.from.id);
  if (activity.conversation.empty()) return;
  auto const conversation = bare_conversation(activity.conversation);
  auto& here = place(conversation);
  auto const before = here;
  here.service_url = activity.service_url;
  if (!activity.conversation_type.empty()) here.type = activity.conversation_type;
  if (!activity.team.empty()) here.team = activity.team;
  auto const us = activity.recipient.id;
  auto const in = [&](auto const& list) { return std::ranges::find(list, us) != list.end(); };
  bool const removed =
      (activity.type == "installationUpdate" && activity.action.starts_with("remove")) || in(activity.members_gone);
  if (here.gone != removed)
    parts_.log.info(removed ? "teams app was removed from a conversation" : "teams app is in a conversation again",
                    {{"conversation", conversation}});
  here.gone = removed;
  bool const changed = here.service_url != before.service_url || here.type != before.type || here.team != before.team ||
                       here.gone != before.gone;
  // Not each message is worth a write; the time matters only for what is forgotten first.
  if (changed || parts_.loop.now() - here.heard > 1h) {
    here.heard = parts_.loop.now();
    save();
  }
  bool const came = !activity.members_added.empty() || activity.type == "installationUpdate";
  if (came && !removed && started_) {
    for (auto const& channel : settings_.channels) {
      if (channel == conversation ||
          (!here.team.empty() && places_.contains(channel) && places_[channel].team == here.team))
        ask(channel);
    }
  }
}

std::string Directory::service_url(std::string const& conversation) const {
  auto const usable = [&](Place const& place) { return is_trusted_service(place.service_url, settings_); };
  if (auto const known = places_.find(bare_conversation(conversation)); known != places_.end() && usable(known->second))
    return known->second.service_url;
  return settings_.service_url;
}

std::vector<std::string> Directory::watchers() const {
  std::vector<std::string> ids;
  for (auto const& [person, object] : settings_.people) {
    if (auto const known = ids_.find(object); known != ids_.end() && ids.size() < kMaxWatchers)
      ids.push_back(known->second);
  }
  return ids;
}

// --- who is in a channel --------------------------------------------------------------------------------------------

void Directory::start() {
  started_ = true;
  configured();
}

void Directory::configured() {
  if (!started_) return;
  for (auto const& channel : settings_.channels) ask(channel);
}

void Directory::ask(std::string const& channel) {
  auto const now = parts_.loop.now();
  auto& asked = asked_[channel];
  if (asked.again != 0 && now - asked.at < kAskPause) return;
  parts_.loop.cancel(asked.again);
  asked.at = now;
  asked.again = parts_.loop.call_after(kAskAgain, alive_.guard([this, channel] {
    if (std::ranges::find(settings_.channels, channel) != settings_.channels.end()) ask(channel);
  }));
  ask_page(channel, {}, 1);
}

void Directory::ask_page(std::string const& channel, std::string const& continuation, unsigned pages) {
  Connector::Call call;
  call.method = "GET";
  call.service_url = service_url(channel);
  call.path = conversation_path(channel, "pagedmembers?pageSize=200");
  if (!continuation.empty()) call.path += "&continuationToken=" + net::percent_encode(continuation);
  call.what = "list the members of a channel";
  connector_.call(std::move(call), alive_.guard([this, channel, pages](Connector::Outcome const& outcome) {
    // Without a list nothing is lost but the refreshed views; the next event or day asks again.
    if (outcome.state != Connector::Outcome::State::done) return;
    auto const page = parse_members(outcome.body);
    if (page.has_error()) {
      parts_.log.warn("teams members could not be read", {{"reason", page.error().message}});
      return;
    }
    for (auto const& member : page->members) take(channel, member);
    if (!page->continuation.empty() && pages < kMaxPages) return ask_page(channel, page->continuation, pages + 1);
    // Lists leave out object ids at times; single members don't.
    std::size_t singles = 0;
    for (auto const& [person, object] : settings_.people) {
      if (!ids_.contains(object) && singles++ < kMaxSingles) ask_one(channel, object);
    }
  }));
}

void Directory::ask_one(std::string const& channel, std::string const& object) {
  Connector::Call call;
  call.method = "GET";
  call.service_url = service_url(channel);
  call.path = conversation_path(channel, "members/" + net::percent_encode(object));
  call.what = "find a member of a channel";
  connector_.call(std::move(call), alive_.guard([this, channel, object](Connector::Outcome const& outcome) {
    if (outcome.state != Connector::Outcome::State::done) return;
    if (auto const member = parse_member(outcome.body); member.has_value() && member->object == object)
      take(channel, *member);
  }));
}

void Directory::take(std::string const& channel, Member const& member) {
  if (member.object.empty()) return;
  bool const outsider = member.outsider || (!member.tenant.empty() && member.tenant != settings_.tenant);
  bool const ours = std::ranges::any_of(settings_.people, [&](auto const& one) { return one.second == member.object; });
  if (outsider && ours && outsiders_.insert(member.object).second)
    parts_.log.warn("a configured person is a guest in Teams and will not be heard",
                    {{"conversation", channel}, {"account", member.object}});
  if (!outsider) outsiders_.erase(member.object);
  if (ours) know(member.object, member.id);
}

}  // namespace teams
