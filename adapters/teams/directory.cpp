#include "adapters/teams/directory.hpp"

#include <algorithm>

#include "adapters/teams/hosts.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr char const* kNote = "teams-directory";
constexpr std::size_t kMaxPlaces = 2'000;  // about 0.5 MiB of notes
constexpr core::Duration kSavePause = 5s;
constexpr core::Duration kAskPause = 10min;    // between two lists of one channel
constexpr core::Duration kAskAgain = 24h;      // people come and go
constexpr core::Duration kRetry = 5s;          // after a failure; then twice as long …
constexpr unsigned kMostDoublings = 9;         // … up to about an hour
constexpr core::Duration kLookPatience = 14s;  // of the 15 s that ports::Accounts grants
constexpr core::Duration kNowPause = 10s;      // between two questions about somebody who clicks again and again
constexpr unsigned kMaxPages = 20;             // of 200 members
// That the conversation is none, or any other refusal, says nothing of the person.
constexpr char const* kNoMember = "membernotfoundinconversation";

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
  if (auto const* guests = (*json)["guests"].if_object()) {
    for (auto const& [object, channels] : *guests) {
      if (!is_ours(object) || !channels.is_object()) continue;
      for (auto const& [channel, guest] : *channels.if_object()) guests_[object][channel] = guest.boolean(true);
    }
  }
}

