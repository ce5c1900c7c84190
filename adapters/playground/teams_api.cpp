#include "adapters/playground/teams_api.hpp"

#include <algorithm>
#include <array>

#include "adapters/playground/form.hpp"
#include "adapters/playground/teams_crypto.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxCalls = 10'000;
constexpr std::string_view kTokenPath = "/oauth2/v2.0/token";
constexpr std::string_view kDiscoveryPath = "/v2.0/.well-known/openid-configuration";
constexpr std::string_view kScope = "https://api.botframework.com/.default";

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> list;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    list.emplace_back(path.substr(0, path.find('/')));
    path.remove_prefix(list.back().size());
  }
  return list;
}

std::string code_for(unsigned status) {
  switch (status) {
    case 400: return "BadArgument";
    case 401: return "Unauthorized";
    case 403: return "ForbiddenOperationException";
    case 404: return "ConversationNotFound";
    case 412: return "PreconditionFailed";
    case 413: return "MessageSizeTooBig";
    case 429: return "Throttled";
    default: return "ServiceError";
  }
}

}  // namespace

TeamsApi::TeamsApi(TeamsContext& context, TeamsKeys& keys, TeamsStore& store, TeamsPeople& people)
    : context_(context), keys_(keys), store_(store), people_(people) {}

net::HttpResponse TeamsApi::answer(unsigned status, Json const& body) {
  return {status,
          {{"Content-Type", "application/json; charset=utf-8"},
           {"MS-CV", context_.random_text(16) + ".0"},
           {"x-ms-request-id", context_.uuid()}},
          body.is_null() ? std::string() : core::dump(body)};
}

net::HttpResponse TeamsApi::error(unsigned status, std::string_view code, std::string_view message) {
  return answer(status, Json::object({{"error", Json::object({{"code", code}, {"message", message}})}}));
}

// Where the Connector's version begins: below /emea/, /teams/ and the like, and below the tenant on newer hosts.
std::optional<TeamsApi::Route> TeamsApi::route_of(std::string const& method, std::string const& path) {
  auto parts = segments(path);
  auto const version = std::find(parts.begin(), parts.end(), "v3");
  if (version == parts.end() || version - parts.begin() > 2) return std::nullopt;
  parts.erase(parts.begin(), version + 1);
  Route route;
  route.call = "?";
  auto const at = [&](std::size_t index) { return index < parts.size() ? parts[index] : std::string(); };
  auto const count = parts.size();
  if (at(0) == "teams" && (count == 2 || (count == 3 && at(2) == "conversations")) && method == "GET") {
    route.call = count == 2 ? "team" : "channels";
    route.where.conversation = at(1);
    return route;
  }
  if (at(0) != "conversations") return route;
  if (count == 1) {
    if (method == "POST") route.call = "create";
    return route;
  }
  route.where = TeamsAddress::of(at(1));
  if (at(2) == "activities") {
    route.activity = at(3);
    if (count == 3 && method == "POST") route.call = "send";
    if (count == 4 && method == "POST") route.call = "reply";
    if (count == 4 && method == "PUT") route.call = "update";
    if (count == 4 && method == "DELETE") route.call = "delete";
    if (count == 5 && at(4) == "members" && method == "GET") route.call = "activity-members";
  }
  if (at(2) == "members" && method == "GET") {
    route.member = at(3);
    route.call = count == 3 ? "members" : count == 4 ? "member" : "?";
  }
  if (count == 3 && at(2) == "pagedmembers" && method == "GET") route.call = "pagedmembers";
  return route;
}

bool TeamsApi::handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& path = request.path;
  TeamsCall record;
  record.method = request.method;
  record.path = path;
  record.at = context_.now();
  if (path == "/v1/.well-known/openidconfiguration" || path == "/v1/.well-known/keys") {
    bool const keys = path.ends_with("keys");
    record.call = keys ? "keys" : "openid";
    run(std::move(record), responder,
        [this, keys] { return answer(200, keys ? keys_.published() : keys_.metadata()); });
    return true;
  }
  if (path.ends_with(kTokenPath)) {
    record.call = "token";
    auto const tenant = path.substr(1, path.size() - kTokenPath.size() - 1);
    run(std::move(record), responder, [this, request, tenant] { return token(request, tenant); });
    return true;
  }
  if (path.ends_with(kDiscoveryPath)) {  // what Microsoft's own client library asks for first
    auto const tenant = path.substr(0, path.size() - kDiscoveryPath.size());
    record.call = "discovery";
    run(std::move(record), responder, [this, tenant] {
      return answer(200, Json::object({{"issuer", context_.origin + tenant + "/v2.0"},
                                       {"token_endpoint", context_.origin + tenant + std::string(kTokenPath)},
                                       {"authorization_endpoint", context_.origin + tenant + "/oauth2/v2.0/authorize"},
                                       {"jwks_uri", context_.origin + "/v1/.well-known/keys"}}));
    });
    return true;
  }
  auto const route = route_of(request.method, path);
  if (!route) return false;
  record.call = route->call;
  auto const parsed = core::parse_json(request.body, {.max_bytes = 4u << 20});
  record.body = parsed ? *parsed : Json();
  run(record, responder, [this, request, route = *route, body = record.body, bad = !request.body.empty() && !parsed] {
    if (bad) return error(400, "BadSyntax", "The body is no JSON.");
    return connector({request, route, body});
  });
  return true;
}

