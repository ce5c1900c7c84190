#include "adapters/slack/web_api.hpp"

#include <algorithm>

#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace slack {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kMaxWait = 60s;
constexpr core::Duration kUploadLimit = 60s;
// Calls of one method under way at once. More would wait for a connection, where nothing urgent can overtake them.
constexpr std::size_t kAtOnce = 4;

}  // namespace

bool WebApi::Outcome::transient() const {
  if (!answer) return true;
  if (answer->ok) return false;
  auto const kind = answer->error_class();
  return kind == ErrorClass::wait || kind == ErrorClass::retry;
}

bool WebApi::Outcome::ambiguous() const {
  if (!answer) return sent_maybe;
  return !answer->ok && answer->error_class() == ErrorClass::retry;
}

WebApi::WebApi(Parts const& parts, Settings const& settings, Counters& counters,
               std::function<void(core::Error const&)> on_dead)
    : parts_(parts), settings_(settings), counters_(counters), on_dead_(std::move(on_dead)) {}

void WebApi::stop() {
  alive_.end();
  lines_.clear();
}

core::Duration WebApi::jittered(unsigned failures) const {
  auto const most = std::min<std::int64_t>(kMaxWait.count(), std::int64_t{500} << std::min(failures, 10U));
  return core::Duration(static_cast<std::int64_t>(parts_.random() % static_cast<std::uint64_t>(most + 1)));
}

void WebApi::call(Call call, Done done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->call = std::move(call);
  waiting->done = std::move(done);
  waiting->number = ++last_;
  enter(std::move(waiting));
}

void WebApi::enter(std::shared_ptr<Waiting> waiting) {
  if (!waiting->call.wait_in_line) return send(waiting);
  auto const method = waiting->call.method;
  lines_[method].calls.push_back(std::move(waiting));
  pump(method);
}

void WebApi::pump(std::string const& method) {
  auto& line = lines_[method];
  auto const now = parts_.loop.now();
  auto const turn = [](std::shared_ptr<Waiting> const& one) {
    return std::pair{one->call.urgency ? *one->call.urgency : ports::Urgency::usual, one->number};
  };
  while (!line.calls.empty() && line.blocked_until <= now) {
    if (line.under_way >= (line.careful ? 1 : kAtOnce)) return;
    auto const at = std::ranges::min_element(line.calls, {}, turn);
    auto const next = std::exchange(*at, line.calls.back());
    line.calls.pop_back();
    ++line.under_way;
    next->careful = line.careful;
    send(next);
  }
  if (line.calls.empty() || line.timer != 0) return;
  line.timer = parts_.loop.call_after(line.blocked_until - now, alive_.guard([this, method] {
    lines_[method].timer = 0;
    pump(method);
  }));
}

// A dead token goes nowhere any more.
bool WebApi::refused(std::shared_ptr<Waiting> const& waiting) {
  if (!dead_ || waiting->call.token != Token::bot) return false;
  Outcome outcome;
  outcome.answer = *dead_;
  parts_.loop.post(alive_.guard([this, waiting, outcome] {
    left(*waiting, /*taken=*/false);
    waiting->done(outcome);
  }));
  return true;
}

void WebApi::send(std::shared_ptr<Waiting> const& waiting) {
  if (refused(waiting)) return;
  auto const& call = waiting->call;
  auto const arguments = call.arguments ? call.arguments() : core::Json::object();
  net::HttpRequest request;
  request.method = "POST";
  request.url = settings_.api_url + call.method;
  bool const json = call.form == Form::json;
  request.headers = {
      {"Authorization", "Bearer " + (call.token == Token::app ? settings_.app_token : settings_.bot_token)},
      {"Content-Type", json ? "application/json; charset=utf-8" : "application/x-www-form-urlencoded"}};
  request.body = call.text ? call.text() : json ? core::dump(arguments) : form_body(arguments);
  request.timeout = call.timeout;
  request.max_response_bytes = kMaxAnswerBytes;
  ++counters_.calls;
  parts_.http.request(std::move(request), alive_.guard([this, waiting](net::Result<net::HttpResponse> const& response) {
    answered(waiting, response);
  }));
}

// Its line goes on, with several at once when Slack has taken one that was sent alone.
void WebApi::left(Waiting const& waiting, bool taken) {
  if (!waiting.call.wait_in_line) return;
  auto& line = lines_[waiting.call.method];
  if (line.under_way > 0) --line.under_way;
  if (taken && waiting.careful) line.careful = false;
  if (line.calls.empty()) return;
  parts_.loop.post(alive_.guard([this, method = waiting.call.method] { pump(method); }));
}

