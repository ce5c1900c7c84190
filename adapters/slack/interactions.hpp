// What people did, from envelope to engine and back: checks what the platform says about each click, knows repeated
// deliveries, acknowledges in time on the socket of arrival, and tells the person how it ended. Loop thread only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/slack/socket_mode.hpp"
#include "adapters/slack/web_api.hpp"

namespace slack {

class Interactions {
 public:
  // Who we are, from auth.test, and what the sockets know.
  struct Self {
    std::string bot_id;
    std::function<std::string()> app;                                     // api_app_id of the app; empty: not known yet
    std::function<bool()> foreign;                                        // another instance shares the app token
    std::function<std::string(std::string const& user)> why_not_account;  // a guest, a bot, deactivated, not known
    std::function<void(std::string const& event)> on_uninstalled;
  };
  using Acknowledge =
      std::function<void(SocketMode::LinkId link, std::string const& envelope, core::Json const& payload)>;

  Interactions(Parts const& parts, Settings const& settings, WebApi& api, Counters& counters, ports::ChatSink& sink,
               Self self, Acknowledge acknowledge);

  void take(SocketMode::LinkId link, std::string const& frame, Envelope const& envelope);
  void whisper(std::string const& user, std::string const& channel, std::string const& text);
  void stop() { alive_.end(); }
  std::size_t remembered() const { return seen_.size(); }

 private:
  using Key = std::array<std::uint64_t, 2>;  // the first half of the SHA-256 of a name, which may be long
  // One thing that a person did, however many envelopes tell of it.
  struct Delivery {
    struct Envelope {
      SocketMode::LinkId link = 0;
      std::string id;
      bool accepts_response = false;
    };
    std::vector<Envelope> waiting;
    bool acknowledged = false;
    core::Json answer;  // what it was acknowledged with
    ports::Loop::TimerId limit = 0;
    std::vector<Key> names;  // in seen_, until it is acknowledged
  };
  using Ref = std::shared_ptr<Delivery>;

  std::optional<Ref> known(std::vector<std::string> const& names);
  void remember(std::vector<std::string> const& names, Ref const& delivery);
  void acknowledge(Ref const& delivery, core::Json const& answer = {});
  void acknowledge_by(Ref const& delivery, std::function<core::Json()> answer);

  void clicked(Ref const& delivery, std::string const& digest, BlockActions const& click);
  // interactions_acts.cpp: "Ask again" and "Ask a question"; false: that button is none of these
  bool acted(Ref const& delivery, std::string const& digest, BlockActions const& click, Action const& action);
  void ask_again(Ref const& delivery, ports::IncomingCommand command, BlockActions const& click);
  void open_question(Ref const& delivery, ports::IncomingCommand const& command, BlockActions const& click);
  void questioned(Ref const& delivery, std::string const& digest, ViewSubmission const& view);
  std::string why_not_ours(BlockActions const& click, std::string const& request) const;
  void pressed(Ref const& delivery, ports::IncomingVote vote, ButtonId button, BlockActions const& click);
  void open_view(Ref const& delivery, ports::IncomingVote vote, ButtonId button, BlockActions const& click);
  void submitted(Ref const& delivery, std::string const& digest, ViewSubmission const& view);
  void typed(Ref const& delivery, std::string const& digest, SlashCommand const& command);

  std::string why_foreign(Origin const& origin, bool knows_team_of_user) const;
  std::string why_not_approve() const;  // a second instance: deny, cancel and reading go on
  void tell(std::string const& user, std::string const& channel, std::string const& response_url,
            std::string const& text);

  Parts parts_;
  Settings const& settings_;
  WebApi& api_;
  Counters& counters_;
  ports::ChatSink& sink_;
  Self self_;
  Acknowledge acknowledge_;
  struct KeyHash {
    std::size_t operator()(Key const& key) const noexcept { return key[0]; }
  };
  static Key key_of(std::string const& name);
  std::unordered_map<Key, Ref, KeyHash> seen_;    // nothing: it was acknowledged without an answer
  std::deque<std::pair<core::Time, Key>> order_;  // of seen_, oldest first
  Alive alive_;
};

}  // namespace slack
