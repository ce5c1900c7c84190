// Calls of Slack's Web API: one queue a method that waits as Retry-After says, retries where they are safe.
// Loop thread only. docs.slack.dev /apis/web-api/rate-limits.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/slack/parts.hpp"
#include "adapters/slack/wire.hpp"

namespace slack {

class WebApi {
 public:
  // How a call ended: an answer, or why there is none.
  struct Outcome {
    std::optional<ApiAnswer> answer;
    std::string failure;      // a sentence, when there is no answer
    bool sent_maybe = false;  // no answer, but the platform may have acted

    bool ok() const { return answer && answer->ok; }
    // The platform failed, or nothing is known: trying later may help.
    bool transient() const;
    // It failed, and may have acted nevertheless.
    bool ambiguous() const;
  };
  using Done = std::function<void(Outcome)>;

  enum class Token { bot, app };
  enum class Form { form, json };  // reading methods ignore a JSON body

  struct Call {
    std::string method;
    std::function<core::Json()> arguments;  // asked anew at each try
    std::function<std::string()> text{};    // likewise, instead of them: JSON as it is sent, of what isn't to be copied
    Form form = Form::json;
    Token token = Token::bot;
    bool wait_in_line = true;  // false: a 429 is an answer like any other
    unsigned tries = 1;        // with transient failures; only for calls that may be repeated
    core::Duration timeout = std::chrono::seconds(10);
    // Of those that wait in line the most urgent goes first, then the oldest; looked at anew at each turn. None: usual.
    std::shared_ptr<ports::Urgency const> urgency{};
  };

  // `on_dead` runs when the platform says that the bot token is no longer valid. No call with it is made any more:
  // each is answered as the one that told.
  WebApi(Parts const& parts, Settings const& settings, Counters& counters,
         std::function<void(core::Error const&)> on_dead);

  static constexpr unsigned kForEver = ~0U;

  void call(Call call, Done done);
  // JSON to a response_url, without token. One try.
  void post_url(std::string const& url, core::Json const& body, std::function<void(bool done)> done);
  // True for URLs that answers may go to: the API's own origin, or Slack's hooks hosts.
  bool may_post_to(std::string const& url) const;
  // Bytes to an upload URL, without token. One try; the error says why not, and whether another round may help.
  void upload(std::string const& url, std::string bytes, std::function<void(core::Result<void>)> done);
  // True for URLs that evidence may go to: the API's own origin, or a host of Slack's by TLS.
  bool may_upload_to(std::string const& url) const;
  void stop();

 private:
  struct Waiting {
    Call call;
    Done done;
    std::uint64_t number = 0;  // in the order of call()
    unsigned tried = 0, slowed = 0;
    bool careful = false;  // sent while the line was
  };
  struct Line {  // of one method
    std::vector<std::shared_ptr<Waiting>> calls;
    core::Time blocked_until{};
    ports::Loop::TimerId timer = 0;
    std::size_t under_way = 0;
    bool careful = false;  // Slack asked to wait: one goes alone until one that was sent so is taken
  };

  void pump(std::string const& method);
  void enter(std::shared_ptr<Waiting> waiting);
  void send(std::shared_ptr<Waiting> const& waiting);
  bool refused(std::shared_ptr<Waiting> const& waiting);
  void left(Waiting const& waiting, bool taken);
  void answered(std::shared_ptr<Waiting> const& waiting, net::Result<net::HttpResponse> const& response);
  core::Duration jittered(unsigned failures) const;

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  std::function<void(core::Error const&)> on_dead_;
  std::map<std::string, Line> lines_;
  std::uint64_t last_ = 0;
  std::optional<ApiAnswer> dead_;  // what told that the bot token is
  Alive alive_;
};

}  // namespace slack
