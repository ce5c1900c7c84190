#include "bot/cli/follow.hpp"

#include <cstdio>

#include "bot/core/text.hpp"
#include "bot/core/time.hpp"
#include "bot/net/event_stream.hpp"

namespace cli {

namespace {

using core::Json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kPoll = 500ms;    // while there is no stream
constexpr auto kLook = 30s;      // while there is one: in case it fell silent
constexpr auto kDialAgain = 1s;  // after a stream ended

bool is_end(std::string const& state) {
  return state != "collecting" && state != "pending" && state != "approved" && state != "running";
}

// The stream only says that there is something to see; what it is says the request's own page.
class Stream {
 public:
  Stream(net::HttpClient& client, Follow const& what) : client_(client), what_(what) {}
  ~Stream() { close(); }
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;

  bool up() const { return up_; }
  bool news() { return std::exchange(news_, false); }

  void dial() {
    if (call_ != 0 || useless_ || Clock::now() < not_before_) return;
    auto headers = what_.headers;
    headers.emplace_back("Accept", "text/event-stream");
    if (!last_id_.empty()) headers.emplace_back("Last-Event-ID", last_id_);
    reader_ = {};
    call_ = client_.request({.url = what_.url + "/events",
                             .headers = std::move(headers),
                             .timeout = what_.patience,
                             .on_part = [this](std::string_view part) { heard(part); }},
                            [this](net::Result<net::HttpResponse> const& end) { ended(end); });
  }

 private:
  void close() {
    if (call_ != 0) client_.cancel(std::exchange(call_, 0));
  }
  void heard(std::string_view part) {
    up_ = true;
    for (auto const& event : reader_.put(part)) {
      last_id_ = event.id;
      news_ = true;
    }
    if (reader_.broken()) {
      useless_ = true;
      close();
      up_ = false;
    }
  }
  void ended(net::Result<net::HttpResponse> const& end) {
    call_ = 0;
    up_ = false;
    news_ = true;
    not_before_ = Clock::now() + kDialAgain;
    // An older service, or something between that lets no stream through.
    if (end && (end->status == 404 || end->status == 405 || end->status == 406 || end->status == 501)) useless_ = true;
  }

  net::HttpClient& client_;
  Follow const& what_;
  net::HttpClient::CallId call_ = 0;
  net::EventStreamReader reader_{};
  std::string last_id_{};
  Clock::time_point not_before_{};
  bool up_ = false, news_ = false, useless_ = false;
};

std::string left_until(std::string const& time) {
  auto const at = core::parse_time(time);
  if (!at) return {};
  auto const left = std::chrono::duration_cast<std::chrono::seconds>(
      *at -
      core::Time(std::chrono::duration_cast<core::Duration>(std::chrono::system_clock::now().time_since_epoch())));
  return left.count() > 0 ? ", " + core::format_duration(left) + " left" : "";
}

// "pending: 0 of 1 sre, 9m left"
void show_progress(Json const& view, Clock::duration waited) {
  auto const state = view["state"].text();
  std::string line = state;
  if (state == "pending") {
    auto const* needs = view["needs"].if_array();
    std::string missing;
    for (std::size_t i = 0; needs && i < needs->size(); ++i) {
      auto const& need = (*needs)[i];
      missing += (i == 0 ? ": " : ", ") + std::to_string(need["have"].integer()) + " of " +
                 std::to_string(need["count"].integer()) + " " + need["group"].text();
    }
    line += missing + left_until(view["expires_at"].text());
  }
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
  std::fprintf(stderr, "\r\x1b[K%s (waiting for %lld s)", core::visible_text(line).c_str(),
               static_cast<long long>(seconds));
  std::fflush(stderr);
}

void wipe_progress() {
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace

net::HttpResponse call(net::Io& io, net::HttpClient& client, net::HttpRequest request) {
  std::optional<net::Result<net::HttpResponse>> answer;
  client.request(std::move(request), [&](net::Result<net::HttpResponse> result) { answer = std::move(result); });
  io.run_until([&] { return answer.has_value(); }, 60s);
  if (!answer) throw Unanswered(core::make_error(core::Errc::timed_out, "the service did not answer"), true);
  if (!*answer)
    throw Unanswered(core::make_error(core::Errc::unavailable, "the service can't be reached: " + answer->error().text),
                     answer->error().sent_maybe);
  return std::move(**answer);
}

std::optional<Json> follow(net::Io& io, net::HttpClient& client, Follow const& what) {
  auto const started = Clock::now();
  auto reached = started, looked = started;
  std::optional<core::Failure> lost;  // why the last look told nothing
  auto state = what.state;
  Json view;
  Stream stream(client, what);
  for (;;) {
    if (what.give_up.count() > 0 && Clock::now() - started >= what.give_up) {
      if (what.progress) wipe_progress();
      if (lost) throw core::Failure(*lost);
      return std::nullopt;
    }
    stream.dial();
    auto const due = [&] {
      return stream.news() || Clock::now() - looked >= (stream.up() ? Clock::duration(kLook) : Clock::duration(kPoll));
    };
    bool tick = false;
    auto const timer = io.call_after(100ms, [&] { tick = true; });
    bool look = false;
    io.run_until([&] { return (look = look || due()) || tick; }, 5s);
    io.cancel(timer);
    if (what.progress) show_progress(view, Clock::now() - started);
    if (!look) continue;
    looked = Clock::now();
    try {
      auto const now = call(io, client, {.url = what.url, .headers = what.headers, .timeout = what.patience});
      auto parsed = core::parse_json(now.body);
      if (now.status != 200 || !parsed)
        throw core::Failure(
            core::make_error(core::Errc::unavailable, "the service answered " + std::to_string(now.status)));
      view = std::move(*parsed);
      reached = Clock::now();
      lost.reset();
    } catch (core::Failure const& failure) {
      if (Clock::now() - reached > what.unreachable) throw;
      lost.emplace(failure);
      continue;
    }
    auto const next = view["state"].text();
    if (next != state) {
      if (what.progress) wipe_progress();
      what.changed(view);
    }
    state = next;
    if (is_end(state)) return view;
  }
}

}  // namespace cli
