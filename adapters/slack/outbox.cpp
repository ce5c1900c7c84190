#include "adapters/slack/outbox.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace slack {

namespace {

using namespace std::chrono_literals;
using core::Errc;
using core::Json;

// chat.postMessage: one a second a channel, short bursts pass (docs.slack.dev /apis/web-api/rate-limits).
constexpr core::Duration kPostEvery = 1s;
constexpr int kPostBurst = 3;
// After a post of which nothing is known: it is looked for again and again, and posted once more only when it is not
// there this long after the attempt. A slow Slack shows what it took late, and two cards are worse than a late one.
constexpr core::Duration kDoubt = 60s;
constexpr core::Duration kLongestPause = 16s;  // between two looks; they begin at 1 s and double
constexpr core::Duration kSearchMargin = 60s;  // our clock against Slack's
constexpr core::Duration kLeadMargin = 1h;  // while now() leads the host's clock: nobody knows by how much it did then
constexpr unsigned kMaxPages = 50;          // of 200 messages

std::string member(std::optional<ports::MessageRef> const& ref, std::string_view name) {
  return ref ? (*ref)[name].text() : std::string{};
}

bool refused_content(WebApi::Outcome const& outcome) {
  return outcome.answer && !outcome.answer->ok && outcome.answer->error_class() == ErrorClass::ours;
}

// A message's body, an object with members, with where it goes put before them.
std::string addressed(std::string const& body, std::string const& channel, std::string const& thread) {
  auto to = Json::object({{"channel", channel}});
  if (!thread.empty()) to.set("thread_ts", thread);
  auto text = core::dump(to);
  text.back() = ',';
  return text.append(body, 1);
}

}  // namespace

Outbox::Outbox(Parts const& parts, WebApi& api, Counters& counters) : parts_(parts), api_(api), counters_(counters) {}

void Outbox::open(std::string bot_id) {
  bot_id_ = std::move(bot_id);
  open_ = true;
  for (auto const& waiting : std::exchange(searches_, {})) search(waiting);
  std::vector<std::string> names;
  for (auto const& [name, channel] : channels_) names.push_back(name);
  for (auto const& name : names) pump(name);
  names.clear();
  for (auto const& [name, update] : updates_) names.push_back(name);
  for (auto const& name : names) send_update(name);
}

void Outbox::fail(core::Error error) {
  if (dead_) return;
  dead_ = std::move(error);
  auto const later = [this](auto done, auto result) {
    parts_.loop.post(alive_.guard([done = std::move(done), result = std::move(result)] { done(result); }));
  };
  for (auto& [name, channel] : channels_) {
    for (auto* queue : {&channel.waiting, &channel.patient}) {
      for (auto const& post : std::exchange(*queue, {})) later(post->done, core::Result<ports::MessageRef>(*dead_));
    }
  }
  for (auto const& post : std::exchange(doubtful_, {})) later(post->done, core::Result<ports::MessageRef>(*dead_));
  for (auto& [name, update] : updates_) {
    for (auto const& [version, done] : update.waiting) later(done, core::Result<void>(*dead_));
  }
  updates_.clear();
  for (auto const& waiting : std::exchange(searches_, {}))
    later(waiting->done, core::Result<std::optional<ports::MessageRef>>(*dead_));
}

void Outbox::stop() {
  alive_.end();
  channels_.clear();
  doubtful_.clear();
  updates_.clear();
  searches_.clear();
}

core::Error Outbox::error_of(std::string const& method, WebApi::Outcome const& outcome) const {
  if (outcome.answer) return to_error(method, *outcome.answer);
  return core::make_error(Errc::unavailable, "Slack could not be reached for " + method + ": " + outcome.failure);
}

// --- posts
// ------------------------------------------------------------------------------------------------------------

void Outbox::post(std::string channel, std::optional<ports::MessageRef> const& thread, Json body, std::string key,
                  core::Time since, Posted done, bool patient) {
  if (dead_) {
    parts_.loop.post(alive_.guard([done = std::move(done), error = *dead_] { done(error); }));
    return;
  }
  auto post = std::make_shared<Post>();
  post->channel = channel;
  post->thread = member(thread, "ts");
  post->body = core::dump(body);
  post->key = std::move(key);
  post->since = since;
  post->done = std::move(done);
  post->patient = patient;
  auto& queues = channels_[channel];
  (patient ? queues.patient : queues.waiting).push_back(std::move(post));
  parts_.loop.post(alive_.guard([this, channel] { pump(channel); }));
}

void Outbox::pump(std::string const& name) {
  auto& channel = channels_[name];
  if (!open_ || channel.busy || (channel.waiting.empty() && channel.patient.empty())) return;
  auto const now = parts_.loop.now();
  if (channel.waiting.empty()) {
    // Only while the whole burst is free, so that a card that comes now need not wait.
    if (channel.full_at > now) {
      if (channel.quiet != 0) return;
      channel.quiet = parts_.loop.call_after(channel.full_at - now, alive_.guard([this, name] {
        channels_[name].quiet = 0;
        pump(name);
      }));
      return;
    }
    channel.busy = true;
    channel.full_at = now + kPostEvery;
    return send(channel.patient.front());
  }
  channel.busy = true;
  auto const free_at = channel.full_at - (kPostBurst - 1) * kPostEvery;
  channel.full_at = std::max(channel.full_at, now) + kPostEvery;
  auto const post = channel.waiting.front();
  if (free_at <= now) return send(post);
  parts_.loop.call_after(free_at - now, alive_.guard([this, post] { send(post); }));
}

