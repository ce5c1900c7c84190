#include "bot/engine/outbox.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/failpoint.hpp"

namespace engine {

namespace {

// A platform may show a message late: until the last moment at which it can have been sent is this long ago, one that
// is not found may still come. After a restart that moment is our own start: the process before us may have tried until
// it ended.
constexpr core::Duration kDoubt = std::chrono::seconds(60);
// What a platform refused or could not take is tried again, first after a minute, in the end each ten; a week later
// nobody cares.
constexpr core::Duration kRetryAfter = std::chrono::minutes(1), kRetryAtMost = std::chrono::minutes(10);
constexpr core::Duration kCares = core::kSettleWithin;
constexpr core::Duration kWriteSoonOver = std::chrono::milliseconds(100);
constexpr std::size_t kMaxWaiting = 1000;  // clicks a request that wait for a look-up

// What comes in front of the keys of all that is said of a request.
std::string keys_of(core::RequestId const& id) { return id.str() + ":"; }

bool may_succeed_later(core::Error const& error) {
  return error.code == core::Errc::unavailable || error.code == core::Errc::forbidden ||
         error.code == core::Errc::timed_out;
}

core::Duration wait_of(unsigned failures) {
  return std::min<core::Duration>(kRetryAtMost, kRetryAfter * (1U << std::min(failures, 4U)));
}

ports::Urgency urgency_of(core::Phase phase) {
  using core::Phase;
  if (phase == Phase::denied || phase == Phase::cancelled || phase == Phase::expired || phase == Phase::voided)
    return ports::Urgency::refusal;
  return phase == Phase::collecting || phase == Phase::pending ? ports::Urgency::usual : ports::Urgency::decision;
}

std::string post_key(core::RequestId const& id, std::string const& purpose, std::string const& channel) {
  return keys_of(id) + purpose + ":" + channel;
}

}  // namespace

Outbox::~Outbox() {
  for (auto const& [post, timer] : next_looks_) loop_.cancel(timer);
  for (auto const& [post, retry] : retries_) loop_.cancel(retry.timer);
  for (auto const& [question, retry] : unsaid_) loop_.cancel(retry.timer);
}

ports::ChatAdapter* Outbox::adapter(std::string const& platform) const {
  auto const found =
      std::ranges::find_if(adapters_, [&](auto const* candidate) { return candidate->platform() == platform; });
  return found == adapters_.end() ? nullptr : *found;
}

core::PostState const* Outbox::card_on(core::RequestState const& request, std::string const& platform,
                                       std::string const& channel) const {
  for (auto const& post : request.posts) {
    if (post.purpose == "card" && post.platform == platform && post.channel == channel) return &post;
  }
  return nullptr;
}

void Outbox::refresh(core::RequestId const& id) {
  auto const* request = state_.request(id);
  if (!request || request->phase == core::Phase::collecting) return;
  if (request->phase != core::Phase::pending) {  // its questions are over
    auto const keys = keys_of(id);
    for (auto at = said_.lower_bound(keys); at != said_.end() && at->starts_with(keys);) at = said_.erase(at);
  }
  for (auto const& [of, platform] : std::set(unmentioned_)) {
    if (of == id) mention_elsewhere(id, platform);
  }
  std::set<std::string> mentioned;  // platforms whose first channel already carries the mention
  for (auto const& channel : request->channels) {
    auto const addresses = state_.rules.channels.find(channel);
    if (addresses == state_.rules.channels.end()) continue;
    for (auto const& [platform, address] : addresses->second) {
      if (!adapter(platform)) continue;
      bool const mention = mentioned.insert(platform).second;
      auto const* card = card_on(*request, platform, channel);
      if (!card) {
        intend(*request, "card", channel, platform, address, mention);
      } else if (card->ref) {
        update(*request, *card);
        bool const fresh = posted_here_.erase(card->key + platform) > 0;
        enclosures_.card_stands(id, *card, fresh);
        if (!fresh || request->phase != core::Phase::pending) continue;
        for (auto const& question : request->questions) {  // asked before this copy stood
          auto const key = post_key(id, "question-" + std::to_string(question.number), channel);
          if (!said_.contains(key + platform)) say_question_at(id, question, *card, /*mention=*/false, false);
        }
      }
    }
  }
}

void Outbox::intend(core::RequestState const& request, std::string const& purpose, std::string const& channel,
                    std::string const& platform, std::string const& address, bool mention) {
  auto const key = post_key(request.id, purpose, channel);
  if (!intended_.insert(key + platform).second) return;
  auto* const to = adapter(platform);
  try {
    ports::Rendered rendered;
    if (purpose == "card") {
      auto card = core::make_card(state_, request, loop_.now(), enclosures_.files_of(key, *to));
      if (!mention) card.mention.clear();
      if (!card.mention.empty()) mentioning_.insert(key + platform);
      rendered = to->render(card, key);
    } else {
      rendered = to->render(core::make_outcome_note(state_, request), key);
    }
    bodies_[key + platform] = rendered.body;
    submit_(core::PostRendered{.request = request.id,
                               .purpose = purpose,
                               .platform = platform,
                               .channel = channel,
                               .address = address,
                               .key = key,
                               .rendering = rendered.digest,
                               .body = std::move(rendered.body)});
  } catch (std::exception const& problem) {
    intended_.erase(key + platform);  // the next change tries again
    log_.error("a message could not be rendered",
               {{"request", request.id.str()}, {"platform", platform}, {"why", std::string(problem.what())}});
  }
}

void Outbox::send(core::RequestId const& id, std::uint32_t number, bool in_doubt) {
  auto const* request = state_.request(id);
  if (!request) return;
  auto const post = std::ranges::find(request->posts, number, &core::PostState::number);
  if (post == request->posts.end() || post->ref || !sending_.insert({id, number}).second) return;
  auto* const to = adapter(post->platform);
  if (!to) return;
  if (!in_doubt) return post_now(id, number);
  doubtful_[post->platform].insert({id, number});
  look(id, number, 0);
}

void Outbox::look(core::RequestId const& id, std::uint32_t number, unsigned looks) {
  next_looks_.erase({id, number});
  auto const* request = state_.request(id);
  auto const post = request ? std::ranges::find(request->posts, number, &core::PostState::number)
                            : std::vector<core::PostState>::const_iterator{};
  if (!request || post == request->posts.end()) {  // long over, and forgotten meanwhile
    sending_.erase({id, number});
    return settled(id, number);
  }
  auto const* card = post->purpose == "card" ? nullptr : card_on(*request, post->platform, post->channel);
  auto const asked = loop_.now();
  adapter(post->platform)
      ->find(post->address, card ? std::optional<ports::MessageRef>(card->ref) : std::nullopt, post->key, post->at,
             [this, id, number, looks, at = std::max(post->at, reconciled_at_), asked](auto const& found) {
               bool const missing = found && !*found;
               // What counts is when it was asked: an answer may have been long on its way.
               if (missing && asked - at < kDoubt) {
                 settled(id, number);  // votes need not wait for more; the next look decides about the post alone
                 core::Duration const longer = std::chrono::seconds(1U << std::min(looks, 5U));
                 auto const wait = std::min(longer, std::max(core::Duration(1), at + kDoubt - loop_.now()));
                 next_looks_[{id, number}] =
                     loop_.call_after(wait, [this, id, number, looks] { look(id, number, looks + 1); });
                 return;
               }
               looked(id, number, found);
             });
}

// The last look at a post in doubt: it stands, it does not, or nobody can tell.
void Outbox::looked(core::RequestId const& id, std::uint32_t number,
                    core::Result<std::optional<ports::MessageRef>> const& found) {
  if (found && !*found) return post_now(id, number);
  if (found) {
    submit_(core::Posted{id, number, **found});
  } else {
    // Without a look nothing is posted again: two cards are worse than a request that says it was not delivered.
    log_.error("an earlier message can't be looked for, so it is not posted again before it can",
               {{"request", id.str()}, {"post", std::uint64_t{number}}, {"why", found.error().message}});
  }
  settled(id, number);
  sending_.erase({id, number});
  if (found) return static_cast<void>(retries_.erase({id, number}));
  auto const* request = state_.request(id);
  if (!request) return;  // forgotten meanwhile
  auto const post = std::ranges::find(request->posts, number, &core::PostState::number);
  if (post != request->posts.end()) try_later(id, *post, found.error());
}

ports::Rendered Outbox::render(core::RequestState const& request, core::PostState const& post) const {
  auto* const to = adapter(post.platform);
  if (post.purpose != "card") return to->render(core::make_outcome_note(state_, request), post.key);
  auto card = core::make_card(state_, request, loop_.now(), enclosures_.files_of(post.key, *to));
  card.mention.clear();
  card.rendering = post.rendering;
  return to->render(card, post.key);
}

void Outbox::post_now(core::RequestId const& id, std::uint32_t number) {
  auto const* request = state_.request(id);
  auto const post = request ? std::ranges::find(request->posts, number, &core::PostState::number)
                            : std::vector<core::PostState>::const_iterator{};
  if (!request || post == request->posts.end()) {
    sending_.erase({id, number});
    return settled(id, number);
  }
  auto* const to = adapter(post->platform);
  auto const copy_key = post->key + post->platform;
  if (!bodies_.contains(copy_key) && !may_draw_(id)) {
    next_looks_[{id, number}] = loop_.call_after(kWriteSoonOver, [this, id, number] {
      next_looks_.erase({id, number});
      post_now(id, number);
    });
    return;
  }
  bool const mentions = mentioning_.erase(copy_key) > 0;
  std::optional<ports::MessageRef> thread;
  if (post->purpose != "card") {
    auto const* card = card_on(*request, post->platform, post->channel);
    if (card) thread = card->ref;
  }
  // The body of the intent, mention and all; after a restart the message as it looks now, under the rendering that the
  // intent recorded. `look`: digest of what an update without news would be, so that none is sent.
  core::Json body;
  std::string look;
  try {
    auto now = render(*request, *post).body;
    auto const known = bodies_.find(copy_key);
    // The intent's body may be older than what has happened since: then an update follows in any case.
    bool const same = known == bodies_.end() ||
                      (request->phase == core::Phase::pending && request->votes.empty() && request->questions.empty());
    if (post->purpose == "card" && same) look = core::sha256_hex(core::dump(now));
    body = known == bodies_.end() ? std::move(now) : std::move(known->second);
    if (known != bodies_.end()) bodies_.erase(known);
  } catch (std::exception const& problem) {
    sending_.erase({id, number});
    settled(id, number);
    return log_.error("a message could not be rendered",
                      {{"request", id.str()}, {"platform", post->platform}, {"why", std::string(problem.what())}});
  }
  to->post(post->address, std::move(thread), std::move(body), post->key, post->at,
           [this, id, number, copy_key, look, mentions, card = post->purpose == "card",
            platform = post->platform](core::Result<ports::MessageRef> result) {
             sending_.erase({id, number});
             settled(id, number);
             if (!result) {
               log_.error("a message could not be posted",
                          {{"request", id.str()}, {"platform", platform}, {"why", result.error().message}});
               if (mentions) mention_elsewhere(id, platform);
               auto const* known = state_.request(id);
               if (!known) return;
               auto const failed = std::ranges::find(known->posts, number, &core::PostState::number);
               if (failed != known->posts.end()) try_later(id, *failed, result.error());
               return;
             }
             retries_.erase({id, number});
             if (!look.empty()) copies_[copy_key].last_digest = look;
             if (card) posted_here_.insert(copy_key);
             intended_.erase(copy_key);
             // Once that is recorded, refresh() brings the message up to what happened meanwhile.
             submit_(core::Posted{id, number, *result});
           });
}

// The one card that mentions whom the policy notifies could not be posted: a line beside another card of the same
// platform does it in its place, now or once that card stands.
void Outbox::mention_elsewhere(core::RequestId const& id, std::string const& platform) {
  auto const* request = state_.request(id);
  if (!request || request->phase != core::Phase::pending) return static_cast<void>(unmentioned_.erase({id, platform}));
  auto const card = std::ranges::find_if(request->posts, [&](core::PostState const& post) {
    return post.purpose == "card" && post.platform == platform && post.ref;
  });
  if (card == request->posts.end()) {
    unmentioned_.insert({id, platform});
    return;
  }
  unmentioned_.erase({id, platform});
  auto const shown = core::make_card(state_, *request, loop_.now());
  auto const key = post_key(id, "notify", card->channel);
  auto* const to = adapter(platform);
  to->post(card->address, card->ref,
           to->render(core::Note{.text = shown.notification, .mention = shown.mention, .block = {}}, key).body, key,
           loop_.now(), [this, id](core::Result<ports::MessageRef> const& result) {
             if (!result)
               log_.error("nobody could be mentioned", {{"request", id.str()}, {"why", result.error().message}});
           });
}

void Outbox::update(core::RequestState const& request, core::PostState const& post) {
  auto& copy = copies_[post.key + post.platform];
  // What became more urgent doesn't wait here: where the one before it waits, it takes its place.
  auto const urgency = urgency_of(request.phase);
  if (copy.busy > 0 && urgency >= copy.urgency) {
    copy.again = true;
    return;
  }
  auto* const to = adapter(post.platform);
  core::Json body;
  try {
    body = render(request, post).body;
  } catch (std::exception const& problem) {
    log_.error("a message could not be rendered",
               {{"request", request.id.str()}, {"platform", post.platform}, {"why", std::string(problem.what())}});
    return;
  }
  auto const digest = core::sha256_hex(core::dump(body));
  if (copy.busy == 0 && digest == copy.last_digest) return update_done(request.id, post, digest, {});
  ++copy.busy;
  copy.urgency = urgency;
  auto const updated = [this, id = request.id, post, digest](core::Result<void> const& result) {
    core::reached(core::Failpoint::K10_chat_updated);
    auto& done = copies_[post.key + post.platform];
    if (done.busy > 0) --done.busy;
    if (result) done.last_digest = digest;
    if (done.busy > 0) return;  // of the newer one's end follows what comes next
    if (std::exchange(done.again, false)) {
      // This copy alone: two that refreshed each other would never come to an end.
      auto const* known = state_.request(id);
      if (!known || !may_draw_(id)) return;
      auto const now = std::ranges::find(known->posts, post.number, &core::PostState::number);
      if (now != known->posts.end() && now->ref) return update(*known, *now);
    }
    update_done(id, post, digest, result);
  };
  to->update(*post.ref, std::move(body), updated, urgency);
}

void Outbox::try_later(core::RequestId const& id, core::PostState const& post, core::Error const& error) {
  if (!may_succeed_later(error) || loop_.now() - post.at >= kCares)
    return static_cast<void>(retries_.erase({id, post.number}));
  auto& retry = retries_[{id, post.number}];
  if (retry.timer != 0) return;
  retry.timer = loop_.call_after(wait_of(retry.failures++), [this, id, number = post.number] {
    retries_[{id, number}].timer = 0;
    auto const* request = state_.request(id);
    if (!request) return static_cast<void>(retries_.erase({id, number}));
    auto const again = std::ranges::find(request->posts, number, &core::PostState::number);
    if (again == request->posts.end()) return;
    // Looked for first: of a call that failed in the end nobody knows what it did on the way.
    again->ref ? stale_(id) : send(id, number, /*in_doubt=*/true);
  });
}

void Outbox::update_done(core::RequestId const& id, core::PostState const& post, std::string const& digest,
                         core::Result<void> const& result) {
  if (result) {
    copies_[post.key + post.platform].last_digest = digest;
    if (auto const retry = retries_.find({id, post.number}); retry != retries_.end()) {
      loop_.cancel(retry->second.timer);
      retries_.erase(retry);
    }
  } else {
    try_later(id, post, result.error());
    log_.warn("a message could not be updated",
              {{"request", id.str()}, {"platform", post.platform}, {"why", result.error().message}});
  }
  auto const* request = state_.request(id);
  if (!request || !core::is_final(request->phase) || !may_draw_(id)) return;
  // The card tells the end; now the thread does, once, mentioning who asked.
  auto const key = post_key(id, "outcome", post.channel);
  auto const told = std::ranges::find_if(request->posts, [&](core::PostState const& other) {
    return other.key == key && other.platform == post.platform;
  });
  if (told != request->posts.end() && told->ref) copies_.erase(post.key + post.platform);  // nothing changes any more
  if (told == request->posts.end()) intend(*request, "outcome", post.channel, post.platform, post.address, false);
}

void Outbox::reconcile() {
  reconciled_at_ = loop_.now();
  std::vector<std::pair<core::RequestId, std::uint32_t>> open;
  for (auto const& [id, request] : state_.requests) {
    for (auto const& post : request.posts) {
      bool const recent = loop_.now() - post.at < kCares;
      if (!post.ref && recent && adapter(post.platform)) open.emplace_back(id, post.number);
    }
  }
  for (auto const& [id, number] : open) send(id, number, /*in_doubt=*/true);
  for (auto const* request : state_.open_requests()) {
    if (request->phase != core::Phase::pending) continue;
    for (auto const& question : request->questions) say_question(request->id, question.number, /*in_doubt=*/true);
  }
}

void Outbox::say_question(core::RequestId const& id, std::uint32_t number, bool in_doubt) {
  auto const* request = state_.request(id);
  if (!request) return;
  auto const question = std::ranges::find(request->questions, number, &core::Question::number);
  if (question == request->questions.end()) return;
  std::set<std::string> mentioned;
  for (auto const& post : request->posts) {
    if (post.purpose != "card" || !post.ref || !adapter(post.platform)) continue;
    say_question_at(id, *question, post, mentioned.insert(post.platform).second, in_doubt);
  }
}

void Outbox::say_question_at(core::RequestId const& id, core::Question const& question, core::PostState const& card,
                             bool mention, bool in_doubt) {
  auto* const to = adapter(card.platform);
  auto const key = post_key(id, "question-" + std::to_string(question.number), card.channel);
  said_.insert(key + card.platform);
  auto note = core::make_question_note(*state_.request(id), question);
  if (!mention) note.mention.clear();
  auto failed = [this, id, number = question.number, platform = card.platform, channel = card.channel,
                 mention](core::Error const& error) { question_failed(id, number, platform, channel, mention, error); };
  auto post = [this, to, key, failed, address = card.address, ref = *card.ref, platform = card.platform,
               at = question.at, body = to->render(note, key).body] {
    to->post(address, ref, body, key, at, [this, key, failed, platform](core::Result<ports::MessageRef> const& result) {
      result ? static_cast<void>(unsaid_.erase(key + platform)) : failed(result.error());
    });
  };
  if (!in_doubt) return post();
  if (!to->can_find()) return;
  to->find(card.address, *card.ref, key, question.at,
           [this, post = std::move(post), failed,
            way = key + card.platform](core::Result<std::optional<ports::MessageRef>> const& found) {
             if (!found) return failed(found.error());
             *found ? static_cast<void>(unsaid_.erase(way)) : post();
           });
}

void Outbox::question_failed(core::RequestId const& id, std::uint32_t number, std::string const& platform,
                             std::string const& channel, bool mention, core::Error const& error) {
  log_.warn("a question could not be put into a thread",
            {{"request", id.str()}, {"platform", platform}, {"why", error.message}});
  auto const way = post_key(id, "question-" + std::to_string(number), channel) + platform;
  auto const* request = state_.request(id);
  if (!request || request->phase != core::Phase::pending || !may_succeed_later(error))
    return static_cast<void>(unsaid_.erase(way));
  auto& retry = unsaid_[way];
  if (retry.timer != 0) return;
  retry.timer = loop_.call_after(wait_of(retry.failures++), [this, id, number, platform, channel, mention, way] {
    unsaid_[way].timer = 0;
    auto const* now = state_.request(id);
    auto const* card = now ? card_on(*now, platform, channel) : nullptr;
    if (!card || !card->ref || now->phase != core::Phase::pending) return static_cast<void>(unsaid_.erase(way));
    // Looked for first where that is possible: of a call that failed nobody knows what it did on the way.
    say_question_at(id, now->questions.at(number - 1), *card, mention, adapter(platform)->can_find());
  });
}

void Outbox::say_in_thread(core::CaseId const& of, std::string const& purpose, std::string const& text) {
  std::set<std::string> said;
  // Each saying has its own key: of two, one must never be taken for the other when an answer of the platform is lost.
  auto const moment = core::format_time(loop_.now());
  for (auto const& [id, request] : state_.requests) {
    if (id.case_id() != of) continue;
    for (auto const& post : request.posts) {
      auto* const to = adapter(post.platform);
      if (post.purpose != "card" || !post.ref || !to || !said.insert(post.platform + post.address).second) continue;
      auto const key = of.str() + ":" + purpose + ":" + moment + ":" + post.channel;
      to->post(post.address, post.ref, to->render(core::Note{.text = text}, key).body, key, loop_.now(),
               [this, of](core::Result<ports::MessageRef> result) {
                 if (!result)
                   log_.warn("a note could not be posted", {{"case", of.str()}, {"why", result.error().message}});
               });
    }
  }
}

void Outbox::say_in_channels(std::vector<std::string> const& channels, std::string const& purpose,
                             core::Note const& note, std::string const& but_not) {
  auto const moment = core::format_time(loop_.now());
  for (auto const& channel : channels) {
    auto const addresses = state_.rules.channels.find(channel);
    if (addresses == state_.rules.channels.end()) continue;
    for (auto const& [platform, address] : addresses->second) {
      auto* const to = adapter(platform);
      auto const way = purpose + '\n' + platform + '\n' + address;
      if (!to || platform == but_not || !saying_.insert(way).second) continue;
      auto const key = purpose + ":" + moment + ":" + channel;
      to->post(address, std::nullopt, to->render(note, key).body, key, loop_.now(),
               [this, way, channel](core::Result<ports::MessageRef> const& result) {
                 saying_.erase(way);
                 if (!result)
                   log_.warn("a note could not be posted", {{"channel", channel}, {"why", result.error().message}});
               });
    }
  }
}

void Outbox::settled(core::RequestId const& id, std::uint32_t number) {
  for (auto& [platform, posts] : doubtful_) {
    if (posts.erase({id, number}) == 0 || in_doubt(id, platform)) continue;
    auto const found = waiting_.find({id, platform});
    if (found == waiting_.end()) continue;
    auto const then = std::move(found->second);
    waiting_.erase(found);
    for (auto const& work : then) work();
  }
}

bool Outbox::reconciling(std::string const& platform) const {
  auto const found = doubtful_.find(platform);
  return found != doubtful_.end() && !found->second.empty();
}

bool Outbox::in_doubt(core::RequestId const& id, std::string const& platform) const {
  auto const found = doubtful_.find(platform);
  return found != doubtful_.end() &&
         std::ranges::any_of(found->second, [&](auto const& post) { return post.first == id; });
}

bool Outbox::when_settled(core::RequestId const& id, std::string const& platform, std::function<void()> then) {
  auto& waiting = waiting_[{id, platform}];
  if (waiting.size() == kMaxWaiting) return false;
  waiting.push_back(std::move(then));
  return true;
}

}  // namespace engine
