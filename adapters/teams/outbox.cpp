#include "adapters/teams/outbox.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Errc;
using core::Json;
using State = Connector::Outcome::State;

// A POST that may have been taken is repeated after so long, then twice as long …: an outage of a quarter of an hour
// passes, and at most four copies too many stand there. Clicks on any of them mean the same request.
constexpr core::Duration kDoubt = 60s;
constexpr unsigned kMaxDoubts = 4;
constexpr core::Duration kLongestPause = 60s, kLongestSlowdown = 20s;
constexpr std::size_t kMaxWaiting = 1'000;  // posts a conversation
// Between two patient posts: twice what a conversation's turn takes (pace.hpp), so that its burst stays free.
constexpr core::Duration kPatience = 2s;
constexpr std::size_t kMaxWordsWaiting = 20;  // answers to persons, a conversation

std::string member(ports::MessageRef const& ref, std::string_view name) { return ref[name].text(); }

core::Error gone() {
  return core::make_error(Errc::forbidden, "The app was removed from that Teams conversation: add it there again.");
}

}  // namespace

Outbox::Outbox(Parts const& parts, Settings const& settings, Connector& connector, Directory& directory,
               CardMemory& memory, Counters& counters)
    : parts_(parts),
      settings_(settings),
      connector_(connector),
      directory_(directory),
      memory_(memory),
      counters_(counters) {}

void Outbox::stop() {
  alive_.end();
  lanes_.clear();
  updates_.clear();
}

core::Duration Outbox::pause_after(std::string const& channel, Connector::Outcome const& outcome, unsigned failures) {
  auto const most = outcome.told_to_wait ? kLongestSlowdown : kLongestPause;
  core::Duration const base = std::min<core::Duration>(most, 1000ms * (1 << std::min(failures, 6U)));
  // The first half is sure, the second is chance.
  auto const jitter =
      core::Duration(static_cast<std::int64_t>(parts_.random() % static_cast<std::uint64_t>((base / 2).count() + 1)));
  auto const wait = std::max(outcome.wait, base / 2 + jitter);
  if (outcome.told_to_wait) pace_.pause(channel, parts_.loop.now() + wait);
  return wait;
}

// --- posts ----------------------------------------------------------------------------------------------------------

void Outbox::post(std::string channel, std::optional<ports::MessageRef> const& thread, Json body, std::string key,
                  Posted done, bool patient) {
  auto post = std::make_shared<Post>();
  post->channel = bare_conversation(channel);
  post->body = std::move(body);
  post->key = std::move(key);
  post->done = std::move(done);
  post->patient = patient;
  post->decides = origin_of(card_in(post->body)).has_value();
  if (thread) post->conversation = member(*thread, "conversation");
  // A chat has no threads: what would be a reply stands below, and names the request in its words.
  if (post->conversation.empty() && !is_team_channel(post->channel)) post->conversation = post->channel;
  if (directory_.is_gone(post->channel)) {
    parts_.loop.post(alive_.guard([post] { post->done(gone()); }));
    return;
  }
  auto& lane = lanes_[post->channel];
  auto& queue = patient ? lane.patient : lane.waiting;
  if (queue.size() >= kMaxWaiting) {
    parts_.loop.post(alive_.guard([post] {
      post->done(core::make_error(Errc::unavailable, "Too many messages wait for that Teams conversation."));
    }));
    return;
  }
  queue.push_back(post);
  parts_.loop.post(alive_.guard([this, channel = post->channel] { pump(channel); }));
}

void Outbox::say(std::string conversation, Json body, Said said) {
  auto const channel = bare_conversation(conversation);
  auto& lane = lanes_[channel];
  auto const words = std::ranges::count_if(lane.waiting, [](Ref const& post) { return !post->done; });
  if (static_cast<std::size_t>(words) >= kMaxWordsWaiting) {
    ++counters_.answers_dropped;
    if (said) parts_.loop.post(alive_.guard([said = std::move(said)] { said(false); }));
    return;
  }
  auto post = std::make_shared<Post>();
  post->channel = channel;
  post->conversation = std::move(conversation);
  post->body = std::move(body);
  post->said = std::move(said);
  lane.waiting.push_back(std::move(post));
  parts_.loop.post(alive_.guard([this, channel] { pump(channel); }));
}

void Outbox::pump(std::string const& channel) {
  auto const found = lanes_.find(channel);
  if (found == lanes_.end() || found->second.busy) return;
  auto& lane = found->second;
  if (lane.waiting.empty() && lane.patient.empty()) {
    if (lane.quiet != 0) parts_.loop.cancel(lane.quiet);
    lanes_.erase(found);  // there are as many conversations as people who write to us
    return;
  }
  if (lane.waiting.empty()) {
    auto& from = patient_from_[channel];
    if (auto const now = parts_.loop.now(); from > now) {
      if (lane.quiet != 0) return;
      lane.quiet = parts_.loop.call_after(from - now, alive_.guard([this, channel] {
        if (auto const at = lanes_.find(channel); at != lanes_.end()) at->second.quiet = 0;
        pump(channel);
      }));
      return;
    }
    from = parts_.loop.now() + kPatience;
  }
  lane.busy = true;
  auto const post = lane.waiting.empty() ? lane.patient.front() : lane.waiting.front();
  take_turn(post);
}