TeamsFault* TeamsApi::next_fault(std::string_view call) {
  for (auto& fault : faults) {
    if (fault.times == 0 || (fault.call != "*" && fault.call != call)) continue;
    if (fault.skip > 0) {
      --fault.skip;
      return nullptr;
    }
    if (fault.times > 0) --fault.times;
    return &fault;
  }
  return nullptr;
}

net::HttpResponse TeamsApi::fault_answer(TeamsFault const& fault) {
  auto response = error(fault.status, fault.code.empty() ? code_for(fault.status) : fault.code, "Refused on demand.");
  if (fault.retry_after) response.headers.emplace_back("Retry-After", std::to_string(*fault.retry_after));
  return response;
}

// Records the call, and does it as the next fault says.
void TeamsApi::run(TeamsCall record, std::shared_ptr<net::Responder> const& responder, Act act) {
  calls.push_back(std::move(record));
  if (calls.size() > kMaxCalls) calls.pop_front();
  auto done = [this, number = ++last_call_](net::HttpResponse const& response) {
    auto const index = calls.size() - static_cast<std::size_t>(last_call_ - number) - 1;
    if (index >= calls.size()) return;  // forgotten already
    calls[index].status = response.status;
    if (auto body = core::parse_json(response.body)) calls[index].answer = *std::move(body);
  };
  auto reply = [done, responder](net::HttpResponse response) {
    done(response);
    responder->respond(std::move(response));
  };
  auto const* planned = next_fault(calls.back().call);
  if (planned == nullptr) return reply(act());
  auto const fault = *planned;
  // There is no answer to cut before a head was sent: an announced body that ends too early is what the client sees.
  auto cut = [&] {
    static_cast<void>(responder->start_stream({200, {{"Content-Type", "application/json"}}, "{"}, {}));
  };
  auto hang = [&] { context_.after(std::chrono::hours(24), [responder] { static_cast<void>(responder); }); };
  switch (fault.kind) {
    case TeamsFault::Kind::status: return reply(fault_answer(fault));
    case TeamsFault::Kind::status_after_done: act(); return reply(fault_answer(fault));
    case TeamsFault::Kind::cut: return cut();
    case TeamsFault::Kind::cut_after_done: act(); return cut();
    case TeamsFault::Kind::hang: return hang();
    case TeamsFault::Kind::hang_after_done: act(); return hang();
    case TeamsFault::Kind::slow_answer:
      context_.after(fault.delay, [reply, response = act()] { reply(response); });
      return;
    case TeamsFault::Kind::slow: context_.after(fault.delay, [reply, act] { reply(act()); }); return;
  }
}

net::HttpResponse TeamsApi::token(net::HttpRequestIn const& request, std::string const& tenant) {
  auto const& world = context_.world();
  auto refused = [&](unsigned status, char const* word, int number, std::string const& why) {
    return answer(status, Json::object({{"error", word},
                                        {"error_description", "AADSTS" + std::to_string(number) + ": " + why},
                                        {"error_codes", Json::array({number})},
                                        {"timestamp", core::format_time(context_.now())},
                                        {"trace_id", context_.uuid()},
                                        {"correlation_id", context_.uuid()}}));
  };
  if (request.method != "POST") return refused(405, "invalid_request", 900561, "The endpoint takes a POST.");
  if (!request.header("Content-Type").value_or("").starts_with("application/x-www-form-urlencoded")) {
    return refused(400, "invalid_request", 900144, "The body must be a form.");
  }
  Json form(Json::Object{});
  read_form(request.body, form);
  if (tenant != world.tenant_id && tenant != world.other_tenant_id && tenant != "botframework.com") {
    return refused(400, "invalid_request", 90002, "Tenant '" + tenant + "' was not found.");
  }
  if (form["grant_type"].text() != "client_credentials") {
    return refused(400, "unsupported_grant_type", 70003, "The app asked for an unsupported grant type.");
  }
  // A single-tenant bot has its home in one tenant alone.
  if (tenant != world.tenant_id || form["client_id"].text() != world.app_id) {
    return refused(400, "unauthorized_client", 700016, "The application was not found in the directory.");
  }
  if (!same_bytes(form["client_secret"].text(), world.app_secret)) {
    return refused(401, "invalid_client", 7000215, "An invalid client secret was provided.");
  }
  auto const scope = form["scope"].text();
  auto const first = scope.substr(0, scope.find(' '));
  if (first != kScope) return refused(400, "invalid_scope", 70011, "The scope '" + scope + "' is not valid.");
  auto const now = context_.now();
  std::erase_if(tokens_, [&](auto const& one) { return one.second <= now; });
  auto const life = context_.options.access_token_life;
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(life).count();
  auto const text = base64url(R"({"alg":"RS256","typ":"JWT"})") + "." +
                    base64url(core::dump(Json::object({{"aud", "https://api.botframework.com"}, {"tid", tenant}}))) +
                    "." + context_.random_text(86);
  tokens_[text] = now + life;
  return answer(200, Json::object({{"token_type", "Bearer"},
                                   {"expires_in", std::int64_t{seconds}},
                                   {"ext_expires_in", std::int64_t{seconds}},
                                   {"access_token", text}}));
}

