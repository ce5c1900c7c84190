// One call of the Bot Connector's REST interface: our token, where it may be sent, one more try with a new token, and
// what the answer means. Waiting and repeating are the caller's. Loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "adapters/teams/access_token.hpp"
#include "adapters/teams/parts.hpp"
#include "adapters/teams/wire.hpp"

namespace teams {

class Connector {
 public:
  struct Call {
    std::string method = "POST";
    std::string service_url;  // as an activity named it
    std::string path;         // "v3/conversations/…", ids already percent-encoded
    core::Json body{};        // null: none
    std::string what;         // "post a message": for words
  };
  struct Outcome {
    enum class State {
      done,     // a 2xx: `body`
      refused,  // Teams said no: `error` is for good
      later,    // it was not carried out, and may be later: `wait` at least
      unknown,  // it may have been carried out
    };
    State state = State::unknown;
    std::string body;
    core::Error error;
    std::string code;           // of a refusal, as Teams names it: "MemberNotFoundInConversation"
    core::Duration wait{0};     // of `later`; 0: not said
    bool told_to_wait = false;  // 429 or 412: by Teams, not by a failure
    bool refused_content = false;
  };
  using Done = std::function<void(Outcome)>;

  // Hears a sentence when no call was answered sensibly for a minute, or no token of ours is taken, and an empty one
  // when one was again.
  using OnTrouble = std::function<void(std::string const&)>;

  Connector(Parts const& parts, Settings const& settings, Counters& counters, AccessTokens& tokens,
            OnTrouble on_trouble);

  void call(Call call, Done done);
  // The Connector takes no token of ours, not even fresh ones some seconds apart: nothing goes there but a question
  // each minute, which ends it by itself.
  bool refused() const { return refused_.has_value(); }
  // The secret is another one: what was refused is asked again at once.
  void renew();
  void stop() { alive_.end(); }

 private:
  struct Running {
    Call call;
    Done done;
    std::string token;
    bool second_token = false;
    bool question = false;  // whether tokens of ours are taken at all
  };

  void send(std::shared_ptr<Running> const& running);
  void answered(std::shared_ptr<Running> const& running, net::Result<net::HttpResponse> const& response);
  void failed(std::string const& service_url, std::string const& why);
  void worked();
  void doubt(std::string const& service_url);
  void ask_in_doubt();
  void refused_again(std::string const& service_url, core::Error const& error);
  void ask_whether_it_works();
  void ask(std::function<void()> answered);

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  AccessTokens& tokens_;
  OnTrouble on_trouble_;
  std::optional<core::Time> failing_since_;
  std::string failing_service_;
  unsigned failures_ = 0;  // in a row
  bool troubled_ = false, doubted_ = false;
  std::set<std::string> doubtful_;       // paths of calls that were refused with two tokens, and nobody knows why
  std::set<std::string> refused_alone_;  // of them, those beside which others were taken: the next time is the end
  std::optional<core::Error> refused_;
  Alive alive_;
};

// "v3/conversations/19%3A…/activities/…": ids are percent-encoded as path segments.
std::string conversation_path(std::string_view conversation, std::string_view rest = {});
std::string activity_path(std::string_view conversation, std::string_view activity);

}  // namespace teams