void Outbox::take_turn(Ref const& post) {
  in_turn(post->channel, [this, post] { send(post); });
}

// Teams may ask for a pause while a turn that was reserved earlier is waited for.
void Outbox::in_turn(std::string const& channel, std::function<void()> go) {
  auto const now = parts_.loop.now(), at = pace_.turn(channel, now);
  if (at <= now) return go();
  parts_.loop.call_after(at - now, alive_.guard([this, channel, go = std::move(go)] { when_not_paused(channel, go); }));
}

void Outbox::when_not_paused(std::string const& channel, std::function<void()> const& go) {
  auto const now = parts_.loop.now(), until = pace_.paused_until(channel);
  if (until <= now) return go();
  parts_.loop.call_after(until - now, alive_.guard([this, channel, go] { in_turn(channel, go); }));
}

void Outbox::send(Ref const& post) {
  Connector::Call call;
  call.service_url = directory_.service_url(post->channel);
  call.what = "post a message";
  if (post->conversation.empty()) {
    // A new thread of a channel. Anything more in the body is answered 502.
    call.path = "v3/conversations";
    call.body = Json::object({{"isGroup", true},
                              {"channelData", Json::object({{"channel", Json::object({{"id", post->channel}})},
                                                            {"tenant", Json::object({{"id", settings_.tenant}})}})},
                              {"activity", post->body}});
  } else {
    call.path = conversation_path(post->conversation, "activities");
    call.body = post->body;
  }
  connector_.call(std::move(call),
                  alive_.guard([this, post](Connector::Outcome const& outcome) { posted(post, outcome); }));
}

void Outbox::posted(Ref const& post, Connector::Outcome const& outcome) {
  if (outcome.state == State::done) return taken(post, outcome.body);
  if (!post->done && outcome.state != State::later) return finish(post, outcome.error);
  switch (outcome.state) {
    case State::later: {
      auto const wait = pause_after(post->channel, outcome, post->failures++);
      parts_.loop.call_after(wait, alive_.guard([this, post] { take_turn(post); }));
      return;
    }
    case State::unknown: return doubt(post, outcome.error);
    case State::refused:
      if (outcome.refused_content && !post->plain) {
        // Better a bare message than people who wait in the dark; its card is refused for good otherwise.
        ++counters_.fallbacks;
        parts_.log.error("teams refused a message's card; posting it as plain text",
                         {{"reason", outcome.error.message}, {"key", post->key}});
        post->plain = true;
        post->body = plain_fallback(post->body);
        return send(post);
      }
      return finish(post, outcome.error);
    case State::done: return;
  }
}

void Outbox::taken(Ref const& post, std::string const& body) {
  if (!post->done) {
    next(post);
    if (post->said) post->said(true);
    return;
  }
  // Teams has it: whatever the answer says, another copy would be one too many.
  auto const parsed = parse_resource(body);
  auto const resource = parsed.has_value() ? *parsed : Resource{};
  auto conversation = post->conversation;
  auto activity = resource.id;
  if (conversation.empty()) {
    // {"id": "19:…;messageid=1764…", "activityId": "1764…"}: either names the root.
    auto const bare = bare_conversation(resource.id);
    activity = resource.activity;
    if (activity.empty() && bare == post->channel && resource.id.size() > bare.size())
      activity = resource.id.substr(resource.id.find('=') + 1);
    conversation = activity.empty() ? std::string() : post->channel + ";messageid=" + activity;
  }
  ++counters_.posts;
  if (activity.empty()) {
    parts_.log.warn("teams took a message but did not say which one it is", {{"key", post->key}});
    if (post->decides)
      return finish(post, core::make_error(Errc::conflict,
                                           "Teams took the message of a request, but said not which one it is, so it "
                                           "can't be updated. Its buttons work; `show` tells how the request "
                                           "stands."));
  }
  if (!activity.empty()) memory_.keep(post->channel, activity, post->body);
  finish(post, Json::object({{"channel", post->channel}, {"conversation", conversation}, {"activity", activity}}));
}

// Perhaps taken, and there is no way to look. The others of the conversation need not wait.
void Outbox::doubt(Ref const& post, core::Error const& error) {
  ++counters_.posts_in_doubt;
  if (post->doubts == kMaxDoubts) {
    return finish(
        post,
        core::make_error(Errc::unavailable,
                         "A message may or may not stand in Teams, and it was posted again often enough: look in the "
                         "channel, and ask again if it is not there. The last answer: " +
                             error.message));
  }
  core::Duration const wait = kDoubt * (1 << post->doubts++);
  parts_.log.warn("teams may have taken a message or not; it will be posted again",
                  {{"reason", error.message}, {"key", post->key}, {"after_seconds", std::int64_t{wait / 1s}}});
  next(post);
  parts_.loop.call_after(wait, alive_.guard([this, post] {
    ++counters_.posts_repeated;
    auto& lane = lanes_[post->channel];
    (post->patient ? lane.patient : lane.waiting).push_back(post);
    pump(post->channel);
  }));
}