void Outbox::send(std::shared_ptr<Post> const& post) {
  if (dead_) return;
  WebApi::Call call;
  call.method = "chat.postMessage";
  call.text = [post] { return addressed(post->body, post->channel, post->thread); };
  api_.call(std::move(call), alive_.guard([this, post](WebApi::Outcome const& outcome) { posted(post, outcome); }));
}

void Outbox::posted(std::shared_ptr<Post> const& post, WebApi::Outcome const& outcome) {
  if (dead_) return;
  if (outcome.ok()) {
    auto const& answer = outcome.answer->body;
    auto const channel = answer["channel"].text(post->channel);  // of a direct message: not what was asked for
    auto const ts = answer["ts"].text();
    if (!ts.empty() && ts.size() <= 64) {
      ++counters_.posts;
      return finish(post, Json::object({{"channel", channel}, {"ts", ts}}));
    }
    return doubt(post);
  }
  if (outcome.ambiguous()) return doubt(post);
  if (outcome.transient()) {  // it never left: nothing to look for
    auto const most = std::min<std::int64_t>(60'000, std::int64_t{500} << std::min(post->failures++, 10U));
    auto const wait = core::Duration(static_cast<std::int64_t>(parts_.random() % static_cast<std::uint64_t>(most + 1)));
    parts_.loop.call_after(wait, alive_.guard([this, post] { send(post); }));
    return;
  }
  if (refused_content(outcome) && !post->plain) {
    // Better a bare message than people who wait in the dark; its content is refused for good otherwise.
    ++counters_.fallbacks;
    parts_.log.error("slack refused a message's blocks; posting it as plain text",
                     {{"error", outcome.answer->error}, {"key", post->key}});
    post->plain = true;
    post->body = core::dump(plain_fallback(core::parse_json(post->body).value()));
    return send(post);
  }
  finish(post, error_of("chat.postMessage", outcome));
}

// Perhaps taken: the others of the channel need not wait for the answer.
void Outbox::doubt(std::shared_ptr<Post> const& post) {
  post->looks = 0;
  post->doubt_ends = parts_.loop.now() + kDoubt;
  doubtful_.insert(post);
  next(post);
  look_again(post);
}

void Outbox::look_again(std::shared_ptr<Post> const& post) {
  core::Duration const longer = std::min<core::Duration>(kLongestPause, std::chrono::seconds(1U << post->looks));
  ++post->looks;
  auto const wait = std::min(longer, std::max(core::Duration(1), post->doubt_ends - parts_.loop.now()));
  parts_.loop.call_after(wait, alive_.guard([this, post] {
    if (dead_) return;
    std::optional<ports::MessageRef> thread;
    if (!post->thread.empty()) thread = Json::object({{"ts", post->thread}});
    bool const last = parts_.loop.now() >= post->doubt_ends;
    find(post->channel, thread, post->key, post->since,
         alive_.guard([this, post, last](core::Result<std::optional<ports::MessageRef>> const& found) {
           if (doubtful_.count(post) == 0) return;  // all was given up meanwhile
           if (found && !*found && !last) return look_again(post);
           doubtful_.erase(post);
           if (found.has_error()) return post->done(found.error());
           if (found->has_value()) {
             ++counters_.posts_found_again;
             parts_.log.info("slack had taken a message after all", {{"key", post->key}});
             return post->done(**found);
           }
           auto& channel = channels_[post->channel];
           (post->patient ? channel.patient : channel.waiting).push_back(post);
           pump(post->channel);
         }));
  }));
}

void Outbox::finish(std::shared_ptr<Post> const& post, core::Result<ports::MessageRef> result) {
  next(post);
  post->done(std::move(result));
}

// The channel is done with this post, for now or for good.
void Outbox::next(std::shared_ptr<Post> const& post) {
  auto& channel = channels_[post->channel];
  channel.busy = false;
  for (auto* queue : {&channel.waiting, &channel.patient}) {
    if (!queue->empty() && queue->front() == post) queue->pop_front();
  }
  parts_.loop.post(alive_.guard([this, name = post->channel] { pump(name); }));
}

// --- updates
// ----------------------------------------------------------------------------------------------------------

void Outbox::update(ports::MessageRef const& message, Json body, Updated done, ports::Urgency urgency) {
  auto const channel = message["channel"].text();
  auto const ts = message["ts"].text();
  auto error = dead_;
  if (channel.empty() || ts.empty())
    error =
        core::make_error(Errc::bad_input, "A Slack message is named by its channel and ts; one of them is missing.");
  if (error) {
    parts_.loop.post(alive_.guard([done = std::move(done), error = *error] { done(error); }));
    return;
  }
  auto const name = channel + '|' + ts;
  auto& update = updates_[name];
  update.body = std::move(body.set("channel", channel).set("ts", ts));
  update.plain = false;
  *update.urgency = urgency;
  if (update.version > update.sent) ++counters_.updates_coalesced;
  update.waiting.emplace_back(++update.version, std::move(done));
  parts_.loop.post(alive_.guard([this, name] { send_update(name); }));
}

void Outbox::send_update(std::string const& name) {
  auto const at = updates_.find(name);
  if (!open_ || at == updates_.end() || at->second.busy) return;
  at->second.busy = true;
  WebApi::Call call;
  call.method = "chat.update";
  call.tries = WebApi::kForEver;
  call.urgency = at->second.urgency;  // which the next update of this message may change
  // Asked anew at each try, so that what waited for its turn is the newest state.
  call.text = [this, name]() -> std::string {
    auto const entry = updates_.find(name);
    if (entry == updates_.end()) return "{}";
    auto& update = entry->second;
    update.sent = update.version;
    if (!update.plain) return core::dump(update.body);
    return core::dump(plain_fallback(update.body));
  };
  api_.call(std::move(call), alive_.guard([this, name](WebApi::Outcome const& outcome) { updated(name, outcome); }));
}

void Outbox::updated(std::string const& name, WebApi::Outcome const& outcome) {
  auto const at = updates_.find(name);
  if (at == updates_.end()) return;
  auto& update = at->second;
  update.busy = false;
  if (refused_content(outcome) && !update.plain) {
    if (update.version == update.sent) {  // a newer state has blocks of its own to try
      ++counters_.fallbacks;
      parts_.log.error("slack refused an update's blocks; sending it as plain text",
                       {{"error", outcome.answer->error}});
      update.plain = true;
    }
    return send_update(name);
  }
  core::Result<void> result = boost::system::in_place_value;
  if (!outcome.ok()) result = error_of("chat.update", outcome);
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

// --- looking for a message
// ----------------------------------------------------------------------------------------------

void Outbox::find(std::string channel, std::optional<ports::MessageRef> const& thread, std::string key,
                  core::Time since, Found done) {
  auto search_for = std::make_shared<Search>();
  search_for->channel = std::move(channel);
  search_for->thread = member(thread, "ts");
  search_for->key = std::move(key);
  search_for->from = oldest(since);
  search_for->done = std::move(done);
  if (dead_) {
    parts_.loop.post(alive_.guard([search_for, error = *dead_] { search_for->done(error); }));
    return;
  }
  if (!open_) {
    searches_.push_back(std::move(search_for));
    return;
  }
  search(search_for);
}

// By Slack's clock: from when on a message may stand there that was posted at `since` of ours.
core::Time Outbox::oldest(core::Time since) const {
  auto const wall = parts_.loop.wall();
  bool const leads = parts_.loop.now() > wall + kSearchMargin;
  return std::min(since, wall) - (leads ? kLeadMargin : kSearchMargin);
}

void Outbox::search(std::shared_ptr<Search> const& current) {
  WebApi::Call call;
  call.method = current->thread.empty() ? "conversations.history" : "conversations.replies";
  call.form = WebApi::Form::form;
  call.tries = WebApi::kForEver;
  call.arguments = [current] {
    auto const from = std::chrono::duration_cast<std::chrono::seconds>(current->from.time_since_epoch());
    Json arguments = Json::object({{"channel", current->channel},
                                   {"oldest", std::to_string(std::max<std::int64_t>(from.count(), 0)) + ".000000"},
                                   {"inclusive", true},
                                   {"include_all_metadata", true},
                                   {"limit", 200}});
    if (!current->thread.empty()) arguments.set("ts", current->thread);
    if (!current->cursor.empty()) arguments.set("cursor", current->cursor);
    return arguments;
  };
  auto const method = call.method;
  api_.call(std::move(call), alive_.guard([this, current, method](WebApi::Outcome const& outcome) {
    if (!outcome.ok()) return current->done(error_of(method, outcome));
    auto const& body = outcome.answer->body;
    if (auto const* messages = body["messages"].if_array()) {
      for (auto const& message : *messages) {
        auto const& metadata = message["metadata"];
        if (message["bot_id"].text() != bot_id_ || metadata["event_type"].text() != kEventType ||
            metadata["event_payload"]["key"].text() != current->key)
          continue;
        auto const ts = message["ts"].text();
        if (ts.empty()) continue;
        return current->done(
            std::optional<ports::MessageRef>(Json::object({{"channel", current->channel}, {"ts", ts}})));
      }
    }
    current->cursor = body["response_metadata"]["next_cursor"].text();
    if (current->cursor.empty()) return current->done(std::optional<ports::MessageRef>());
    if (++current->pages == kMaxPages)
      return current->done(core::make_error(
          Errc::unavailable, "The channel has too many messages since then to find one of ours among them."));
    search(current);
  }));
}

}  // namespace slack
