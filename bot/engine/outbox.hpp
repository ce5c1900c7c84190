// Keeps every copy of every message true. Durable without a file of its own: what has to stand where follows from state
// (intents, references, outcomes), so a restart finds out by looking at state and at the platform. Private to engine.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bot/core/step.hpp"
#include "bot/engine/enclosures.hpp"
#include "bot/ports.hpp"

namespace engine {

class Outbox {
 public:
  using Submit = std::function<void(decltype(core::Event::what))>;

  // `may_draw`: all that state holds of a request is durable; else whoever answers has refresh() called once it is.
  // `stale`: has refresh() called soon.
  Outbox(ports::Loop& loop, ports::Log& log, ports::Papers& papers, ports::Notebook& notebook,
         std::vector<ports::ChatAdapter*> adapters, core::State const& state, Submit submit,
         std::function<bool(core::RequestId const&)> may_draw, std::function<void(core::RequestId const&)> stale)
      : loop_(loop),
        log_(log),
        adapters_(std::move(adapters)),
        state_(state),
        submit_(std::move(submit)),
        may_draw_(std::move(may_draw)),
        stale_(std::move(stale)),
        enclosures_(loop, log, papers, notebook, adapters_, state, [this](core::RequestId const& id) { stale_(id); }) {}
  ~Outbox();

  // Compares what should stand for this request with what does and starts what is missing: intents first, then posts,
  // updates of what stands, the outcome in the thread at the end.
  void refresh(core::RequestId const& id);
  // The intent of this post is durable: post it. After a restart (`in_doubt`) look for it first, again and again until
  // the intent is 60 s old; only what is not there then is posted once more.
  void send(core::RequestId const& id, std::uint32_t number, bool in_doubt);
  // Posts intended by an earlier process that nobody knows to stand: look for each.
  void reconcile();
  // A question that is recorded, into the thread of each card that stands; of each platform the first mentions who
  // asked for the request. `in_doubt`: an earlier process may have put it there.
  void say_question(core::RequestId const& id, std::uint32_t number, bool in_doubt = false);
  // A line in each thread of the case. `purpose`: a word that tells apart what may be said of one case.
  void say_in_thread(core::CaseId const& of, std::string const& purpose, std::string const& text);
  // A note of its own in each of these channels, on every platform that they name but that one. One that is still on
  // its way under the same purpose makes the next be left out there: a platform that is down gathers no heap of them.
  void say_in_channels(std::vector<std::string> const& channels, std::string const& purpose, core::Note const& note,
                       std::string const& but_not = {});
  // Has a post of an earlier process on this platform not been looked for yet?
  bool reconciling(std::string const& platform) const;
  // Has a post of this request on that platform not been looked for yet? A vote from there waits (design, section 7);
  // one from a platform that is well does not wait for another that is down.
  bool in_doubt(core::RequestId const& id, std::string const& platform) const;
  // False: too many wait already, `then` never runs.
  bool when_settled(core::RequestId const& id, std::string const& platform, std::function<void()> then);
  std::vector<ports::Figure> figures() const { return enclosures_.figures(); }

 private:
  struct Copy {               // of a message that stands on a platform
    std::string last_digest;  // SHA-256 of what was last sent, to leave out updates that change nothing
    unsigned busy = 0;        // updates on their way
    bool again = false;
    ports::Urgency urgency = ports::Urgency::usual;  // of the last of them
  };
  ports::ChatAdapter* adapter(std::string const& platform) const;
  void intend(core::RequestState const& request, std::string const& purpose, std::string const& channel,
              std::string const& platform, std::string const& address, bool mention);
  void update(core::RequestState const& request, core::PostState const& post);
  void update_done(core::RequestId const& id, core::PostState const& post, std::string const& digest,
                   core::Result<void> const& result);
  // Of a post whose intent is recorded: as it looks now, without the mention that only the first post has.
  ports::Rendered render(core::RequestState const& request, core::PostState const& post) const;
  void look(core::RequestId const& id, std::uint32_t number, unsigned looks);
  void looked(core::RequestId const& id, std::uint32_t number,
              core::Result<std::optional<ports::MessageRef>> const& found);
  void post_now(core::RequestId const& id, std::uint32_t number);
  void say_question_at(core::RequestId const& id, core::Question const& question, core::PostState const& card,
                       bool mention, bool in_doubt);
  // Not put there: tried again like a message while the request is open.
  void question_failed(core::RequestId const& id, std::uint32_t number, std::string const& platform,
                       std::string const& channel, bool mention, core::Error const& error);
  void mention_elsewhere(core::RequestId const& id, std::string const& platform);
  void settled(core::RequestId const& id, std::uint32_t number);
  // The platform took neither a post nor an update and may take it later (it is down, or an operator has to mend
  // something): tried again with growing pauses for as long as somebody may care.
  void try_later(core::RequestId const& id, core::PostState const& post, core::Error const& error);
  core::PostState const* card_on(core::RequestState const& request, std::string const& platform,
                                 std::string const& channel) const;

  ports::Loop& loop_;
  ports::Log& log_;
  std::vector<ports::ChatAdapter*> adapters_;
  core::State const& state_;
  Submit submit_;
  std::function<bool(core::RequestId const&)> may_draw_;
  std::function<void(core::RequestId const&)> stale_;
  Enclosures enclosures_;
  std::set<std::string> saying_;              // notes in channels that are on their way: purpose, platform, address
  std::set<std::string> posted_here_;         // copies that this process posted, until their card is known to stand
  std::map<std::string, Copy> copies_;        // by post key
  std::map<std::string, core::Json> bodies_;  // of intents of this process, by post key, until posted
  std::set<std::string> intended_;            // post keys whose intent is on its way to the ledger
  std::set<std::pair<core::RequestId, std::uint32_t>> sending_;
  std::map<std::string, std::set<std::pair<core::RequestId, std::uint32_t>>> doubtful_;  // by platform: not looked for
  std::map<std::pair<core::RequestId, std::uint32_t>, ports::Loop::TimerId> next_looks_;
  struct Retry {
    unsigned failures = 0;
    ports::Loop::TimerId timer = 0;  // 0: under way
  };
  std::map<std::pair<core::RequestId, std::uint32_t>, Retry> retries_;  // of what failed last time
  std::set<std::string> said_;           // keys and platforms of questions of this process, while their request is open
  std::map<std::string, Retry> unsaid_;  // of them, those that could not be put there, by the same
  std::set<std::string> mentioning_;     // post keys of this process's cards that mention people
  std::set<std::pair<core::RequestId, std::string>>
      unmentioned_;             // by platform: their card failed, no other stands yet
  core::Time reconciled_at_{};  // when this process began to look
  std::map<std::pair<core::RequestId, std::string>, std::vector<std::function<void()>>> waiting_;  // and by platform
};

}  // namespace engine
