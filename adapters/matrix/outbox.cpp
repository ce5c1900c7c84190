#include "adapters/matrix/outbox.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Errc;
using core::Json;

constexpr core::Duration kSendTimeout = 60s;    // Synapse is known to take that long under load
constexpr core::Duration kSearchMargin = 5min;  // our clock against the homeserver's
constexpr core::Duration kUnknownRoomWait = 1s;
// Of two edits that bear one millisecond the greater event id wins, not the later one (spec.matrix.org, client-server
// API, "Event replacements"): so the next of a message is sent when the clock has moved on since the answer.
constexpr core::Duration kEditsApart = 2ms;
// A newer edit waits for so many repeats of one of which nothing is known: the server may break at the older alone.
constexpr unsigned kRepeatsInDoubt = 2;
constexpr core::Duration kRepeatAfter = 1s;
constexpr unsigned kMaxPages = 50;  // of 100 messages

Urgency in_queue(ports::Urgency urgency) {
  switch (urgency) {
    case ports::Urgency::refusal: return Urgency::refusal;
    case ports::Urgency::decision: return Urgency::decision;
    case ports::Urgency::usual: break;
  }
  return Urgency::progress;
}

bool refused_content(Client::Outcome const& outcome) {
  if (outcome.status == 0 || outcome.ok()) return false;
  auto const kind = outcome.error_class();
  return kind == ErrorClass::ours || kind == ErrorClass::too_large;
}

}  // namespace

Outbox::Outbox(Parts const& parts, Settings const& settings, Client& client, SendQueue& queue, OwnMessages& own,
               Counters& counters, Closed closed)
    : parts_(parts),
      settings_(settings),
      client_(client),
      queue_(queue),
      own_(own),
      seeds_(parts, settings, queue, counters),
      counters_(counters),
      closed_(std::move(closed)) {}

ports::MessageRef Outbox::reference(std::string const& room, std::string const& event) {
  return Json::object({{"room_id", room}, {"event_id", event}});
}

template <class Callback, class Result>
void Outbox::later(Callback done, Result result) {
  parts_.loop.post(alive_.guard([done = std::move(done), result = std::move(result)] { done(result); }));
}

void Outbox::open() {
  open_ = true;
  for (auto const& waiting : std::exchange(searches_, {})) search(waiting);
  for (auto const& post : std::exchange(early_, {})) start(post);
  std::vector<std::string> events;
  for (auto const& [event, update] : updates_) events.push_back(event);
  for (auto const& event : events) send_update(event);
}

void Outbox::fail(core::Error error) {
  if (dead_) return;
  dead_ = std::move(error);
  for (auto const& post : std::exchange(early_, {})) later(post->done, core::Result<ports::MessageRef>(*dead_));
  for (auto const& post : std::exchange(posts_, {})) later(post->done, core::Result<ports::MessageRef>(*dead_));
  for (auto& [event, update] : std::exchange(updates_, {})) {
    for (auto const& [version, done] : update.waiting) later(done, core::Result<void>(*dead_));
  }
  for (auto const& waiting : std::exchange(searches_, {}))
    later(waiting->done, core::Result<std::optional<ports::MessageRef>>(*dead_));
}

void Outbox::stop() {
  alive_.end();
  early_.clear();
  posts_.clear();
  updates_.clear();
  searches_.clear();
  seeds_.stop();
}

// --- posts
// ------------------------------------------------------------------------------------------------------------

void Outbox::post(std::string room, std::optional<ports::MessageRef> const& thread, Json body, std::string key,
                  core::Time since, Posted done, bool patient) {
  auto post = std::make_shared<Post>();
  post->room = std::move(room);
  // The time tells apart the messages of two ledgers that count from one.
  post->transaction = transaction_of("post", key + ' ' + core::format_time(since));
  post->key = std::move(key);
  post->content = std::move(body);
  post->since = since;
  post->done = std::move(done);
  auto const meaning = meaning_of(post->content);
  if (!meaning || !meaning->takes_clicks()) post->urgency = Urgency::note;
  if (patient) post->urgency = Urgency::tidy;
  if (thread) {
    auto const root = (*thread)["event_id"].text();
    if (!is_event_id(root))
      return later(post->done,
                   core::Result<ports::MessageRef>(core::make_error(
                       Errc::bad_input, "A Matrix thread is named by its root's event_id; it is missing.")));
    post->content = in_thread(std::move(post->content), root);
  }
  start(post);
}

