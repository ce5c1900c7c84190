// `countersign doctor`: what it finds, and whom it asks. A file a platform.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "config/config.hpp"

namespace cli::doctor {

// One thing that was looked at.
struct Finding {
  enum class State {
    ok,
    advice,   // works, and could be better
    mend,     // does not work
    unknown,  // could not be asked
  };
  State state = State::ok;
  std::string about;  // "app_token", "channel incidents"
  std::string text;   // a sentence
  std::string mend;   // the way out, or empty
};
char const* to_string(Finding::State state);

// The findings of one platform, told as they come.
class Findings {
 public:
  using Told = std::function<void(Finding const&)>;
  explicit Findings(Told told) : told_(std::move(told)) {}

  void ok(std::string about, std::string text);
  void advise(std::string about, std::string text, std::string mend);
  void must_mend(std::string about, std::string text, std::string mend);
  void unknown(std::string about, std::string text, std::string mend = {});

  std::vector<Finding> const& all() const { return all_; }
  bool any(Finding::State state) const;

 private:
  void add(Finding finding);

  Told told_;
  std::vector<Finding> all_;
};

// Asks one question after the other, each with a time limit, all of one platform within another.
class Calls {
 public:
  Calls();
  void begin();  // the next platform: its time starts

  // Waits for the answer; an error when there is none in time.
  net::Result<net::HttpResponse> http(net::HttpRequest request);
  // Opens a WebSocket, closes it in good order as soon as it is open, and waits for its end.
  struct Dialled {
    bool opened = false;
    net::WebSocketEnd end{};
  };
  Dialled dial(std::string const& url, net::WebSocketOptions options);
  // Serves until `done()`; false when the platform's time is over.
  bool wait(std::function<bool()> const& done);

  net::Io& io() { return io_; }
  net::HttpClient& client() { return *http_; }
  net::WebSocketDialer& dialer() { return *dialer_; }

 private:
  net::Duration left() const;

  net::Io io_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::WebSocketDialer> dialer_;
  std::chrono::steady_clock::time_point until_{};
};

// The secret, or nothing and a finding about it. A token never holds a blank; a password may.
enum class SecretKind { token, password };
std::optional<std::string> secret_of(config::Secret const& secret, std::string const& about, Findings& findings,
                                     SecretKind kind = SecretKind::token);

// Channels of the configuration on one platform: name and id there.
std::vector<std::pair<std::string, std::string>> channels_of(config::Config const& config, std::string const& platform);

void examine_host(config::Config const& config, Calls& calls, Findings& findings);  // sandbox, other accounts' runners
void examine_slack(config::Config const& config, Calls& calls, Findings& findings);
void examine_teams(config::Config const& config, Calls& calls, Findings& findings);
void examine_matrix(config::Config const& config, Calls& calls, Findings& findings);

}  // namespace cli::doctor
