#include "adapters/playground/playground_server.hpp"

#include <algorithm>
#include <list>
#include <set>

#include "adapters/playground/page_files.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kLogRows = 200;
constexpr net::Duration kLookEvery{1'000};
constexpr net::Duration kGather{30};  // changes within this are told as one

net::HttpResponse file_response(char const* type, std::string_view content) {
  return {200,
          {{"Content-Type", type},
           {"Cache-Control", "no-store"},
           {"Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
           {"X-Frame-Options", "DENY"},
           {"X-Content-Type-Options", "nosniff"},
           {"Referrer-Policy", "no-referrer"},
           {"Cross-Origin-Opener-Policy", "same-origin"},
           {"Cross-Origin-Resource-Policy", "same-origin"}},
          std::string(content)};
}

}  // namespace

struct PlaygroundServer::Impl {
  Impl(net::Io& loop, SlackStandIn& stand_in, PlaygroundBackend& back, std::uint16_t port)
      : io(loop), slack(stand_in), backend(back) {
    net::HttpServerOptions options;
    options.port = port;
    options.max_body_bytes = 256u << 10;
    auto made = net::make_http_server(
        io, options, [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder) {
          handle(request, responder);
        });
    if (!made) throw core::Failure(core::make_error(core::Errc::unavailable, made.error().text));
    server = *std::move(made);
    observer = slack.on_change([this] { tell("slack"); });
    look();
  }
  ~Impl() {
    slack.forget(observer);
    io.cancel(timer);
    io.cancel(telling);
    streams.clear();
  }

  // Asks the backend once a second while somebody watches.
  void look() {
    timer = io.call_after(kLookEvery, [this] { look(); });
    if (streams.empty()) return;
    auto const log = core::dump(backend.ledger_log(1)) + core::dump(backend.verify());
    if (log != last_log) tell("ledger");
    last_log = log;
    auto const demo = core::dump(backend.demo_service());
    if (demo != last_demo) tell("demo");
    last_demo = demo;
  }

  void tell(char const* what) {
    due.insert(what);
    if (telling != 0) return;
    telling = io.call_after(kGather, [this] {
      telling = 0;
      for (auto const& name : due) {
        auto const event = "event: " + name + "\ndata: " + std::to_string(slack.revision()) + "\n\n";
        for (auto& [id, stream] : streams) {
          if (stream) stream->write(event);
        }
      }
      due.clear();
    });
  }

  void watch(std::shared_ptr<net::Responder> const& responder) {
    auto const id = ++last_stream;
    auto stream = responder->start_stream(
        {200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}}, "retry: 1000\n\n"},
        [this, id] { streams.remove_if([&](auto const& one) { return one.first == id; }); });
    if (stream) streams.emplace_back(id, std::move(stream));
  }

  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
    if (auto const why = foreign_call(request, server->port())) return responder->respond(refuse_foreign(*why));
    bool const looks = request.method == "GET" || request.method == "HEAD";
    if (!looks && request.method != "POST") {
      return responder->respond(json_response(Json::object({{"ok", false}, {"error", "GET or POST."}}), 405));
    }
    auto const& path = request.path;
    if (looks && path == "/ui/events") return watch(responder);
    auto const arguments = arguments_of(request);
    if (!arguments) {
      return responder->respond(
          json_response(Json::object({{"ok", false}, {"error", "The body is no JSON object."}}), 400));
    }
    responder->respond(looks ? get(path, *arguments) : post(path, *arguments));
  }

  net::HttpResponse get(std::string const& path, Json const& arguments) {
    if (path == "/") return file_response("text/html; charset=utf-8", kPageHtml);
    if (path == "/page.css") return file_response("text/css; charset=utf-8", kPageCss);
    if (path == "/page.js") return file_response("text/javascript; charset=utf-8", kPageJs);
    if (path == "/favicon.ico") return {204, {}, ""};
    if (path == "/ui/log") return json_response(backend.ledger_log(kLogRows));
    if (path == "/ui/verify") return json_response(backend.verify());
    if (path == "/ui/demo") return json_response(backend.demo_service());
    if (path == "/ui/entry") {
      auto const seq = arguments["seq"].text();
      bool const good = !seq.empty() && seq.size() < 16 && seq.find_first_not_of("0123456789") == std::string::npos;
      return json_response(good ? backend.ledger_entry(std::stoull(seq)) : Json());
    }
    if (auto const what = slack_call(path); !what.empty() && SlackStandIn::only_looks(what)) {
      return slack.control(what, arguments);
    }
    return json_response(Json::object({{"ok", false}, {"error", "There is nothing here."}}), 404);
  }

  net::HttpResponse post(std::string const& path, Json const& arguments) {
    if (path == "/ui/demo/break" || path == "/ui/demo/mend") {
      path == "/ui/demo/break" ? backend.break_service() : backend.mend_service();
      tell("demo");
      return json_response(Json::object({{"ok", true}}));
    }
    if (auto const what = slack_call(path); !what.empty()) return slack.control(what, arguments);
    return json_response(Json::object({{"ok", false}, {"error", "There is nothing here."}}), 404);
  }

  // What people do goes by /ui/; the rest of the controls by /control/.
  static std::string_view slack_call(std::string_view path) {
    static std::set<std::string_view> const kPeople{"state", "click", "submit", "close", "slash", "say", "dismiss"};
    if (path.starts_with("/control/")) return path.substr(9);
    if (path.starts_with("/ui/") && kPeople.contains(path.substr(4))) return path.substr(4);
    return {};
  }

  net::Io& io;
  SlackStandIn& slack;
  PlaygroundBackend& backend;
  std::uint64_t observer = 0, last_stream = 0;
  net::Io::TimerId timer = 0, telling = 0;
  std::set<std::string> due;
  std::string last_log, last_demo;
  std::list<std::pair<std::uint64_t, std::unique_ptr<net::HttpStream>>> streams;
  std::unique_ptr<net::HttpServer> server;
};

PlaygroundServer::PlaygroundServer(net::Io& io, SlackStandIn& slack, PlaygroundBackend& backend, std::uint16_t port)
    : impl_(std::make_unique<Impl>(io, slack, backend, port)) {}
PlaygroundServer::~PlaygroundServer() = default;

std::uint16_t PlaygroundServer::port() const { return impl_->server->port(); }
std::string PlaygroundServer::url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/"; }
void PlaygroundServer::ledger_changed() { impl_->tell("ledger"); }

}  // namespace playground