void Outbox::say(std::string const& room, Json content, std::string const& key, Urgency urgency,
                 std::function<void(std::optional<std::string>)> done) {
  auto post = std::make_shared<Post>();
  post->room = room;
  post->key = key;
  post->transaction = transaction_of("say", key);
  post->content = std::move(content);
  post->since = parts_.loop.now();
  post->urgency = urgency;
  post->done = [done = std::move(done)](core::Result<ports::MessageRef> const& result) {
    if (done) done(result.has_value() ? std::optional((*result)["event_id"].text()) : std::nullopt);
  };
  start(post);
}

void Outbox::start(PostRef const& post) {
  if (dead_) return later(post->done, core::Result<ports::MessageRef>(*dead_));
  if (!open_) return early_.push_back(post);
  posts_.insert(post);
  send(post);
}

void Outbox::send(PostRef const& post) {
  auto const why = closed_(post->room);
  if (!why) {
    parts_.loop.call_after(kUnknownRoomWait, alive_.guard([this, post] {
      if (posts_.contains(post)) send(post);
    }));
    return;
  }
  if (!why->empty())
    return later([this, post](core::Result<ports::MessageRef> const& result) { finish(post, result); },
                 core::Result<ports::MessageRef>(core::make_error(Errc::forbidden, *why)));
  queue_.send(
      post->room, post->urgency,
      [post] {
        Client::Call call;
        call.method = "PUT";
        call.path =
            room_path(post->room, {"send", "m.room.message", post->transaction + (post->plain ? "-plain" : "")});
        call.body = post->content;
        call.timeout = kSendTimeout;
        return call;
      },
      alive_.guard([this, post](Client::Outcome const& outcome) { sent(post, outcome); }));
}

void Outbox::sent(PostRef const& post, Client::Outcome const& outcome) {
  if (!posts_.contains(post)) return;  // all was given up meanwhile
  auto const id = outcome.ok() ? parse_event_id(outcome.body) : core::Result<std::string>(core::Error{});
  if (outcome.ok() && id.has_value()) {
    ++counters_.posts;
    own_.sent(post->room, *id, post->content);
    if (auto const meaning = meaning_of(post->content)) seeds_.place(post->room, *id, *meaning);
    return finish(post, reference(post->room, *id));
  }
  // Taken or not: the homeserver is asked, then sent the same transaction again, which it takes once.
  if (outcome.ok() || outcome.ambiguous()) return look(post);
  if (outcome.transient()) {  // it never left
    parts_.loop.call_after(jittered(parts_.random, ++post->failures), alive_.guard([this, post] { send(post); }));
    return;
  }
  if (refused_content(outcome) && !post->plain) {
    // Better a bare message than people who wait in the dark; its content is refused for good otherwise.
    ++counters_.fallbacks;
    parts_.log.error("matrix refused a message; posting it without markup",
                     {{"error", outcome.error.errcode + ' ' + outcome.error.error}, {"key", post->key}});
    post->plain = true;
    post->content = plain_fallback(post->content);
    return send(post);
  }
  finish(post, outcome.to_error("a message to " + core::printable_ascii(post->room, 255)));
}

void Outbox::look(PostRef const& post) {
  parts_.loop.call_after(jittered(parts_.random, ++post->failures), alive_.guard([this, post] {
    if (!posts_.contains(post)) return;
    find(post->room, post->key, post->since,
         alive_.guard([this, post](core::Result<std::optional<ports::MessageRef>> const& found) {
           if (!posts_.contains(post)) return;
           if (found.has_error()) return finish(post, found.error());
           if (!*found) return send(post);
           ++counters_.posts_found_again;
           parts_.log.info("matrix had taken a message after all", {{"key", post->key}});
           finish(post, **found);
         }));
  }));
}

void Outbox::finish(PostRef const& post, core::Result<ports::MessageRef> result) {
  if (posts_.erase(post) > 0) post->done(std::move(result));
}

