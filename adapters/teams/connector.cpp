#include "adapters/teams/connector.hpp"

#include "adapters/teams/hosts.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Errc;

constexpr core::Duration kTroubleAfter = 60s, kAskAgain = 60s;
// One call that was refused with two tokens may be a moment of Teams' own: it is asked once more before all stops.
constexpr core::Duration kDoubt = 5s;
constexpr unsigned kTroubleFailures = 3;
constexpr std::size_t kMaxRefusedAlone = 1'000;  // calls

// What Microsoft's support asks for.
ports::Log::Fields traces(net::HttpResponse const& response) {
  ports::Log::Fields fields;
  for (auto const* name : {"MS-CV", "x-ms-request-id", "X-Correlating-OperationId"}) {
    if (auto const value = response.header(name)) fields.emplace_back(name, core::printable_ascii(*value, 128));
  }
  return fields;
}

}  // namespace

std::string conversation_path(std::string_view conversation, std::string_view rest) {
  auto path = "v3/conversations/" + net::percent_encode(conversation);
  return rest.empty() ? path : path + '/' + std::string(rest);
}

std::string activity_path(std::string_view conversation, std::string_view activity) {
  return conversation_path(conversation, "activities/" + net::percent_encode(activity));
}

Connector::Connector(Parts const& parts, Settings const& settings, Counters& counters, AccessTokens& tokens,
                     OnTrouble on_trouble)
    : parts_(parts), settings_(settings), counters_(counters), tokens_(tokens), on_trouble_(std::move(on_trouble)) {}

void Connector::call(Call call, Done done) {
  auto running = std::make_shared<Running>(Running{std::move(call), std::move(done), {}});
  if (refused_) {
    parts_.loop.post(alive_.guard([running, error = *refused_] {
      Outcome outcome;
      outcome.state = Outcome::State::refused;
      outcome.error = error;
      running->done(std::move(outcome));
    }));
    return;
  }
  if (!is_trusted_service(running->call.service_url, settings_)) {
    parts_.loop.post(alive_.guard([running] {
      Outcome outcome;
      outcome.state = Outcome::State::refused;
      outcome.error = core::make_error(Errc::forbidden,
                                       "Teams named a service address that our token must not go to; nothing was sent. "
                                       "Set chat.teams.service_url if this organisation is served from there.");
      running->done(std::move(outcome));
    }));
    return;
  }
  send(running);
}

void Connector::send(std::shared_ptr<Running> const& running) {
  tokens_.get(alive_.guard([this, running](core::Result<std::string> const& token) {
    if (token.has_error()) {
      Outcome outcome;
      outcome.state = token.error().code == Errc::forbidden ? Outcome::State::refused : Outcome::State::later;
      outcome.error = token.error();
      return running->done(std::move(outcome));
    }
    running->token = *token;
    net::HttpRequest request;
    request.method = running->call.method;
    request.url = join_url(running->call.service_url, running->call.path);
    request.headers = {{"Authorization", "Bearer " + *token}, {"Accept", "application/json"}};
    if (!running->call.body.is_null()) {
      request.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
      request.body = core::dump(running->call.body);
    }
    request.max_response_bytes = kMaxAnswerBytes;
    ++counters_.calls;
    parts_.http.request(
        std::move(request),
        alive_.guard([this, running](net::Result<net::HttpResponse> const& response) { answered(running, response); }));
  }));
}

void Connector::failed(std::string const& service_url, std::string const& why) {
  auto const now = parts_.loop.now();
  if (!failing_since_) failing_since_ = now;
  failing_service_ = service_url;
  if (++failures_ < kTroubleFailures || now - *failing_since_ < kTroubleAfter || std::exchange(troubled_, true)) return;
  on_trouble_("Teams' Connector takes nothing, so nothing can go out: " + why);
  parts_.loop.call_after(kAskAgain, alive_.guard([this] { ask_whether_it_works(); }));
}

void Connector::worked() {
  failing_since_.reset();
  failures_ = 0;
  // Tokens of ours are taken: what was refused for its token was so for another reason.
  if (std::exchange(doubted_, false)) refused_alone_.merge(std::exchange(doubtful_, {}));
  if (refused_alone_.size() > kMaxRefusedAlone) refused_alone_.clear();
  if (std::exchange(refused_, std::nullopt)) parts_.log.info("teams takes the bot's tokens again");
  if (std::exchange(troubled_, false)) on_trouble_("");
}

