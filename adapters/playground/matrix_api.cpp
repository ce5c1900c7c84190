#include "adapters/playground/matrix_api.hpp"

#include <algorithm>
#include <cmath>

#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxCalls = 10'000;
constexpr std::size_t kMaxRecordedBody = 256u << 10;
constexpr std::size_t kMaxKept = 20'000;  // answers and transactions
constexpr auto kProxyPage =
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    auto const next = path.find('/', at + 1);
    parts.emplace_back(path.substr(at + 1, next == std::string_view::npos ? next : next - at - 1));
    at = next == std::string_view::npos ? path.size() : next;
  }
  return parts;
}

// "c3" is /_matrix/client/r0 or v3, "m3" the same of /_matrix/media, "c1" and "m1" version 1.
bool fits(std::string_view pattern, std::string_view part, std::vector<std::string>& stars) {
  if (pattern == "*") {
    stars.emplace_back(part);
    return true;
  }
  if (pattern == "?3") return part == "v3" || part == "r0";
  return pattern == part;
}

net::HttpResponse error_response(MatrixError const& error) {
  auto body = Json::object({{"errcode", error.code}, {"error", error.text}});
  if (auto const* more = error.more.if_object()) {
    for (auto const& [name, value] : *more) body.set(name, value);
  }
  return json_response(body, error.status);
}

net::HttpResponse limit_response(net::Duration wait, MatrixOptions::RetryAfter style) {
  using Style = MatrixOptions::RetryAfter;
  MatrixError error{429, "M_LIMIT_EXCEEDED", "Too Many Requests"};
  auto const ms = std::max<std::int64_t>(wait.count(), 1);
  if (style == Style::both || style == Style::body) error.more.set("retry_after_ms", ms);
  auto response = error_response(error);
  // Synapse rounds up to whole seconds (MSC4041).
  if (style == Style::both || style == Style::header)
    response.headers.emplace_back("Retry-After", std::to_string((ms + 999) / 1000));
  return response;
}

}  // namespace

MatrixApi::MatrixApi(MatrixContext& context, MatrixStore& store, MatrixAccounts& accounts, MatrixSync& sync)
    : context_(context), store_(store), accounts_(accounts), sync_(sync) {}