// --- updates
// ----------------------------------------------------------------------------------------------------------

void Outbox::update(ports::MessageRef const& message, Json body, Updated done, ports::Urgency urgency) {
  auto const room = message["room_id"].text();
  auto const event = message["event_id"].text();
  auto error = dead_;
  if (!is_room_id(room) || !is_event_id(event))
    error = core::make_error(Errc::bad_input,
                             "A Matrix message is named by its room_id and event_id; one of them is missing.");
  if (error) return later(std::move(done), core::Result<void>(*error));
  auto& update = updates_[event];
  update.room = room;
  update.event = event;
  if (update.version == update.sent)
    update.earlier = update.plain ? plain_fallback(update.body) : std::move(update.body);
  update.body = std::move(body);
  update.plain = false;
  update.urgency = in_queue(urgency);
  queue_.hasten(update.on_its_way, update.urgency);
  if (update.version > update.sent) ++counters_.updates_coalesced;
  update.waiting.emplace_back(++update.version, std::move(done));
  parts_.loop.post(alive_.guard([this, event] { send_update(event); }));
}

void Outbox::send_update(std::string const& event) {
  auto const at = updates_.find(event);
  if (!open_ || at == updates_.end() || at->second.busy) return;
  if (auto const why = closed_(at->second.room); why && !why->empty()) {
    core::Result<void> const error = core::make_error(Errc::forbidden, *why);
    for (auto const& [version, done] : at->second.waiting) later(done, error);
    updates_.erase(at);
    return;
  }
  at->second.busy = true;
  if (edited_just_now(event)) {
    parts_.loop.call_after(kEditsApart, alive_.guard([this, event] {
      if (auto const entry = updates_.find(event); entry != updates_.end()) entry->second.busy = false;
      send_update(event);
    }));
    return;
  }
  // Asked anew at each try, so that what waited for its turn is the newest state. A transaction id stands for one
  // content only: a server answers the second with the first and drops it. So it is new whenever the content is, and
  // the time of the process tells apart those of two runs. What may be on its way in the homeserver is repeated before
  // anything newer: taken after it, the older state would be the one that is shown.
  auto const make = [this, event] {
    Client::Call call;
    call.method = "PUT";
    call.timeout = kSendTimeout;
    auto const entry = updates_.find(event);
    if (entry == updates_.end()) return call;
    auto& update = entry->second;
    if (!update.in_doubt && (update.sent != update.version || update.transaction.empty())) {
      update.transaction = "cs-edit-" + std::to_string(parts_.loop.now().time_since_epoch().count()) + '-' +
                           std::to_string(++last_edit_);
      update.sent = update.version;
      update.repeats = 0;
    }
    call.path = room_path(update.room, {"send", "m.room.message", update.transaction});
    call.body = render_edit(update.sent != update.version ? update.earlier
                            : update.plain                ? plain_fallback(update.body)
                                                          : update.body,
                            event);
    return call;
  };
  at->second.on_its_way =
      queue_.send(at->second.room, at->second.urgency, make,
                  alive_.guard([this, event](Client::Outcome const& outcome) { updated(event, outcome); }));
}

bool Outbox::edited_just_now(std::string const& event) {
  while (!edited_.empty() && parts_.loop.now() - edited_.front().first >= kEditsApart) edited_.pop_front();
  return std::ranges::find(edited_, event, &std::pair<core::Time, std::string>::second) != edited_.end();
}