void Outbox::finish(Ref const& post, core::Result<ports::MessageRef> result) {
  next(post);
  if (post->said) post->said(result.has_value());
  if (post->done) post->done(std::move(result));
}

// The conversation is done with this post, for now or for good.
void Outbox::next(Ref const& post) {
  auto& lane = lanes_[post->channel];
  lane.busy = false;
  for (auto* queue : {&lane.waiting, &lane.patient}) {
    if (!queue->empty() && queue->front() == post) queue->pop_front();
  }
  parts_.loop.post(alive_.guard([this, channel = post->channel] { pump(channel); }));
}

// --- updates --------------------------------------------------------------------------------------------------------

void Outbox::update(ports::MessageRef const& message, Json body, Updated done, ports::Urgency urgency) {
  auto const conversation = member(message, "conversation"), activity = member(message, "activity");
  if (conversation.empty() || activity.empty()) {
    parts_.loop.post(alive_.guard([done = std::move(done)] {
      done(core::make_error(Errc::bad_input, "A Teams message is named by conversation and activity; one is missing."));
    }));
    return;
  }
  if (directory_.is_gone(conversation)) {
    memory_.keep(bare_conversation(conversation), activity, body);
    parts_.loop.post(alive_.guard([done = std::move(done)] { done(gone()); }));
    return;
  }
  auto const name = conversation + ' ' + activity;
  auto& update = updates_[name];
  update.channel = bare_conversation(conversation);
  update.conversation = conversation;
  update.activity = activity;
  update.plain = false;
  update.urgency = urgency;
  memory_.keep(update.channel, activity, body);
  update.body = std::move(body);
  if (update.version > update.sent) ++counters_.updates_coalesced;
  update.waiting.emplace_back(++update.version, std::move(done));
  parts_.loop.post(alive_.guard([this, name] { send_update(name); }));
}

void Outbox::send_update(std::string const& name) {
  auto const at = updates_.find(name);
  if (at == updates_.end() || at->second.busy) return;
  at->second.busy = true;
  auto const channel = at->second.channel;
  due_[channel].push_back(name);
  auto const go = alive_.guard([this, channel] { send_most_urgent(channel); });
  in_turn(channel, [this, go] { parts_.loop.post(go); });
}

// Turns are the conversation's, and whoever needs it most has the next one.
void Outbox::send_most_urgent(std::string const& channel) {
  auto& due = due_[channel];
  auto const most = std::ranges::min_element(due, {}, [this](std::string const& name) {
    auto const update = updates_.find(name);
    return update == updates_.end() ? ports::Urgency::usual : update->second.urgency;
  });
  auto const name = most == due.end() ? std::string() : *most;
  if (most != due.end()) due.erase(most);
  if (due.empty()) due_.erase(channel);
  auto const entry = updates_.find(name);
  if (entry == updates_.end()) return;
  // Taken now, so that what waited for its turn is the newest state.
  auto& update = entry->second;
  update.sent = update.version;
  Connector::Call call;
  call.method = "PUT";
  call.service_url = directory_.service_url(update.channel);
  call.path = activity_path(update.conversation, update.activity);
  call.body = update.plain ? plain_fallback(update.body) : update.body;
  call.body.set("id", update.activity);
  call.what = "update a message";
  connector_.call(std::move(call),
                  alive_.guard([this, name](Connector::Outcome const& outcome) { updated(name, outcome); }));
}

void Outbox::updated(std::string const& name, Connector::Outcome const& outcome) {
  auto const at = updates_.find(name);
  if (at == updates_.end()) return;
  auto& update = at->second;
  update.busy = false;
  if (outcome.state == State::later || outcome.state == State::unknown) {  // an update may be repeated freely
    update.busy = true;
    auto const wait = pause_after(update.channel, outcome, update.failures++);
    parts_.loop.call_after(wait, alive_.guard([this, name] {
      if (auto const entry = updates_.find(name); entry != updates_.end()) entry->second.busy = false;
      send_update(name);
    }));
    return;
  }
  // What an older state was refused for is no reason to send the newer one as plain text.
  if (outcome.refused_content && !update.plain && update.sent == update.version) {
    ++counters_.fallbacks;
    parts_.log.error("teams refused an update's card; sending it as plain text", {{"reason", outcome.error.message}});
    update.plain = true;
    return send_update(name);
  }
  update.failures = 0;
  core::Result<void> result = boost::system::in_place_value;
  if (outcome.state == State::refused) result = outcome.error;
  ++counters_.updates;
  std::vector<Updated> ready;
  std::erase_if(update.waiting, [&](auto& waiting) {
    if (waiting.first > update.sent) return false;
    ready.push_back(std::move(waiting.second));
    return true;
  });
  if (update.waiting.empty()) {
    updates_.erase(at);
  } else {
    send_update(name);
  }
  for (auto const& done : ready) done(result);
}

}  // namespace teams