std::vector<MatrixApi::Route> const& MatrixApi::routes() {
  using A = MatrixApi;
  static std::vector<Route> const kRoutes{
      {"GET", "/.well-known/matrix/client", "well_known", nothing, &A::well_known},
      {"GET", "/_matrix/client/versions", "versions", nothing, &A::versions},
      {"GET", "/_matrix/client/?3/login", "login_flows", nothing, &A::login_flows},
      {"POST", "/_matrix/client/?3/login", "login", json, &A::login},
      {"POST", "/_matrix/client/?3/refresh", "refresh", json, &A::refresh},
      {"POST", "/_matrix/client/v1/refresh", "refresh", json, &A::refresh},
      {"POST", "/_matrix/client/?3/register", "register", json, &A::register_user},
      {"POST", "/_matrix/client/?3/logout", "logout", token, &A::logout},
      {"POST", "/_matrix/client/?3/logout/all", "logout", token, &A::logout_all},
      {"GET", "/_matrix/client/?3/account/whoami", "whoami", token, &A::whoami},
      {"GET", "/_matrix/client/?3/capabilities", "capabilities", token, &A::capabilities},
      {"GET", "/_matrix/client/?3/devices", "devices", token, &A::devices},
      {"PUT", "/_matrix/client/?3/devices/*", "put_device", token | json, &A::put_device},
      {"POST", "/_matrix/client/?3/user/*/filter", "filter", token | json, &A::put_filter},
      {"GET", "/_matrix/client/?3/user/*/filter/*", "filter", token, &A::get_filter},
      {"GET", "/_matrix/client/?3/sync", "sync", token, &A::sync},
      {"GET", "/_matrix/client/?3/profile/*", "profile", nothing, &A::profile},
      {"GET", "/_matrix/client/?3/profile/*/displayname", "profile", nothing, &A::displayname},
      {"PUT", "/_matrix/client/?3/profile/*/displayname", "put_profile", token | json, &A::put_displayname},
      {"POST", "/_matrix/client/v1/appservice/*/ping", "ping", token | json, &A::ping_service},
      {"POST", "/_matrix/client/?3/keys/query", "keys", token | json, &A::keys_query},
      {"PUT", "/_matrix/client/?3/rooms/*/send/*/*", "send", token | json | limited | once, &A::send},
      {"PUT", "/_matrix/client/?3/rooms/*/redact/*/*", "redact", token | json | limited | once, &A::redact},
      {"PUT", "/_matrix/client/?3/rooms/*/state/*", "put_state", token | json | limited, &A::put_state},
      {"PUT", "/_matrix/client/?3/rooms/*/state/*/*", "put_state", token | json | limited, &A::put_state},
      {"GET", "/_matrix/client/?3/rooms/*/state", "state", token, &A::all_state},
      {"GET", "/_matrix/client/?3/rooms/*/state/*", "state", token, &A::get_state},
      {"GET", "/_matrix/client/?3/rooms/*/state/*/*", "state", token, &A::get_state},
      {"GET", "/_matrix/client/?3/rooms/*/event/*", "event", token, &A::event},
      {"GET", "/_matrix/client/?3/rooms/*/context/*", "context", token, &A::event_context},
      {"GET", "/_matrix/client/?3/rooms/*/messages", "messages", token, &A::messages},
      {"GET", "/_matrix/client/v1/rooms/*/relations/*", "relations", token, &A::relations},
      {"GET", "/_matrix/client/v1/rooms/*/relations/*/*", "relations", token, &A::relations},
      {"GET", "/_matrix/client/v1/rooms/*/relations/*/*/*", "relations", token, &A::relations},
      {"POST", "/_matrix/client/?3/createRoom", "createRoom", token | json, &A::create},
      {"GET", "/_matrix/client/?3/joined_rooms", "joined_rooms", token, &A::joined_rooms},
      {"GET", "/_matrix/client/?3/rooms/*/joined_members", "joined_members", token, &A::joined_members},
      {"GET", "/_matrix/client/?3/rooms/*/members", "members", token, &A::members},
      {"POST", "/_matrix/client/?3/rooms/*/invite", "invite", token | json, &A::invite},
      {"POST", "/_matrix/client/?3/rooms/*/join", "join", token, &A::join},
      {"POST", "/_matrix/client/?3/join/*", "join", token, &A::join_any},
      {"POST", "/_matrix/client/?3/rooms/*/leave", "leave", token, &A::leave},
      {"POST", "/_matrix/client/?3/rooms/*/kick", "kick", token | json, &A::kick},
      {"POST", "/_matrix/client/?3/rooms/*/ban", "ban", token | json, &A::ban},
      {"POST", "/_matrix/client/?3/rooms/*/unban", "unban", token | json, &A::unban},
      {"GET", "/_matrix/client/?3/directory/room/*", "alias", nothing, &A::alias},
      {"POST", "/_matrix/client/?3/rooms/*/receipt/*/*", "receipt", token, &A::receipt},
      {"POST", "/_matrix/client/?3/rooms/*/read_markers", "receipt", token, &A::accepted},
      {"PUT", "/_matrix/client/?3/rooms/*/typing/*", "typing", token, &A::accepted},
      {"GET", "/_matrix/client/v1/media/config", "media_config", token, &A::media_config},
      {"GET", "/_matrix/media/?3/config", "media_config", token, &A::media_config},
      {"POST", "/_matrix/media/?3/upload", "upload", token, &A::upload},
      {"POST", "/_matrix/media/v1/create", "create_media", token, &A::create_media},
      {"PUT", "/_matrix/media/?3/upload/*/*", "upload", token, &A::fill_media},
      {"GET", "/_matrix/client/v1/media/download/*/*", "download", token, &A::download},
      {"GET", "/_matrix/client/v1/media/download/*/*/*", "download", token, &A::download},
      {"GET", "/_matrix/media/?3/download/*/*", "old_download", nothing, &A::old_download},
      {"GET", "/_matrix/media/?3/download/*/*/*", "old_download", nothing, &A::old_download},
  };
  return kRoutes;
}

