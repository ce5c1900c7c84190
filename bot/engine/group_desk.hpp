// Keeps what platforms say of groups that they keep and of the accounts behind votes: asks about each every 30 s, so
// that none counts on what was read more than 60 s ago (T30, T39). Accounts are asked about ahead of the vote as long
// as a request waits for their persons, so that a vote seldom waits for a platform (design, section 7). Private to
// engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bot/core/accounts.hpp"
#include "bot/core/step.hpp"
#include "bot/ports.hpp"

namespace engine {

class GroupDesk {
 public:
  using Deliver = std::function<void(core::GroupRead)>;

  GroupDesk(ports::Loop& loop, ports::Log& log, std::vector<ports::Groups*> platforms,
            std::vector<ports::Accounts*> accounts, core::State const& state, Deliver deliver)
      : loop_(loop),
        log_(log),
        platforms_(std::move(platforms)),
        accounts_(std::move(accounts)),
        state_(state),
        deliver_(std::move(deliver)) {}
  ~GroupDesk();

  // Asks about what matters now, each at once when it is new: the groups that the rules give a source, and the accounts
  // behind approvals that stand or may come.
  void look();
  // The same soon: what requests wait for has changed.
  void look_soon();
  // Its platform can be asked again: at once about what it did not answer. What comes in with the connection is judged
  // by that.
  void connected(std::string const& platform);
  // Runs `then` when each of the groups was answered or failed at least once (at once, if so), at the latest after 10
  // s.
  void when_warm(std::function<void()> then);
  // Runs `then` once each of these accounts was asked about at most `fresh` ago (at once, if so), or asking failed, at
  // the latest after 1.5 s. What counts then is what is known. Below 0: each is asked about anew.
  // `of`: who waits for it.
  void when_fresh(std::set<core::AccountName> const& accounts, core::Duration fresh, std::function<void()> then,
                  std::optional<core::AccountName> of = {});
  // Runs `then` right behind what waits above for this one; at once, if nothing does.
  void after_waits_of(core::AccountName const& of, std::function<void()> then);

  std::vector<ports::Figure> figures() const;

 private:
  struct Subject {
    std::string group;  // empty: the account `source.id`
    core::GroupSource source;
    friend bool operator<(Subject const& a, Subject const& b) {
      return std::tie(a.group, a.source.platform, a.source.id) < std::tie(b.group, b.source.platform, b.source.id);
    }
  };
  struct Lane {                      // of one subject
    ports::Loop::TimerId timer = 0;  // the next asking, or the limit of the one under way
    std::uint64_t asking = 0;        // number of the asking under way; 0: none
    core::Time asked_at{};           // last
    unsigned failures = 0;
    bool heard = false;
  };
  struct Wait {  // of when_fresh()
    std::set<Subject> open;
    ports::Loop::TimerId timer = 0;
    std::vector<std::function<void()>> then;
    std::optional<core::AccountName> of;
  };
  using Answer = core::Result<std::set<std::string>>;

  std::set<Subject> wanted() const;
  bool asks_about(std::string const& platform) const;
  void ask(Subject const& subject);
  void answered(Subject const& subject, std::uint64_t asking, core::Time asked_at, Answer accounts);
  bool warm() const;
  void release();
  void release(Subject const& subject);

  ports::Loop& loop_;
  ports::Log& log_;
  std::vector<ports::Groups*> platforms_;
  std::vector<ports::Accounts*> accounts_;
  core::State const& state_;
  Deliver deliver_;
  std::map<Subject, Lane> lanes_;
  std::set<Subject> wanted_;
  std::uint64_t askings_ = 0, waits_begun_ = 0;
  std::vector<std::function<void()>> waiting_;
  std::map<std::uint64_t, Wait> waits_;
  ports::Loop::TimerId patience_ = 0, look_ = 0;
  std::set<std::string> silent_;  // platforms whose last answer about an account was none: said once
  std::map<std::tuple<bool, std::string, std::string>, std::uint64_t> counts_;  // of a group?, platform, result
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);                       // answers may come late
};

}  // namespace engine