void WebApi::answered(std::shared_ptr<Waiting> const& waiting, net::Result<net::HttpResponse> const& response) {
  auto const& call = waiting->call;
  Outcome outcome;
  if (response.has_error()) {
    outcome.failure = response.error().text;
    outcome.sent_maybe = response.error().sent_maybe;
  } else {
    auto answer = parse_answer(response->status, response->header("Retry-After").value_or(""), response->body);
    if (answer.has_value()) {
      outcome.answer = *std::move(answer);
    } else {  // a proxy's page, perhaps: it may have been taken
      outcome.failure = answer.error().message;
      outcome.sent_maybe = true;
    }
  }
  bool const slowed = outcome.answer && !outcome.answer->ok && outcome.answer->error_class() == ErrorClass::wait;
  left(*waiting, /*taken=*/outcome.answer && !outcome.transient());
  if (outcome.ok()) return waiting->done(std::move(outcome));
  ++counters_.call_failures;

  if (slowed && call.wait_in_line) {
    ++counters_.rate_limited;
    auto const seconds = outcome.answer->retry_after_seconds.value_or(std::int64_t{1} << std::min(waiting->slowed, 6U));
    ++waiting->slowed;
    auto& line = lines_[call.method];
    line.blocked_until =
        std::max(line.blocked_until, parts_.loop.now() + std::chrono::seconds(std::max<std::int64_t>(seconds, 1)));
    line.careful = true;
    line.calls.push_back(waiting);
    parts_.log.debug("slack asks to wait", {{"method", call.method}, {"seconds", seconds}});
    return pump(call.method);
  }
  core::Json::Object fields{{"method", call.method}};
  if (outcome.answer) {
    fields["error"] = outcome.answer->error;
    for (auto const& message : outcome.answer->messages) fields["messages"].push(message);
    if (!outcome.answer->needed.empty()) fields["needed"] = outcome.answer->needed;
    if (!outcome.answer->provided.empty()) fields["provided"] = outcome.answer->provided;
  } else {
    fields["failure"] = outcome.failure;
  }
  bool const again = outcome.transient() && ++waiting->tried < call.tries;
  parts_.log.write(again ? ports::Log::Level::info : ports::Log::Level::warn, "slack call failed",
                   ports::Log::Fields(fields.begin(), fields.end()));
  if (again) {
    auto const least = outcome.answer && outcome.answer->retry_after_seconds
                           ? core::Duration(std::chrono::seconds(*outcome.answer->retry_after_seconds))
                           : core::Duration{0};
    parts_.loop.call_after(std::max(least, jittered(waiting->tried)),
                           alive_.guard([this, waiting] { enter(waiting); }));
    return;
  }
  if (call.token == Token::bot && outcome.answer && outcome.answer->error_class() == ErrorClass::stop && !dead_) {
    dead_ = *outcome.answer;
    // The answer first: whoever called hears of its own call before it hears of all.
    auto const error = to_error(call.method, *outcome.answer);
    auto const tell = alive_.guard([this, error] { on_dead_(error); });
    parts_.loop.post(tell);
  }
  waiting->done(std::move(outcome));
}

bool WebApi::may_post_to(std::string const& url) const {
  auto const target = net::parse_url(url);
  auto const api = net::parse_url(settings_.api_url);
  if (target.has_error() || api.has_error() || target->websocket()) return false;
  return target->origin() == api->origin() || target->origin() == "https://hooks.slack.com:443" ||
         target->origin() == "https://hooks.slack-gov.com:443";
}

void WebApi::post_url(std::string const& url, core::Json const& body, std::function<void(bool done)> done) {
  if (!may_post_to(url)) {
    parts_.log.warn("slack answer not sent: the response_url leads elsewhere");
    return done(false);
  }
  net::HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  request.body = core::dump(body);
  request.max_response_bytes = 64 * 1024;
  ++counters_.calls;
  parts_.http.request(
      std::move(request), alive_.guard([this, done = std::move(done)](net::Result<net::HttpResponse> const& response) {
        // "ok" as text, or JSON whose "ok" may be false.
        bool good = response.has_value() && response->status == 200;
        if (auto const json = core::parse_json(good ? response->body : "null"); good && json.has_value())
          good = (*json)["ok"].boolean(true);
        if (!good) ++counters_.call_failures;
        done(good);
      }));
}

bool WebApi::may_upload_to(std::string const& url) const {
  auto const target = net::parse_url(url);
  auto const api = net::parse_url(settings_.api_url);
  if (target.has_error() || api.has_error() || target->websocket()) return false;
  if (target->origin() == api->origin()) return true;
  bool const slacks = target->host.ends_with(".slack.com") || target->host.ends_with(".slack-gov.com");
  return slacks && target->origin() == "https://" + target->host + ":443";
}

void WebApi::upload(std::string const& url, std::string bytes, std::function<void(core::Result<void>)> done) {
  auto const expected = "OK - " + std::to_string(bytes.size());
  net::HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = std::move(bytes);
  request.timeout = kUploadLimit;
  request.max_response_bytes = 64 * 1024;
  ++counters_.calls;
  parts_.http.request(std::move(request), alive_.guard([this, done = std::move(done),
                                                        expected](net::Result<net::HttpResponse> const& response) {
    if (response.has_value() && response->status == 200 && response->body.starts_with(expected)) return done({});
    ++counters_.call_failures;
    done(core::make_error(core::Errc::unavailable,
                          response.has_error()
                              ? "Slack could not be given a file: " + response.error().text
                              : "Slack did not take a file: status " + std::to_string(response->status) + "."));
  }));
}

}  // namespace slack