MatrixApi::Route const* MatrixApi::find_route(net::HttpRequestIn const& http, std::vector<std::string>& parts,
                                              bool& other_method) const {
  auto const path = split(http.path);
  for (auto const& route : routes()) {
    auto const pattern = split(route.path);
    if (pattern.size() != path.size()) continue;
    parts.clear();
    bool same = true;
    for (std::size_t i = 0; same && i < path.size(); ++i) same = fits(pattern[i], path[i], parts);
    if (!same) continue;
    if (http.method == route.method) return &route;
    other_method = true;
  }
  return nullptr;
}

std::optional<MatrixFault> MatrixApi::next_fault(std::string_view call) {
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (fault->call != "*" && fault->call != call) continue;
    if (fault->skip > 0) {
      --fault->skip;
      continue;
    }
    auto const found = *fault;
    if (fault->times > 0 && --fault->times == 0) faults.erase(fault);
    return found;
  }
  return std::nullopt;
}

std::uint64_t MatrixApi::record(MatrixCall call) {
  if (calls.size() >= kMaxCalls) {
    calls.pop_front();
    ++dropped_calls_;
  }
  call.at = context_.now();
  calls.push_back(std::move(call));
  return dropped_calls_ + calls.size() - 1;
}

MatrixCall* MatrixApi::recorded(std::uint64_t number) {
  return number < dropped_calls_ ? nullptr : &calls[number - dropped_calls_];
}

void MatrixApi::handle(net::HttpRequestIn const& http, std::shared_ptr<net::Responder> const& responder) {
  auto request = std::make_shared<Request>();
  request->http = http;
  request->responder = responder;
  bool other_method = false;
  auto const* route = find_route(http, request->parts, other_method);
  MatrixCall call;
  call.call = route == nullptr ? "?" : route->call;
  call.method = http.method;
  call.target = http.target;
  auto const parsed = core::parse_json(http.body, {.max_bytes = 4u << 20, .allow_nul = true});
  if (parsed) call.body = *parsed;
  request->number = record(std::move(call));
  request->finish = [this, responder, number = request->number](net::HttpResponse response) {
    if (auto* entry = recorded(number)) {
      entry->status = response.status;
      if (response.body.size() < kMaxRecordedBody) {
        if (auto const body = core::parse_json(response.body)) entry->answer = *body;
      }
    }
    responder->respond(std::move(response));
  };
  if (route == nullptr) {
    return request->finish(error_response({other_method ? 405u : 404u, "M_UNRECOGNIZED", "Unrecognized request"}));
  }
  if (auto const fault = next_fault(route->call)) return spoil(*fault, *route, request);
  run(*route, request);
}

void MatrixApi::run(Route const& route, std::shared_ptr<Request> const& request) {
  if (auto answer = act(route, request)) request->finish(*std::move(answer));
}

MatrixApi::Answer MatrixApi::act(Route const& route, std::shared_ptr<Request> const& request) {
  try {
    if ((route.needs & token) != 0) {
      request->who = accounts_.authenticate(request->http);
      if (auto* entry = recorded(request->number)) {
        entry->user = request->who.user;
        entry->device = request->who.device;
      }
    }
    auto const key = once_key(*request);
    if ((route.needs & once) != 0) {
      auto const found = once_.find(key);
      if (found != once_.end() && context_.now() - found->second.at < context_.options.requests_kept)
        return found->second.response;
    }
    if ((route.needs & json) != 0) {
      // PDUs hold no NUL, but content may; depth and counts have the parser's limits.
      auto parsed = core::parse_json(request->http.body, {.max_bytes = 4u << 20, .allow_nul = true});
      if (!parsed) throw MatrixError{400, "M_NOT_JSON", "Content not JSON."};
      if (!parsed->is_object()) throw MatrixError{400, "M_BAD_JSON", "Content must be a JSON object."};
      request->body = *std::move(parsed);
    }
    if ((route.needs & limited) != 0) check_rate(request->who);
    auto answer = (this->*route.handler)(request);
    if ((route.needs & once) != 0 && answer && answer->status == 200) {
      if (once_.size() >= kMaxKept) once_.clear();
      once_[key] = {*answer, context_.now()};
    }
    return answer;
  } catch (MatrixError const& error) {
    if (error.status != 429) return error_response(error);
    auto const wait = net::Duration{error.more["retry_after_ms"].integer(1000)};
    pause_until_[request->who.user + " " + request->who.device] = context_.now() + wait;
    return limit_response(wait, context_.options.retry_after);
  }
}

