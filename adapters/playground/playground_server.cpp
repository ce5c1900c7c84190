#include "adapters/playground/playground_server.hpp"

#include <algorithm>
#include <list>
#include <set>

#include "adapters/playground/page_files.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::string_view kPlatforms[] = {"slack", "teams", "matrix"};  // the page's columns
constexpr std::size_t kLogRows = 200;
constexpr std::size_t kMaxStreams = 64;
constexpr net::Duration kLookEvery{1'000};
constexpr net::Duration kGather{30};  // changes within this are told as one

net::HttpResponse file_response(PageFile const& file) {
  return {200,
          {{"Content-Type", std::string(file.type)},
           {"Cache-Control", "no-store"},
           {"Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
           {"X-Frame-Options", "DENY"},
           {"X-Content-Type-Options", "nosniff"},
           {"Referrer-Policy", "no-referrer"},
           {"Cross-Origin-Opener-Policy", "same-origin"},
           {"Cross-Origin-Resource-Policy", "same-origin"}},
          std::string(file.bytes)};
}

net::HttpResponse nothing_here() {
  return json_response(Json::object({{"ok", false}, {"error", "There is nothing here."}}), 404);
}

// "teams/click" → {"teams", "click"}; the second is empty if there is no slash.
std::pair<std::string_view, std::string_view> split(std::string_view path) {
  auto const slash = path.find('/');
  return {path.substr(0, slash), slash == std::string_view::npos ? "" : path.substr(slash + 1)};
}

}  // namespace

struct PlaygroundServer::Impl {
  Impl(net::Io& loop, std::vector<ChatFace*> faces, std::vector<Person> persons, PlaygroundBackend& back,
       std::uint16_t port)
      : io(loop), chats(std::move(faces)), people(std::move(persons)), backend(back) {
    net::HttpServerOptions options;
    options.port = port;
    options.max_body_bytes = 256u << 10;
    auto made = net::make_http_server(
        io, options, [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder) {
          handle(request, responder);
        });
    if (!made) throw core::Failure(core::make_error(core::Errc::unavailable, made.error().text));
    server = *std::move(made);
    for (auto* chat : chats) {
      observers.push_back(chat->on_change([this, name = std::string(chat->platform())] { tell(name); }));
    }
    look();
  }
  ~Impl() {
    for (std::size_t i = 0; i < chats.size(); ++i) chats[i]->forget(observers[i]);
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

  void tell(std::string what) {
    due.insert(std::move(what));
    if (telling != 0) return;
    telling = io.call_after(kGather, [this] {
      telling = 0;
      for (auto const& name : due) {
        auto const event = "event: " + name + "\ndata: " + std::to_string(++told) + "\n\n";
        for (auto& [id, stream] : streams) {
          if (stream) stream->write(event);
        }
      }
      due.clear();
    });
  }

  void watch(std::shared_ptr<net::Responder> const& responder) {
    if (streams.size() >= kMaxStreams) {
      return responder->respond(
          json_response(Json::object({{"ok", false}, {"error", "Too many pages are open."}}), 503));
    }
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
    auto const name = path == "/" ? std::string_view("index.html") : std::string_view(path).substr(1);
    for (auto const& file : page_files()) {
      if (file.name == name) return file_response(file);
    }
    if (path == "/favicon.ico") return {204, {}, ""};
    if (path == "/ui/state") return json_response(state(arguments["as"].text()));
    if (path == "/ui/log") return json_response(backend.ledger_log(kLogRows));
    if (path == "/ui/verify") return json_response(backend.verify());
    if (path == "/ui/demo") return json_response(backend.demo_service());
    if (path == "/ui/entry") {
      auto const seq = arguments["seq"].text();
      bool const good = !seq.empty() && seq.size() < 16 && seq.find_first_not_of("0123456789") == std::string::npos;
      return json_response(good ? backend.ledger_entry(std::stoull(seq)) : Json());
    }
    if (path.starts_with("/control/")) {
      auto const [chat, what] = controlled(std::string_view(path).substr(9));
      if (chat != nullptr && chat->only_looks(what)) return chat->control(what, arguments);
    }
    return nothing_here();
  }

  net::HttpResponse post(std::string const& path, Json const& arguments) {
    if (path == "/ui/demo/break" || path == "/ui/demo/mend") {
      path == "/ui/demo/break" ? backend.break_service() : backend.mend_service();
      tell("demo");
      return json_response(Json::object({{"ok", true}}));
    }
    if (path.starts_with("/control/")) {
      auto const [chat, what] = controlled(std::string_view(path).substr(9));
      return chat == nullptr ? nothing_here() : chat->control(what, arguments);
    }
    if (path.starts_with("/ui/")) {
      auto const [platform, what] = split(std::string_view(path).substr(4));
      auto* const chat = find_chat(platform);
      if (chat == nullptr || what.empty()) return nothing_here();
      auto const* who = person(arguments["as"].text());
      if (who == nullptr || who->account(platform).empty()) {
        return json_response(Json::object({{"ok", false}, {"error", "That person has no account here."}}));
      }
      return chat->act(what, who->account(platform), arguments).value_or(nothing_here());
    }
    return nothing_here();
  }

  // Everything as this person sees it; an unknown one sees what the first one does.
  Json state(std::string const& key) const {
    auto const* who = person(key);
    if (who == nullptr && !people.empty()) who = &people.front();
    auto list = Json::array();
    for (auto const& one : people) list.push(Json::object({{"key", one.key}, {"name", one.name}, {"role", one.role}}));
    auto out = Json::object({{"me", who == nullptr ? "" : who->key}, {"people", list}});
    for (auto const platform : kPlatforms) {
      auto* const chat = find_chat(platform);
      auto const account = who == nullptr ? "" : who->account(platform);
      out.set(std::string(platform), chat == nullptr || account.empty() ? Json() : chat->state(account));
    }
    return out;
  }

  // "teams/messages" → Teams and "messages"; without a platform it is Slack, the oldest stand-in.
  std::pair<ChatFace*, std::string_view> controlled(std::string_view path) const {
    auto const [first, rest] = split(path);
    return rest.empty() ? std::pair{find_chat("slack"), first} : std::pair{find_chat(first), rest};
  }
  ChatFace* find_chat(std::string_view platform) const {
    auto const found = std::find_if(chats.begin(), chats.end(), [&](auto* one) { return one->platform() == platform; });
    return found == chats.end() ? nullptr : *found;
  }
  Person const* person(std::string_view key) const {
    auto const found = std::find_if(people.begin(), people.end(), [&](auto const& one) { return one.key == key; });
    return found == people.end() ? nullptr : &*found;
  }

  net::Io& io;
  std::vector<ChatFace*> chats;
  std::vector<Person> people;
  PlaygroundBackend& backend;
  std::vector<std::uint64_t> observers;  // one a chat
  std::uint64_t last_stream = 0, told = 0;
  net::Io::TimerId timer = 0, telling = 0;
  std::set<std::string> due;
  std::string last_log, last_demo;
  std::list<std::pair<std::uint64_t, std::unique_ptr<net::HttpStream>>> streams;
  std::unique_ptr<net::HttpServer> server;
};

PlaygroundServer::PlaygroundServer(net::Io& io, std::vector<ChatFace*> chats, std::vector<Person> people,
                                   PlaygroundBackend& backend, std::uint16_t port)
    : impl_(std::make_unique<Impl>(io, std::move(chats), std::move(people), backend, port)) {}
PlaygroundServer::~PlaygroundServer() = default;

std::uint16_t PlaygroundServer::port() const { return impl_->server->port(); }
std::string PlaygroundServer::url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/"; }
void PlaygroundServer::ledger_changed() { impl_->tell("ledger"); }

}  // namespace playground