net::HttpResponse TeamsApi::connector(Query const& query) {
  auto const header = query.request.header("Authorization").value_or("");
  auto const known = header.starts_with("Bearer ") ? tokens_.find(header.substr(7)) : tokens_.end();
  if (known == tokens_.end() || known->second <= context_.now()) {
    return error(401, "Unauthorized", "Authorization has been denied for this request.");
  }
  auto const& call = query.route.call;
  if (call == "?") return error(404, "NotFound", "There is no such resource.");
  if (auto limited = over_limit(query.route)) return *std::move(limited);
  if (call == "create") return create(query);
  if (call == "send" || call == "reply") return send(query);
  if (call == "update") return update(query);
  if (call == "delete") return erase(query);
  if (call == "pagedmembers") return paged_members(query);
  if (call == "member") return member(query);
  if (call == "team") return team(query);
  if (call == "channels") return channels(query);
  return members(query);
}

// Sheet "rate-limit": sliding windows for each thread, and 50 a second for the tenant.
std::optional<net::HttpResponse> TeamsApi::over_limit(Route const& route) {
  if (!context_.options.limit_rates) return std::nullopt;
  struct Window {
    std::size_t most;
    std::chrono::seconds length;
  };
  static constexpr std::array<Window, 4> kWrite{{{7, std::chrono::seconds(1)},
                                                 {8, std::chrono::seconds(2)},
                                                 {60, std::chrono::seconds(30)},
                                                 {1800, std::chrono::seconds(3600)}}};
  static constexpr std::array<Window, 4> kRead{{{14, std::chrono::seconds(1)},
                                                {16, std::chrono::seconds(2)},
                                                {120, std::chrono::seconds(30)},
                                                {3600, std::chrono::seconds(3600)}}};
  static constexpr std::array<Window, 1> kTenant{{{50, std::chrono::seconds(1)}}};
  auto const now = context_.now();
  bool const write = route.call == "create" || route.call == "send" || route.call == "reply" ||
                     route.call == "update" || route.call == "delete";
  auto& mine = sent_[(write ? "write " : "read ") + route.where.conversation];
  auto& all = sent_["tenant"];
  auto full = [&](std::deque<core::Time> const& times, auto const& windows) {
    return std::any_of(windows.begin(), windows.end(), [&](Window const& window) {
      auto const recent =
          std::count_if(times.begin(), times.end(), [&](core::Time at) { return now - at < window.length; });
      return static_cast<std::size_t>(recent) >= window.most;
    });
  };
  if (full(all, kTenant) || (write ? full(mine, kWrite) : full(mine, kRead))) {
    auto response = error(429, "Throttled", "Too many requests.");
    if (context_.chance(2)) response.headers.emplace_back("Retry-After", "2");  // there sometimes
    return response;
  }
  for (auto* times : {&mine, &all}) {
    times->push_back(now);
    while (!times->empty() && now - times->front() > std::chrono::hours(1)) times->pop_front();
  }
  return std::nullopt;
}

std::optional<net::HttpResponse> TeamsApi::closed(TeamsAddress const& where, TeamsConversation const*& found) {
  found = context_.world().conversation(where.conversation);
  if (found == nullptr) return error(404, "ConversationNotFound", "The conversation was not found.");
  if (!found->bot_is_member) {
    return error(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.");
  }
  if (where.thread.empty()) return std::nullopt;
  auto const* root = store_.find(where.conversation, where.thread);
  if (found->type != "channel" || root == nullptr || root->where.thread != root->id) {
    return error(404, "ConversationNotFound", "The thread was not found.");
  }
  return std::nullopt;
}

}  // namespace playground