void Connector::doubt(std::string const& service_url) {
  failing_service_ = service_url;
  if (!std::exchange(doubted_, true)) ask_in_doubt();
}

// Until there is an answer that says yes or no.
void Connector::ask_in_doubt() {
  auto const wait = kDoubt + core::Duration(static_cast<std::int64_t>(parts_.random() % 5000));
  parts_.loop.call_after(wait, alive_.guard([this] {
    if (!doubted_) return;
    ask([this] {
      if (doubted_) ask_in_doubt();
    });
  }));
}

// The login gives tokens that the Connector doesn't take, and does so again and again.
void Connector::refused_again(std::string const& service_url, core::Error const& error) {
  failing_service_ = service_url;
  doubted_ = false;
  doubtful_.clear();
  refused_ = core::make_error(error.code, error.message + " It is asked again each minute, and goes on by itself.");
  bool const asking = std::exchange(troubled_, true);
  on_trouble_(refused_->message);
  if (!asking) parts_.loop.call_after(kAskAgain, alive_.guard([this] { ask_whether_it_works(); }));
}

void Connector::renew() {
  if (refused_) ask([] {});
}

// Nobody may have anything to say for hours.
void Connector::ask_whether_it_works() {
  if (!troubled_) return;
  ask([this] { parts_.loop.call_after(kAskAgain, alive_.guard([this] { ask_whether_it_works(); })); });
}

void Connector::ask(std::function<void()> answered) {
  if (settings_.channels.empty()) return worked();
  Call question;
  question.method = "GET";
  question.service_url = failing_service_;
  question.path = conversation_path(settings_.channels.front(), "pagedmembers?pageSize=50");
  question.what = "see whether it answers";
  auto running = std::make_shared<Running>();
  running->call = std::move(question);
  running->question = true;
  running->done = [answered = std::move(answered)](Outcome const&) { answered(); };
  send(running);
}

void Connector::answered(std::shared_ptr<Running> const& running, net::Result<net::HttpResponse> const& response) {
  Outcome outcome;
  using State = Outcome::State;
  if (response.has_error()) {
    ++counters_.call_failures;
    failed(running->call.service_url, response.error().text);
    outcome.state = response.error().sent_maybe ? State::unknown : State::later;
    outcome.error = core::make_error(
        Errc::unavailable, "Teams could not be reached to " + running->call.what + ": " + response.error().text);
    parts_.log.info("teams call failed", {{"what", running->call.what}, {"reason", response.error().text}});
    return running->done(std::move(outcome));
  }
  if (response->status >= 500) {
    failed(running->call.service_url, "status " + std::to_string(response->status) + ".");
  } else if (response->status != 401) {
    worked();
  }
  if (response->status >= 200 && response->status < 300) {
    outcome.state = State::done;
    outcome.body = response->body;
    return running->done(std::move(outcome));
  }
  ++counters_.call_failures;
  auto const error = read_connector_error(response->status, response->body);
  outcome.error = to_error(running->call.what, error);
  outcome.code = error.code;
  auto fields = traces(*response);
  fields.emplace_back("what", running->call.what);
  fields.emplace_back("status", std::int64_t{error.status});
  fields.emplace_back("code", error.code);
  parts_.log.warn("teams call refused", std::move(fields));
  switch (error.kind) {
    case Refusal::token:
      tokens_.drop(running->token);
      if (!std::exchange(running->second_token, true)) return send(running);
      if (running->question || refused_) {
        outcome.state = State::refused;
        refused_again(running->call.service_url, outcome.error);
      } else if (refused_alone_.erase(running->call.path) > 0) {
        outcome.state = State::refused;
      } else {
        outcome.state = State::later;
        outcome.wait = kDoubt;
        doubtful_.insert(running->call.path);
        doubt(running->call.service_url);
      }
      break;
    case Refusal::wait:
      if (error.status == 429) ++counters_.rate_limited;
      outcome.state = State::later;
      outcome.told_to_wait = true;
      if (auto const seconds = retry_after_seconds(response->header("Retry-After").value_or("")))
        outcome.wait = std::chrono::seconds(*seconds);
      break;
    case Refusal::retry: outcome.state = State::unknown; break;
    case Refusal::ours:
      outcome.state = State::refused;
      outcome.refused_content = error.status == 400 || error.status == 413;
      break;
    case Refusal::installation:
    case Refusal::gone: outcome.state = State::refused; break;
  }
  running->done(std::move(outcome));
}

}  // namespace teams