void Directory::save() {
  if (std::exchange(save_later_, true)) return;
  parts_.loop.call_after(kSavePause, alive_.guard([this] {
    save_later_ = false;
    Json places = Json::object({}), ids = Json::object({}), guests = Json::object({});
    for (auto const& [conversation, place] : places_) {
      places.set(conversation, Json::object({{"service_url", place.service_url},
                                             {"type", place.type},
                                             {"team", place.team},
                                             {"gone", place.gone},
                                             {"heard", place.heard.time_since_epoch().count()}}));
    }
    for (auto const& [object, id] : ids_) ids.set(object, id);
    for (auto const& [object, channels] : guests_) {
      Json said = Json::object({});
      for (auto const& [channel, guest] : channels) said.set(channel, guest);
      guests.set(object, std::move(said));
    }
    parts_.notebook.write(
        kNote, core::dump(Json::object(
                   {{"v", 1}, {"places", std::move(places)}, {"ids", std::move(ids)}, {"guests", std::move(guests)}})));
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
  if (object.empty() || id.empty() || id.starts_with("28:") || !is_ours(object)) return;
  if (std::exchange(ids_[object], id) != id) save();
}

bool Directory::is_ours(std::string const& object) const {
  return std::ranges::any_of(settings_.people, [&](auto const& one) { return one.second == object; });
}

bool Directory::is_outsider(std::string const& object) const {
  auto const said = guests_.find(object);
  return said != guests_.end() && std::ranges::any_of(said->second, [](auto const& one) { return one.second; });
}

bool Directory::is_unknown(std::string const& object) const { return is_ours(object) && !guests_.contains(object); }

bool Directory::is_gone(std::string const& conversation) const {
  auto const known = places_.find(bare_conversation(conversation));
  return known != places_.end() && known->second.gone;
}

// Who is no longer configured, and what was said in channels that no longer are.
void Directory::forget_others() {
  std::erase_if(ids_, [&](auto const& entry) { return !is_ours(entry.first); });
  for (auto& [object, channels] : guests_) {
    std::erase_if(channels, [&](auto const& entry) {
      return std::ranges::find(settings_.channels, entry.first) == settings_.channels.end();
    });
  }
  std::erase_if(guests_, [&](auto const& entry) { return entry.second.empty() || !is_ours(entry.first); });
  std::erase_if(asked_now_, [&](auto const& entry) { return !is_ours(entry.first); });
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
  if (removed) ask_later(conversation);  // perhaps it comes back while we are not told
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

std::vector<std::string> Directory::watchers(std::vector<std::string> const& persons) const {
  std::vector<std::string> ids;
  for (auto const& person : persons) {
    auto const account = settings_.people.find(person);
    if (account == settings_.people.end()) continue;
    if (auto const known = ids_.find(account->second); known != ids_.end() && ids.size() < kMaxWatchers)
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
  forget_others();
  if (!started_) return;
  for (auto const& channel : settings_.channels) ask(channel);
}

void Directory::ask(std::string const& channel) {
  auto const now = parts_.loop.now();
  auto& asked = asked_[channel];
  if (asked.asking) return;
  if (asked.again != 0 && asked.failures == 0 && now - asked.at < kAskPause) return ask_unknown(channel);
  asked.at = now;
  asked.asking = true;
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
    if (outcome.state != Connector::Outcome::State::done) return listed(channel, false);
    auto const page = parse_members(outcome.body);
    if (page.has_error()) {
      parts_.log.warn("teams members could not be read", {{"reason", page.error().message}});
      return listed(channel, false);
    }
    for (auto const& member : page->members) take(channel, member);
    if (!page->continuation.empty() && pages < kMaxPages) return ask_page(channel, page->continuation, pages + 1);
    listed(channel, true);
  }));
}

void Directory::listed(std::string const& channel, bool whole) {
  auto& asked = asked_[channel];
  asked.asking = false;
  if (!whole) return ask_later(channel);
  if (auto const known = places_.find(channel); known != places_.end() && std::exchange(known->second.gone, false))
    save();
  asked.failures = 0;
  parts_.loop.cancel(asked.again);
  asked.again = parts_.loop.call_after(kAskAgain, alive_.guard([this, channel] {
    if (std::ranges::find(settings_.channels, channel) != settings_.channels.end()) ask(channel);
  }));
  ask_unknown(channel);
}

// After a failure.
void Directory::ask_later(std::string const& channel) {
  if (std::ranges::find(settings_.channels, channel) == settings_.channels.end()) return;
  auto& asked = asked_[channel];
  core::Duration const wait = kRetry * (1 << std::min(asked.failures++, kMostDoublings));
  parts_.loop.cancel(asked.again);
  asked.again = parts_.loop.call_after(wait, alive_.guard([this, channel] {
    if (std::ranges::find(settings_.channels, channel) != settings_.channels.end()) ask(channel);
  }));
}

// Lists leave out object ids and roles at times; single members don't.
void Directory::ask_unknown(std::string const& channel) {
  auto& asked = asked_[channel];
  asked.singles.clear();
  for (auto const& [person, object] : settings_.people) {
    if (is_unknown(object) || !ids_.contains(object)) asked.singles.push_back(object);
  }
  next_single(channel);
}

void Directory::next_single(std::string const& channel) {
  auto& asked = asked_[channel];
  if (asked.asking_one) return;
  while (!asked.singles.empty() && !is_unknown(asked.singles.front()) && ids_.contains(asked.singles.front()))
    asked.singles.pop_front();
  if (asked.singles.empty()) {
    if (std::exchange(asked.single_failed, false)) ask_later(channel);
    return;
  }
  auto const object = asked.singles.front();
  asked.singles.pop_front();
  asked.asking_one = true;
  ask_one(channel, object, [this, channel](Said said) {
    asked_[channel].asking_one = false;
    if (said == Said::nothing) asked_[channel].single_failed = true;
    next_single(channel);
  });
}

void Directory::ask_now(std::string const& channel, std::string const& object) {
  auto const now = parts_.loop.now();
  if (std::ranges::find(settings_.channels, channel) == settings_.channels.end() || !is_ours(object)) return;
  if (auto const last = asked_now_.find(object); last != asked_now_.end() && now - last->second < kNowPause) return;
  asked_now_[object] = now;
  ask_one(channel, object, [](Said) {});
}

void Directory::look(std::string const& object, Looked done) {
  if (!is_ours(object) || settings_.channels.empty())
    return done(core::make_error(core::Errc::unavailable, "Teams can't be asked about this account."));
  auto const number = ++last_looker_;
  auto const timer = parts_.loop.call_after(kLookPatience, alive_.guard([this, object, number] {
    auto late = looks_.at(object).lookers.extract(number);
    late.mapped().done(core::make_error(core::Errc::unavailable, "Teams did not say in time who is a member."));
  }));
  auto& look = looks_[object];
  look.lookers.emplace(number, Looker{std::move(done), timer});
  if (!look.under_way) begin_look(object);
}

void Directory::begin_look(std::string const& object) {
  auto& look = looks_[object];
  look.under_way = true;
  for (auto& [number, looker] : look.lookers) looker.asked = true;
  auto channels = settings_.channels;
  // First where it was found before.
  std::stable_partition(channels.begin(), channels.end(), [&](auto const& channel) {
    auto const known = guests_.find(object);
    return known != guests_.end() && known->second.contains(channel);
  });
  std::ranges::reverse(channels);  // taken from the end
  look_in(std::move(channels), object, Said::no_member, [this, object](core::Result<bool> const& said) {
    auto& over = looks_.at(object);
    over.under_way = false;
    std::vector<Looked> told;
    std::erase_if(over.lookers, [&](auto& one) {
      if (!one.second.asked) return false;
      parts_.loop.cancel(one.second.timer);
      told.push_back(std::move(one.second.done));
      return true;
    });
    if (over.lookers.empty()) {
      looks_.erase(object);
    } else {
      begin_look(object);
    }
    for (auto const& one : told) one(said);
  });
}

// `so_far`: no_member or, where one channel gave no answer, nothing.
void Directory::look_in(std::vector<std::string> channels, std::string const& object, Said so_far, Looked done) {
  if (channels.empty()) {
    if (so_far == Said::no_member) return done(false);
    return done(core::make_error(core::Errc::unavailable, "Teams does not say who is a member of the channels."));
  }
  auto const channel = channels.back();
  channels.pop_back();
  if (is_gone(channel)) return look_in(std::move(channels), object, Said::nothing, std::move(done));
  ask_one(channel, object, [this, channels = std::move(channels), object, so_far, done = std::move(done)](Said said) {
    if (said == Said::member || said == Said::guest) return done(said == Said::member && !is_outsider(object));
    look_in(channels, object, said == Said::nothing ? said : so_far, done);
  });
}

// Under the id that this bot knows the person by, as Teams documents it; where that is none, by the Entra object id,
// which Teams takes as well.
void Directory::ask_one(std::string const& channel, std::string const& object, std::function<void(Said)> done) {
  auto const known = ids_.find(object);
  if (known == ids_.end()) return ask_as(object, channel, object, std::move(done));
  ask_as(known->second, channel, object, [this, channel, object, done = std::move(done)](Said said) {
    // Ids are a bot's own: this one may be another's, from before the app was registered anew.
    said == Said::no_member ? ask_as(object, channel, object, done) : done(said);
  });
}

void Directory::ask_as(std::string const& id, std::string const& channel, std::string const& object,
                       std::function<void(Said)> done) {
  Connector::Call call;
  call.method = "GET";
  call.service_url = service_url(channel);
  call.path = conversation_path(channel, "members/" + net::percent_encode(id));
  call.what = "find a member of a channel";
  connector_.call(std::move(call),
                  alive_.guard([this, channel, object, done = std::move(done)](Connector::Outcome const& outcome) {
                    // Who is no member there is asked for again with the next list.
                    auto said = to_lower(outcome.code) == kNoMember ? Said::no_member : Said::nothing;
                    if (outcome.state == Connector::Outcome::State::done) {
                      auto const member = parse_member(outcome.body);
                      if (member.has_value() && member->object == object) said = take(channel, *member);
                    }
                    done(said);
                  }));
}

Directory::Said Directory::take(std::string const& channel, Member const& member) {
  if (member.object.empty() || !is_ours(member.object)) return Said::nothing;
  know(member.object, member.id);
  bool const outsider = member.outsider || (!member.tenant.empty() && member.tenant != settings_.tenant);
  if (!outsider && !member.insider) return Said::nothing;
  auto const result = outsider ? Said::guest : Said::member;
  auto const [said, fresh] = guests_[member.object].try_emplace(channel, outsider);
  if (!fresh && said->second == outsider) return result;
  said->second = outsider;
  save();
  if (outsider)
    parts_.log.warn("a configured person is a guest in Teams and will not be heard",
                    {{"conversation", channel}, {"account", member.object}});
  return result;
}

}  // namespace teams
