#include "ledger/meaning.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/rendering.hpp"
#include "bot/core/state.hpp"

namespace ledger {

// Applied once an entry, by the first rule; the others look at the outcome.
struct Meaning::Fold {
  core::State state{.keep = core::Keep::everything()};
  std::map<std::string, std::string, std::less<>> config_files;
  std::string why;  // empty: the entry at hand applies

  void take(VerifiedEntry const& entry) {
    for (auto const& file : entry.stored.entry.files) {
      if (file.path.starts_with("config/")) config_files[file.path] = file.bytes;
    }
    auto const applied =
        core::apply(state, entry.stored.entry, [&](std::string_view path) -> core::Result<std::string> {
          auto const found = config_files.find(path);
          if (found == config_files.end())
            return core::make_error(core::Errc::not_found, "the ledger holds no file " + std::string(path));
          return found->second;
        });
    why = applied ? "" : applied.error().message;
  }

  core::RequestState const* request(VerifiedEntry const& entry) const {
    auto const id = core::RequestId::parse(entry.stored.entry.request_id);
    return id ? state.request(*id) : nullptr;
  }
};

namespace {

template <class Fold>
class FoldRule final : public Rule {
 public:
  explicit FoldRule(std::shared_ptr<Fold> fold)
      : Rule("states", "each entry is a legal continuation of those before it; ends are final", true),
        fold_(std::move(fold)) {}
  void see(VerifiedEntry const& entry) override {
    fold_->take(entry);
    check(fold_->why.empty(), entry.stored, fold_->why);
  }

 private:
  std::shared_ptr<Fold> fold_;
};

// Counts the entries of some kinds, each of which the fold has judged.
template <class Fold>
class KindRule final : public Rule {
 public:
  KindRule(std::shared_ptr<Fold> fold, std::string name, std::string description, std::set<std::string> kinds)
      : Rule(std::move(name), std::move(description), false), fold_(std::move(fold)), kinds_(std::move(kinds)) {}
  void see(VerifiedEntry const& entry) override {
    if (kinds_.contains(entry.stored.entry.kind)) check(fold_->why.empty(), entry.stored, fold_->why);
  }

 private:
  std::shared_ptr<Fold> fold_;
  std::set<std::string> kinds_;
};

// Every exhibit has the digest and size that its manifest gives.
class ExhibitRule final : public Rule {
 public:
  ExhibitRule() : Rule("exhibits", "every exhibit is there with the digest that its manifest gives", false) {}
  void see(VerifiedEntry const& entry) override {
    if (entry.stored.entry.kind != "evidence.collected") return;
    auto const& files = entry.stored.entry.files;
    auto const folder =
        files.front().path.substr(0, files.front().path.size() - std::string_view("evidence/manifest.json").size());
    auto const* exhibits = entry.main["exhibits"].if_array();
    if (!exhibits) return check(false, entry.stored, "the manifest has no list of exhibits");
    for (auto const& exhibit : *exhibits) {
      auto const path = folder + exhibit["file"].text();
      auto const file = std::ranges::find(files, path, &core::File::path);
      bool const there = file != files.end() && core::sha256_hex(file->bytes) == exhibit["sha256"].text() &&
                         exhibit["bytes"].integer(-1) == static_cast<std::int64_t>(file->bytes.size());
      check(there, entry.stored, "the exhibit " + exhibit["name"].text() + " is missing or has another digest");
    }
    check(files.size() == exhibits->size() + 1, entry.stored, "the entry adds files that its manifest does not name");
  }
};

// run.json's output, and the vote that a decision carries, stand as files of the same entry with the same content.
class CarriedRule final : public Rule {
 public:
  CarriedRule()
      : Rule("carried_files", "votes carried by decisions and outputs named by runs stand beside them, the same",
             false) {}
  void see(VerifiedEntry const& entry) override {
    auto const& files = entry.stored.entry.files;
    if (entry.main["vote"].if_object()) {
      bool const same = files.size() == 2 && files[1].path.find("/votes/") != std::string::npos &&
                        files[1].bytes == core::dump_pretty(entry.main["vote"]);
      check(same, entry.stored, "the vote's own file is missing or differs from the decision");
    }
    if (entry.stored.entry.kind == "run.finished" && entry.main["output"].if_object()) {
      bool const same = files.size() == 2 && files[1].path.ends_with("/output.txt") &&
                        core::sha256_hex(files[1].bytes) == entry.main["output"]["sha256"].text();
      check(same, entry.stored, "output.txt is missing or has another digest");
    }
  }
};

// The digest by which votes name a message is that of the message as it was posted.
class RenderingRule final : public Rule {
 public:
  RenderingRule() : Rule("renderings", "every message has the rendering digest that its stored body gives", false) {}
  void see(VerifiedEntry const& entry) override {
    if (entry.stored.entry.kind != "request.post_intent") return;
    auto body = core::parse_json(entry.main["body"].text());
    if (!body) return check(false, entry.stored, "the message's body can't be read: " + body.error().message);
    auto const digest = core::rendering_digest(entry.main["platform"].text(), std::move(*body));
    if (!digest) return check(false, entry.stored, digest.error().message);
    check(*digest == entry.main["rendering"].text(), entry.stored,
          "the message's body has the rendering digest " + *digest + ", not the one that the entry gives");
  }
};

// What a vote saw was posted, and each click counts once.
class VoteSourceRule final : public Rule {
 public:
  VoteSourceRule()
      : Rule("vote_sources",
             "a vote by button or view names a card that was posted for its request, one by text names none; no "
             "delivery counts twice",
             false) {}
  void see(VerifiedEntry const& entry) override {
    auto const& stored = entry.stored;
    if (stored.entry.kind == "request.post_intent" && entry.main["purpose"].text() == "card")
      cards_[stored.entry.request_id].insert(entry.main["rendering"].text());
    auto const& vote = entry.main["vote"].if_object() ? entry.main["vote"] : entry.main;
    bool const counts = stored.entry.kind == "vote.approve" || stored.entry.kind == "vote.deny" ||
                        stored.entry.kind == "vote.withdrawn" || entry.main["vote"].if_object();
    if (!counts) return;
    auto const rendering = vote["rendering"].text(), via = vote["via"].text();
    if (vote["schema"].integer() == 3) {
      check(via.empty() && rendering.empty(), stored, "a vote that the service takes back names a source");
    } else if (via == "text") {
      check(rendering.empty(), stored, "a vote by text names a rendering");
    } else if (via != "button" && via != "view") {
      check(false, stored, "the vote came by a way that this release does not know");
    } else if (rendering.empty()) {
      check(false, stored, "a vote by " + via + " names no rendering");
    } else {
      check(cards_[stored.entry.request_id].contains(rendering), stored,
            "the vote names a rendering that was never posted");
    }
    auto const delivery = vote["delivery"].text();
    check(delivery.empty() ||
              (deliveries_.insert(stored.entry.request_id + "\n" + vote["account"].text() + "\n" + delivery).second &&
               !taken_back_.contains(stored.entry.request_id + "\n" + delivery)),
          stored, "the same delivery was counted before");
    if (auto const* repeats = vote["repeats"].if_array()) {
      for (auto const& repeat : *repeats) taken_back_.insert(stored.entry.request_id + "\n" + repeat.text());
    }
  }

