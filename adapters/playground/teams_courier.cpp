#include "adapters/playground/teams_courier.hpp"

#include <algorithm>

namespace playground {

using core::Json;
using State = TeamsDelivery::State;

namespace {
constexpr net::Duration kEndpointLimit{60'000};  // of a call to an endpoint without a relay
}

TeamsCourier::TeamsCourier(TeamsContext& context, TeamsKeys& keys, TeamsRelay& relay, Settled settled)
    : context_(context), keys_(keys), relay_(relay), settled_(std::move(settled)) {
  net::HttpClientOptions options;
  options.tls.extra_ca_file = context_.options.extra_ca_file;
  options.user_agent = "Microsoft-SkypeBotApi (Microsoft-BotFramework/3.0)";
  http_ = net::make_http_client(context_.io, options);
}

TeamsDelivery* TeamsCourier::find(std::uint64_t id) {
  return id == 0 || id > deliveries.size() ? nullptr : &deliveries[static_cast<std::size_t>(id - 1)];
}

void TeamsCourier::complete(Json& activity) {
  auto const& world = context_.world();
  auto fill = [&](char const* name, Json value) {
    if (activity[name].is_null()) activity.set(name, std::move(value));
  };
  auto const now = core::format_time(context_.now());
  fill("id", "f:" + context_.uuid());
  fill("timestamp", now);
  fill("localTimestamp", now.substr(0, now.size() - 1) + "+00:00");
  fill("localTimezone", "Europe/London");
  fill("locale", "en-GB");
  fill("channelId", "msteams");
  fill("serviceUrl", context_.service_url());
  fill("recipient", Json::object({{"id", world.bot()}, {"name", world.bot_name}}));
  if (context_.quirk(4)) fill("x-playground", Json::object({{"seen", false}}));  // clients must tolerate the unknown
}

std::uint64_t TeamsCourier::send(TeamsDelivery delivery, TeamsToken token) {
  complete(delivery.activity);
  auto const& activity = delivery.activity;
  delivery.id = deliveries.size() + 1;
  if (delivery.kind.empty()) {
    delivery.kind = activity["type"].text();
    if (delivery.kind == "invoke") delivery.kind += " " + activity["name"].text();
  }
  if (delivery.conversation.empty()) delivery.conversation = activity["conversation"]["id"].text();
  delivery.activity_id = activity["id"].text();
  auto const id = delivery.id;
  deliveries.push_back(std::move(delivery));
  details_[id].token = std::move(token);
  if (holding) {
    held_.push_back(id);
  } else {
    attempt(id);
    if (duplicates > 0) {
      --duplicates;
      attempt(id);
    }
  }
  context_.changed();
  return id;
}

void TeamsCourier::again(std::uint64_t id) { attempt(id); }

void TeamsCourier::release(bool reverse) {
  holding = false;
  auto list = std::exchange(held_, {});
  if (reverse) std::reverse(list.begin(), list.end());
  for (auto const id : list) attempt(id);
}

void TeamsCourier::call(std::string const& method, std::string const& path, net::Headers headers, std::string body,
                        std::function<void(net::HttpResponse)> done) {
  auto const& endpoint = context_.options.bot_endpoint;
  if (endpoint.empty()) {
    TeamsRelay::Call call;
    call.method = method;
    call.target = "/" + context_.world().relay_path + "/" + path;
    headers.insert(headers.begin(), {"Host", context_.origin.substr(std::string_view("http://").size())});
    call.headers = std::move(headers);
    call.body = std::move(body);
    call.done = std::move(done);
    return relay_.forward(std::move(call));
  }
  net::HttpRequest request;
  request.method = method;
  // bot_endpoint is the endpoint itself; other paths stand beside it.
  auto const root = endpoint.find('/', endpoint.find("://") + 3);
  request.url = path == context_.options.bot_path ? endpoint : endpoint.substr(0, root) + "/" + path;
  request.headers = std::move(headers);
  request.body = std::move(body);
  request.timeout = kEndpointLimit;
  http_->request(std::move(request), [done = std::move(done)](net::Result<net::HttpResponse> response) {
    done(response ? *std::move(response) : net::HttpResponse{0, {}, response.error().text});
  });
}

void TeamsCourier::attempt(std::uint64_t id) {
  auto& delivery = *find(id);
  auto const try_number = static_cast<std::size_t>(delivery.tries++);
  delivery.statuses.push_back(0);
  net::Headers headers{{"Content-Type", "application/json; charset=utf-8"},
                       {"MS-CV", context_.random_text(16) + ".1.0"},
                       {"x-ms-conversation-id", delivery.activity["conversation"]["id"].text("unknown")},
                       {"x-ms-tenant-id", context_.world().tenant_id}};
  for (auto& value : keys_.authorization(delivery.activity, details_[id].token)) {
    headers.emplace_back("Authorization", std::move(value));
  }
  auto const started = context_.now();
  auto const over = std::make_shared<bool>(false);  // this try: answered, or given up
  auto const limit = is_invoke(delivery) ? context_.options.card_answer_limit : context_.options.answer_limit;
  auto const timer = context_.after(limit, [this, id, over] {
    if (std::exchange(*over, true)) return;
    failed(id, State::late);
  });
  call("POST", context_.options.bot_path, std::move(headers), core::dump(delivery.activity),
       [this, id, try_number, started, over, timer](net::HttpResponse const& response) {
         auto& one = *find(id);
         one.statuses[try_number] = response.status;
         context_.io.cancel(timer);
         if (std::exchange(*over, true)) return context_.changed();  // too late to matter
         // What an HTTP client can't reach and what the relay can't deliver look alike from here.
         bool const nobody = response.status == 0 || response.status == 502;
         bool const server = response.status >= 500 && response.status != 501;
         if (nobody || response.status == 504) return failed(id, nobody ? State::undelivered : State::late);
         one.took = context_.now() - started;
         if (server) return failed(id, State::refused);
         settle(id, response.status < 300 ? State::answered : State::refused, response);
       });
}

void TeamsCourier::failed(std::uint64_t id, State why) {
  auto& delivery = *find(id);
  auto const& options = context_.options;
  if (!details_[id].settled && !delivery.automatic && delivery.tries <= options.same_id_again) {
    context_.after(options.again_after, [this, id] {
      if (!details_[id].settled) attempt(id);
    });
    return context_.changed();
  }
  if (details_[id].settled) return;
  bool const once_more = !delivery.automatic && !details_[id].is_copy && options.new_id_after >= net::Duration{0};
  settle(id, why, {0, {}, {}});  // no answer
  if (!once_more) return;
  context_.after(options.new_id_after, [this, id] {
    auto copy = *find(id);
    copy.activity.if_object()->erase("id");
    copy.state = State::waiting;
    copy.statuses.clear();
    copy.tries = 0;
    copy.took = net::Duration{0};
    copy.answer = {};
    auto const fresh = send(std::move(copy), details_[id].token);
    details_[fresh].is_copy = true;
    find(id)->again = fresh;
  });
}

void TeamsCourier::settle(std::uint64_t id, State state, net::HttpResponse const& response) {
  if (std::exchange(details_[id].settled, true)) return;
  auto& delivery = *find(id);
  delivery.state = state;
  if (auto body = core::parse_json(response.body)) delivery.answer = *std::move(body);
  settled_(delivery, response);
  context_.changed();
}

}  // namespace playground