void Outbox::updated(std::string const& event, Client::Outcome const& outcome) {
  auto const at = updates_.find(event);
  if (at == updates_.end()) return;
  auto& update = at->second;
  update.busy = false;
  bool const newer = update.sent != update.version;
  if (!outcome.ok() && outcome.transient()) {
    update.in_doubt = update.in_doubt || outcome.ambiguous();
    bool const holds_up = outcome.ambiguous() && newer;
    if (holds_up && update.repeats++ == kRepeatsInDoubt) update.in_doubt = false;
    auto const wait = jittered(parts_.random, ++update.failures);
    parts_.loop.call_after(holds_up ? kRepeatAfter : wait, alive_.guard([this, event] { send_update(event); }));
    return;
  }
  update.in_doubt = false;
  if (refused_content(outcome) && newer) {  // which need not be
    update.transaction.clear();
    return send_update(event);
  }
  if (refused_content(outcome) && !update.plain) {
    ++counters_.fallbacks;
    parts_.log.error("matrix refused an update; sending it without markup",
                     {{"error", outcome.error.errcode + ' ' + outcome.error.error}});
    update.plain = true;
    update.transaction.clear();
    return send_update(event);
  }
  ++counters_.updates;
  edited_.emplace_back(parts_.loop.now(), event);
  update.failures = 0;
  update.transaction.clear();
  core::Result<void> result = boost::system::in_place_value;
  if (!outcome.ok()) result = outcome.to_error("the update of a message in " + core::printable_ascii(update.room, 255));
  std::vector<Updated> ready;
  std::erase_if(update.waiting, [&](auto& waiting) {
    if (waiting.first > update.sent) return false;
    ready.push_back(std::move(waiting.second));
    return true;
  });
  auto const room = update.room;
  auto const meaning = meaning_of(update.body);
  bool const last = update.waiting.empty();
  if (last) {
    updates_.erase(at);
  } else {
    send_update(event);
  }
  // After a restart nobody knows whether an earlier process came to seed what it posted.
  if (outcome.ok() && last && meaning && meaning->kind == Meaning::Kind::card) {
    if (meaning->approve == Meaning::Form::none && meaning->deny == Meaning::Form::none) {
      seeds_.take_away(room, event);
      if (meaning->again) seeds_.place(room, event, *meaning);
    } else {
      seeds_.place(room, event, *meaning);
    }
  }
  for (auto const& done : ready) done(result);
}

// --- looking for a message
// ----------------------------------------------------------------------------------------------

void Outbox::find(std::string room, std::string key, core::Time since, Found done) {
  auto wanted = std::make_shared<Search>();
  wanted->room = std::move(room);
  wanted->key = std::move(key);
  wanted->since = since;
  wanted->done = std::move(done);
  if (dead_) return later(wanted->done, core::Result<std::optional<ports::MessageRef>>(*dead_));
  if (!open_) return searches_.push_back(std::move(wanted));
  search(wanted);
}

void Outbox::search(std::shared_ptr<Search> const& wanted) {
  Client::Call call;
  call.path = room_path(wanted->room, {"messages"});
  call.query = {{"dir", "b"},
                {"limit", "100"},
                {"filter", core::dump(Json::object({{"types", Json::array({"m.room.message"})},
                                                    {"senders", Json::array({settings_.user})}}))}};
  if (!wanted->from.empty()) call.query.emplace_back("from", wanted->from);
  call.tries = Client::kForEver;
  call.max_bytes = kMaxPageBytes;
  client_.call(std::move(call), alive_.guard([this, wanted](Client::Outcome const& outcome) {
    using Nothing = std::optional<ports::MessageRef>;
    auto const what = "to look for a message in " + core::printable_ascii(wanted->room, 255);
    if (!outcome.ok()) return wanted->done(outcome.to_error(what));
    auto const page = parse_page(outcome.body, wanted->room);
    if (page.has_error()) return wanted->done(core::make_error(Errc::unavailable, page.error().message));
    bool older = false;
    for (auto const& event : page->events) {
      // Anybody can put the same key, and any time, into a message of their own.
      if (event.sender != settings_.user || event.type != "m.room.message") continue;
      older = core::Time(core::Duration(event.sent_ms)) < wanted->since - kSearchMargin;
      if (older || event.relation.type == "m.replace") continue;
      auto const meaning = meaning_of(event.content);
      if (!meaning || meaning->key != wanted->key) continue;
      own_.learn(event);
      seeds_.place(wanted->room, event.id, *meaning);
      return wanted->done(Nothing(reference(wanted->room, event.id)));
    }
    if (older || page->end.empty() || page->end == wanted->from || page->entries == 0) return wanted->done(Nothing());
    if (++wanted->pages == kMaxPages)
      return wanted->done(core::make_error(
          Errc::unavailable, "The room has too many messages since then to find one of ours among them."));
    wanted->from = page->end;
    search(wanted);
  }));
}

}  // namespace matrix
