// One call of the client-server API: address, token, time limit, what an answer means, and whether to try again.
// Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/matrix/parts.hpp"
#include "adapters/matrix/wire.hpp"

namespace matrix {

// Who may speak for us; the session.
struct Tokens {
  virtual ~Tokens() = default;
  virtual std::string token() const = 0;
  // Query items that every call carries: whom an application service speaks for.
  virtual std::vector<std::pair<std::string, std::string>> identity() const = 0;
  // `used` was refused. Gets another, one at a time; `done` holds an error when there is none to be had.
  virtual void renew(std::string const& used, bool soft_logout, std::function<void(core::Result<void>)> done) = 0;
};

class Client {
 public:
  using Query = std::vector<std::pair<std::string, std::string>>;
  static constexpr unsigned kForEver = ~0U;

  enum class Auth { session, none, application_service };
  struct Call {
    std::string method = "GET";
    std::string path;  // begins with "/_matrix/"; its segments are encoded already
    Query query{};     // encoded here
    std::optional<core::Json> body{};
    std::shared_ptr<std::string const> bytes{};  // in place of `body`: as they are, as `media_type`
    std::string media_type{};
    Auth auth = Auth::session;
    bool wait = true;    // false: a 429 is an answer like any other
    unsigned tries = 1;  // with transient failures; only for calls that may be repeated
    core::Duration timeout = std::chrono::seconds(20);
    std::size_t max_bytes = kMaxAnswerBytes;
  };

  // How a call ended: an answer, or why there is none.
  struct Outcome {
    unsigned status = 0;  // 0: no answer
    std::string body{};
    ErrorBody error{};
    std::string failure{};    // a sentence, when there is no answer
    bool sent_maybe = false;  // no answer, but the server may have acted
    bool too_large = false;   // no answer, for it was longer than it may be

    bool ok() const { return status >= 200 && status < 300; }
    ErrorClass error_class() const { return classify(status, error); }
    bool transient() const;  // trying later may help
    bool ambiguous() const;  // it failed, and may have acted nevertheless
    core::Error to_error(std::string_view what) const;
  };
  using Done = std::function<void(Outcome)>;

  // `on_dead` runs when nothing works any more: the account is gone, or the token and no other can be had. No call of
  // the session is made any more: each is answered as the one that told.
  Client(Parts const& parts, Settings const& settings, Counters& counters,
         std::function<void(core::Error const&)> on_dead);

  void use(Tokens& tokens) { tokens_ = &tokens; }
  // Never calls `done` from inside.
  void call(Call call, Done done);
  void stop();

 private:
  struct Waiting {
    Call call;
    Done done;
    std::string token;
    unsigned tried = 0, slowed = 0, renewed = 0;
  };
  using Ref = std::shared_ptr<Waiting>;

  void send(Ref const& waiting);
  void send_after(core::Duration wait, Ref const& waiting);
  void answered(Ref const& waiting, net::Result<net::HttpResponse> const& response);
  void refused(Ref const& waiting, Outcome outcome);

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  std::function<void(core::Error const&)> on_dead_;
  Tokens* tokens_ = nullptr;
  std::optional<Outcome> dead_;
  Alive alive_;
};

// A drawn wait before the next try after so many failures: full jitter, at most a minute.
core::Duration jittered(net::Backoff::Random const& random, unsigned failures);

// "cs-WHAT-…": the id of a transaction, the same for the same key. [A-Za-z0-9._~-] only and short.
std::string transaction_of(std::string_view what, std::string const& key);

// "/_matrix/client/v3/rooms/%21inc%3Aexample.org/send/…": every segment encoded alike each time, because servers know a
// repeated transaction by the very path.
std::string room_path(std::string const& room, std::vector<std::string> const& segments);

}  // namespace matrix
