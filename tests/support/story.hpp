// Drives core::step through a story with virtual time, and folds what it appends into a second state, as a restart
// would: both must be the same at any moment.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/step.hpp"
#include "tests/support/rules_fixture.hpp"

namespace fixture {

// Everything of a state that the ledger decides, as text: what differs can be read in a failure.
std::string dump_state(core::State const& state);

class Story {
 public:
  explicit Story(core::Rules with = fixture::rules());
  Story(Story const&);
  Story(Story&&);
  Story& operator=(Story const&);
  Story& operator=(Story&&);
  ~Story();

  void start(std::set<std::string> started = {}, bool recovered = false);
  // Forgets everything but the ledger and starts again.
  void restart(std::set<std::string> started = {}, bool recovered = false);
  void reload(core::Rules with);
  std::vector<core::Effect> const& send(decltype(core::Event::what) what);
  void pass(core::Duration time);

  core::Asked asked(core::Actor by, std::string runbook, std::map<std::string, std::string> parameters);
  core::Collected collected(core::RequestId const& id);

  // Asks, collects, opens; the request is pending afterwards.
  core::RequestId open(core::Asked const& event);
  core::RequestId open(std::string runbook = "restart-service",
                       std::map<std::string, std::string> parameters = {{"service", "web"}});

  // A click on the request's card, which is posted first where nobody has done so.
  core::VoteCast cast(std::string const& person, core::RequestId const& id,
                      core::Verdict verdict = core::Verdict::approve);
  core::Reply vote(std::string const& person, core::RequestId const& id,
                   core::Verdict verdict = core::Verdict::approve);

  core::RequestState const& at(core::RequestId const& id) const { return *state.request(id); }
  core::Phase phase(core::RequestId const& id) const { return at(id).phase; }

  // The last reply of the last event; a default one (code 0, ticket 0) when there was none.
  core::Reply reply() const;
  template <class T>
  std::optional<T> last() const {
    std::optional<T> found;
    for (auto const& effect : effects) {
      if (auto const* one = std::get_if<T>(&effect)) found = *one;
    }
    return found;
  }
  template <class T>
  std::size_t count() const {
    std::size_t number = 0;
    for (auto const& effect : effects) number += std::holds_alternative<T>(effect) ? 1U : 0U;
    return number;
  }
  // Kinds of the entries that the last event appended, joined by blanks.
  std::string kinds() const;

  core::Result<std::string> file(std::string_view path) const;
  core::Result<void> try_apply(core::State& to, core::Entry const& entry) const;
  // Forgets what was written so far but for its paths and the configuration: such a story is cheap to copy.
  void lighten();
  // Goes on with a ledger of which only the state is known here.
  void go_on(core::State from, core::Time at);
  bool folds_to_the_same() const;

  core::Rules rules;
  core::Time now = core::parse_time("2026-11-21T10:00:00.000Z").value();
  core::State state, copy;
  std::vector<core::Entry> ledger;
  std::vector<core::Effect> effects;
  bool folding = true;  // false: `copy` is left behind, for tests that count time
  std::string broken;   // the first thing that must never be: a path twice, or an entry that a restart refuses
  core::Ticket ticket = 0;
  std::uint64_t delivery = 0;

 private:
  void fold(core::Entry const& entry) { take(entry, copy); }

  void take(core::Entry const& entry, core::State& first);
  void note(core::Result<void> const& applied);

  std::map<std::string, std::string> files;
};

}  // namespace fixture
