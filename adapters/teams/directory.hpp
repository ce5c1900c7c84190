// What Teams has told us of conversations and of the configured people: where each conversation is served, under which
// "29:…" id this bot knows a person, and who is a guest. Kept in the notebook; losing it costs a look, never a
// decision. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "adapters/teams/connector.hpp"
#include "adapters/teams/parts.hpp"
#include "adapters/teams/wire.hpp"

namespace teams {

class Directory {
 public:
  Directory(Parts const& parts, Settings const& settings, Connector& connector);

  void load();   // from the notebook
  void start();  // asks who is in the configured channels
  void stop();

  // From an activity that was found good.
  void learn(Activity const& activity);
  // Where messages for this conversation go.
  std::string service_url(std::string const& conversation) const;
  // "29:…" ids of these persons, as far as they are configured here and Teams has told us, in their order.
  std::vector<std::string> watchers(std::vector<std::string> const& persons) const;
  // Somebody whom Teams calls a guest or anonymous, or whose tenant is another.
  bool is_outsider(std::string const& object) const;
  // A configured person of whom Teams has not said yet whether they are a guest.
  bool is_unknown(std::string const& object) const;
  // They wait for that: it is asked for now, in this channel.
  void ask_now(std::string const& channel, std::string const& object);
  // Asks now whether the account of a configured person is an active member's (ports::Accounts): whether a configured
  // channel has it as a member and none as a guest.
  // 14 s at most; one asking is under way for an account, and who asks meanwhile waits for the next.
  using Looked = std::function<void(core::Result<bool>)>;
  void look(std::string const& object, Looked done);
  // The app was removed there, and nothing since tells that it is back.
  bool is_gone(std::string const& conversation) const;
  // After the people or channels changed.
  void configured();

 private:
  struct Place {
    std::string service_url, type, team;
    bool gone = false;  // the app was removed there
    core::Time heard{};
  };

  Place& place(std::string const& conversation);
  void know(std::string const& object, std::string const& id);
  void ask(std::string const& channel);
  void ask_page(std::string const& channel, std::string const& continuation, unsigned pages);
  void listed(std::string const& channel, bool whole);
  void ask_later(std::string const& channel);
  void ask_unknown(std::string const& channel);
  void next_single(std::string const& channel);
  enum class Said { nothing, no_member, guest, member };
  void ask_one(std::string const& channel, std::string const& object, std::function<void(Said)> done);
  void ask_as(std::string const& id, std::string const& channel, std::string const& object,
              std::function<void(Said)> done);
  void begin_look(std::string const& object);
  void look_in(std::vector<std::string> channels, std::string const& object, Said so_far, Looked done);
  bool is_ours(std::string const& object) const;
  void forget_others();
  Said take(std::string const& channel, Member const& member);
  void save();

  Parts parts_;
  Settings const& settings_;
  Connector& connector_;
  std::map<std::string, Place> places_;     // by bare conversation id
  std::map<std::string, std::string> ids_;  // of configured people: Entra object id → "29:…"
  // Of configured people: Entra object id → by channel, whether they are a guest there. None: nobody said.
  std::map<std::string, std::map<std::string, bool>> guests_;
  std::map<std::string, core::Time> asked_now_;  // Entra object ids
  struct Asked {
    core::Time at{};
    ports::Loop::TimerId again = 0;
    unsigned failures = 0;
    bool asking = false, asking_one = false, single_failed = false;
    std::deque<std::string> singles;  // people who are still to be asked for one by one
  };
  std::map<std::string, Asked> asked_;  // channels, and when their members were last asked for
  struct Looker {
    Looked done;
    ports::Loop::TimerId timer = 0;
    bool asked = false;  // the asking under way is theirs
  };
  struct Look {
    std::map<std::uint64_t, Looker> lookers;
    bool under_way = false;
  };
  std::map<std::string, Look> looks_;  // by Entra object id
  std::uint64_t last_looker_ = 0;
  bool save_later_ = false, started_ = false;
  Alive alive_;
};

}  // namespace teams
