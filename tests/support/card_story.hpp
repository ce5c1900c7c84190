// The request whose cards the renderers' tests draw: made by core::make_card from a folded story, as the service makes
// them. What only one platform's tests want of it stands in a Telling.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/card.hpp"
#include "tests/support/story.hpp"

namespace fixture {

// restart-service under another name and policy, with one more argument of so many bytes.
struct Variant {
  std::string name, policy;
  std::size_t bytes = 0;
};

// The example rules with what makes cards interesting: a probe, a lock, and variants.
core::Rules card_rules(std::vector<Variant> const& variants);

struct Telling {
  std::string runbook;
  std::vector<Variant> variants;
  std::string reason, output, commit;
  std::vector<core::Highlight> highlights;
  core::Duration reading{0};  // passes until somebody looks
  bool again = false;         // the service was restarted before, once well and once not
};

class CardStory {
 public:
  // The digest of this card as the platform is sent it first.
  using Draw = std::function<std::string(core::Card const&)>;

  CardStory(Telling const& telling, Draw const& draw);
  CardStory(CardStory const&);
  CardStory(CardStory&&);
  ~CardStory();

 private:
  Story story_;
  std::string output_, commit_, posted_;

 public:
  core::RequestId id;

  // As it is posted first.
  core::Card card() const;
  // As it is updated: nobody is mentioned again, the buttons name what was posted; at the end the commit is known.
  core::Card updated() const;
  core::VoteView view() const;
  core::Note outcome() const;

  CardStory& vote(std::string const& person, core::Verdict verdict = core::Verdict::approve, std::string note = {});
  CardStory& start();
  CardStory& end(std::string const& state, std::string const& cause = {});
  CardStory& restart();
  CardStory& expire();
  CardStory& cancel();
  CardStory& change_policy();

 private:
  core::RequestId begin(Telling const& telling);
  void run(std::string const& state, std::string const& cause);
  void end_of(core::RequestId const& which, std::string const& state, std::string const& cause,
              std::string const& output);
};

// Each state after the waiting ones; `fresh` tells a new story.
std::map<std::string, core::Card> decided_states(std::function<CardStory()> const& fresh);

// The same words everywhere that somebody else can write.
core::Card hostile_card(core::Card card, std::string const& bad);

}  // namespace fixture