// The layer in memory: the path as it came, and the device; an application service counts as one (Synapse).
std::string MatrixApi::once_key(Request const& request) const {
  auto const path = request.http.target.substr(0, request.http.target.find('?'));
  auto const& who = request.who;
  return path + (who.service ? " service" : " " + who.user + " " + who.device);
}

void MatrixApi::check_rate(MatrixRequester const& who) {
  auto const& options = context_.options;
  auto const paused = pause_until_.find(who.user + " " + who.device);
  if (paused != pause_until_.end()) {
    if (context_.now() < paused->second) context_.find("A call before the time that the last 429 named was over.");
    pause_until_.erase(paused);
  }
  if (!options.limit_messages || who.service) return;
  auto const now = context_.now();
  auto& bucket = buckets_[who.user];
  auto const passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.level = std::max(0.0, bucket.level - passed * options.messages_per_second);
  bucket.at = now;
  if (bucket.level + 1 > options.message_burst) {
    auto const seconds = (bucket.level + 1 - options.message_burst) / options.messages_per_second;
    throw MatrixError{429, "M_LIMIT_EXCEEDED", "Too Many Requests",
                      Json::object({{"retry_after_ms", static_cast<std::int64_t>(std::ceil(seconds * 1000))}})};
  }
  bucket.level += 1;
}

void MatrixApi::spoil(MatrixFault const& fault, Route const& route, std::shared_ptr<Request> const& request) {
  using Kind = MatrixFault::Kind;
  auto const responder = request->responder;
  auto refuse = [&] { request->finish(error_response({fault.status, fault.code, fault.text})); };
  // There is no answer to cut before a head was sent: an announced body that ends too early is what the client sees.
  auto cut = [&] { responder->start_stream({200, {{"Content-Type", "application/json"}}, "{"}, {}).reset(); };
  auto hang = [&] { context_.after(std::chrono::hours(24), [responder] { static_cast<void>(responder); }); };
  switch (fault.kind) {
    case Kind::status: return refuse();
    case Kind::status_after_done: act(route, request); return refuse();
    case Kind::html: return request->finish({fault.status, {{"Content-Type", "text/html"}}, kProxyPage});
    case Kind::limit:
      try {
        if ((route.needs & token) != 0) request->who = accounts_.authenticate(request->http);
      } catch (MatrixError const& error) {
        return request->finish(error_response(error));
      }
      pause_until_[request->who.user + " " + request->who.device] = context_.now() + fault.retry_after;
      return request->finish(limit_response(fault.retry_after, fault.style));
    case Kind::cut: return cut();
    case Kind::cut_after_done: act(route, request); return cut();
    case Kind::hang: return hang();
    case Kind::hang_after_done: act(route, request); return hang();
    case Kind::stall: {
      auto const answer = act(route, request).value_or(json_response(Json(Json::Object{})));
      std::shared_ptr<net::HttpStream> const stream =
          responder->start_stream({answer.status, answer.headers, answer.body.substr(0, answer.body.size() / 2)}, {});
      context_.after(std::chrono::hours(24), [stream] { static_cast<void>(stream); });
      return;
    }
    case Kind::slow: context_.after(fault.delay, [this, &route, request] { run(route, request); }); return;
    case Kind::slow_answer: {
      auto answer = act(route, request);
      if (!answer) return;
      context_.after(fault.delay, [request, answer = *std::move(answer)] { request->finish(answer); });
      return;
    }
  }
}

void MatrixApi::restart() {
  once_.clear();
  buckets_.clear();
  pause_until_.clear();
}
void MatrixApi::forget_transactions() {
  once_.clear();
  sent_.clear();
}

}  // namespace playground