 private:
  std::map<std::string, std::set<std::string>> cards_;  // renderings by request
  std::set<std::string> deliveries_;
  std::set<std::string> taken_back_;  // clicks that a withdrawal took with the vote that they repeated
};

// At most one start and at most one end; whatever started has ended, unless the service is still up.
template <class Fold>
class RunRule final : public Rule {
 public:
  explicit RunRule(std::shared_ptr<Fold> fold)
      : Rule("runs", "each approved request starts at most once and ends exactly once", false),
        fold_(std::move(fold)) {}
  void see(VerifiedEntry const& entry) override {
    auto const& kind = entry.stored.entry.kind;
    if (kind == "run.started") check(++starts_[entry.stored.entry.request_id] == 1, entry.stored, "a second start");
    if (kind == "run.finished") check(++ends_[entry.stored.entry.request_id] == 1, entry.stored, "a second end");
    last_seq_ = entry.stored.seq;
    last_commit_ = entry.stored.commit;
  }
  void finish() override {
    for (auto const& [request, count] : starts_) {
      if (!ends_.contains(request))
        tally().check(fold_->state.running, last_seq_, last_commit_,
                      "the run of " + request + " has no end, and the service has stopped");
    }
  }

 private:
  std::shared_ptr<Fold> fold_;
  std::map<std::string, int> starts_, ends_;
  std::uint64_t last_seq_ = 0;
  std::string last_commit_;
};

}  // namespace

Meaning::Meaning() : fold_(std::make_shared<Fold>()) {
  auto const kinds = [&](std::string name, std::string description, std::set<std::string> which) {
    rules_.push_back(
        std::make_unique<KindRule<Fold>>(fold_, std::move(name), std::move(description), std::move(which)));
  };
  rules_.push_back(std::make_unique<FoldRule<Fold>>(fold_));
  kinds("binding",
        "every request.json is canonical, is what was accepted, and names runbook, policy and evidence as they were",
        {"request.opened"});
  kinds("votes",
        "every vote is by a person who was entitled to it then, from an account of that person, on that binding",
        {"vote.approve", "vote.deny", "vote.withdrawn", "request.approved", "request.denied"});
  kinds("policy", "every decision re-decided: the pinned policy and the one in force come to the same verdict",
        {"request.approved", "request.denied", "request.expired", "request.cancelled", "request.voided"});
  kinds("starts", "every start has its earlier approval with the same binding", {"run.started"});
  rules_.push_back(std::make_unique<RunRule<Fold>>(fold_));
  rules_.push_back(std::make_unique<ExhibitRule>());
  rules_.push_back(std::make_unique<CarriedRule>());
  rules_.push_back(std::make_unique<RenderingRule>());
  rules_.push_back(std::make_unique<VoteSourceRule>());
}

Meaning::~Meaning() = default;

std::vector<Rule*> Meaning::rules() const {
  std::vector<Rule*> pointers;
  for (auto const& rule : rules_) pointers.push_back(rule.get());
  return pointers;
}

}  // namespace ledger
