#include "adapters/playground/teams_stand_in.hpp"

#include <algorithm>

#include "adapters/playground/same_origin.hpp"
#include "adapters/playground/teams_impl.hpp"

namespace playground {

using core::Json;

TeamsStandIn::Impl::Impl(net::Io& io, TeamsOptions options)
    : context(io, std::move(options)),
      keys(context),
      store(context),
      people(context, store),
      relay(context),
      courier(
          context, keys, relay,
          [this](TeamsDelivery& delivery, net::HttpResponse const& response) { people.settled(delivery, response); }),
      api(context, keys, store, people) {
  net::HttpServerOptions http;
  http.max_header_bytes = 64u << 10;  // strangers may send long headers; the bot has to bear them
  http.max_body_bytes = 4u << 20;
  auto made = net::make_http_server(
      io, http,
      [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) { handle(request, responder); });
  if (!made) throw core::Failure(core::make_error(core::Errc::unavailable, made.error().text));
  server = *std::move(made);
  relay.listen(server->port());
  context.origin = "http://127.0.0.1:" + std::to_string(relay.port());
  people.connect(courier);
}

void TeamsStandIn::Impl::handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& path = request.path;
  auto const hybrid = "/" + context.world().relay_path;
  if (path.starts_with("/$hc/")) return relay.upgrade(request, responder);
  if (path == hybrid || path.starts_with(hybrid + "/")) return relay.serve(request, responder);
  if (path.starts_with("/control/")) {
    if (auto const why = foreign_call(request, relay.port())) return responder->respond(refuse_foreign(*why));
    auto const what = path.substr(std::string_view("/control/").size());
    if (request.method != "POST" && !only_looks(what)) {
      return responder->respond(json_response(Json::object({{"ok", false}, {"error", "This needs a POST."}}), 405));
    }
    auto const arguments = arguments_of(request);
    if (!arguments) {
      return responder->respond(
          json_response(Json::object({{"ok", false}, {"error", "The body is no JSON object."}}), 400));
    }
    return responder->respond(owner->control(what, *arguments));
  }
  if (api.handle(request, responder)) return;
  responder->respond({404, {{"Content-Type", "text/plain"}}, "not found"});
}

Json TeamsStandIn::Impl::state(std::string_view user) const {
  auto const& world = context.world();
  auto const* me = world.person(user);
  auto const key = me == nullptr ? std::string() : me->key;
  auto persons = Json::array(), conversations = Json::array();
  for (auto const& one : world.people) {
    persons.push(Json::object({{"key", one.key},
                               {"id", one.id},
                               {"name", one.name},
                               {"guest", one.role != "user"},
                               {"foreign", one.tenant_id != world.tenant_id}}));
  }
  auto messages = Json(Json::Object{});
  for (auto const& one : world.conversations) {
    if (std::find(one.members.begin(), one.members.end(), key) == one.members.end()) continue;
    conversations.push(Json::object({{"id", one.id}, {"type", one.type}, {"name", one.name}}));
    auto list = Json::array();
    for (auto const& message : store.in(one.id)) {
      if (store.visible(message, key)) list.push(store.shown(message, key));
    }
    messages.set(one.id, list);
  }
  auto warnings = Json::array();
  if (auto const found = people.warnings.find(key); found != people.warnings.end()) {
    for (auto const& one : found->second) warnings.push(one);
  }
  auto const dialog = people.dialogs.find(key);
  auto const listeners = relay.listeners();
  auto const open = std::count_if(listeners.begin(), listeners.end(), [](auto const& one) { return one.open; });
  return Json::object({{"revision", context.revision},
                       {"me", key},
                       {"tenant", world.tenant_name},
                       {"team", world.team_name},
                       {"bot", Json::object({{"id", world.bot()}, {"name", world.bot_name}})},
                       {"people", persons},
                       {"conversations", conversations},
                       {"messages", messages},
                       {"warnings", warnings},
                       {"dialog", dialog == people.dialogs.end() ? Json() : dialog->second.task},
                       {"listeners", std::int64_t{open}}});
}

TeamsStandIn::TeamsStandIn(net::Io& io, TeamsOptions options) : impl_(std::make_unique<Impl>(io, std::move(options))) {
  impl_->owner = this;
}
TeamsStandIn::~TeamsStandIn() = default;

std::uint16_t TeamsStandIn::port() const { return impl_->relay.port(); }
std::string TeamsStandIn::origin() const { return impl_->context.origin; }
std::string TeamsStandIn::relay_url() const { return "ws" + origin().substr(4); }
std::string TeamsStandIn::public_url() const { return origin() + "/" + world().relay_path + "/"; }
std::string TeamsStandIn::login_url() const { return origin(); }
std::string TeamsStandIn::metadata_url() const { return origin() + "/v1/.well-known/openidconfiguration"; }
std::string TeamsStandIn::service_url() const { return impl_->context.service_url(); }
TeamsWorld const& TeamsStandIn::world() const { return impl_->context.options.world; }
TeamsWorld& TeamsStandIn::world() { return impl_->context.options.world; }
TeamsOptions& TeamsStandIn::options() { return impl_->context.options; }

core::Result<std::uint64_t> TeamsStandIn::click(TeamsClick const& click) { return impl_->people.click(click); }
core::Result<TeamsStandIn::Said> TeamsStandIn::say(std::string_view user, std::string_view conversation,
                                                   std::string_view text, bool mention_bot, std::string_view thread) {
  return impl_->people.say(user, conversation, text, mention_bot, thread);
}
core::Result<std::uint64_t> TeamsStandIn::edit(std::string_view user, std::string_view conversation,
                                               std::string_view activity, std::string_view text) {
  return impl_->people.edit(user, conversation, activity, text);
}
core::Result<std::uint64_t> TeamsStandIn::remove(std::string_view user, std::string_view conversation,
                                                 std::string_view activity) {
  return impl_->people.remove(user, conversation, activity);
}
core::Result<std::uint64_t> TeamsStandIn::react(std::string_view user, std::string_view conversation,
                                                std::string_view activity, std::string_view reaction, bool take_back) {
  return impl_->people.react(user, conversation, activity, reaction, take_back);
}
core::Result<std::uint64_t> TeamsStandIn::install(std::string_view user, std::string_view conversation,
                                                  std::string_view action) {
  return impl_->people.install(user, conversation, action);
}
core::Result<std::uint64_t> TeamsStandIn::refresh(std::string_view user, std::string_view conversation,
                                                  std::string_view activity, std::size_t age) {
  return impl_->people.refresh(user, conversation, activity, age, /*automatic=*/true);
}
core::Result<std::uint64_t> TeamsStandIn::submit_dialog(std::string_view user, Json const& inputs) {
  return impl_->people.submit_dialog(user, inputs);
}
void TeamsStandIn::forget_view(std::string_view user, std::string_view conversation, std::string_view activity) {
  auto* message = impl_->store.find(conversation, activity);
  auto const* person = world().person(user);
  if (message != nullptr && person != nullptr) message->views.erase(person->key);
  impl_->context.changed();
}
bool TeamsStandIn::close_dialog(std::string_view user) { return impl_->people.dialogs.erase(std::string(user)) != 0; }
void TeamsStandIn::dismiss(std::string_view user) {
  impl_->people.warnings.erase(std::string(user));
  impl_->context.changed();
}

std::uint64_t TeamsStandIn::deliver(Json activity, TeamsToken const& token) {
  TeamsDelivery delivery;
  auto const* from = world().account(activity["from"]["id"].text());
  if (from != nullptr) delivery.user = from->key;
  delivery.activity = std::move(activity);
  return impl_->courier.send(std::move(delivery), token);
}
core::Result<std::uint64_t> TeamsStandIn::redeliver(std::uint64_t id) {
  if (impl_->courier.find(id) == nullptr) return core::make_error(core::Errc::not_found, "There is no such delivery.");
  impl_->courier.again(id);
  return id;
}
void TeamsStandIn::call_endpoint(std::string method, std::string path, net::Headers headers, std::string body,
                                 std::function<void(net::HttpResponse)> done) {
  impl_->courier.call(method, path, std::move(headers), std::move(body), std::move(done));
}
std::string TeamsStandIn::authorization(Json const& activity, TeamsToken const& token) {
  auto const values = impl_->keys.authorization(activity, token);
  return values.empty() ? std::string() : values.front();
}
void TeamsStandIn::duplicate_deliveries(int count) { impl_->courier.duplicates += count; }
void TeamsStandIn::hold_deliveries() { impl_->courier.holding = true; }
void TeamsStandIn::release_deliveries(bool reverse) { impl_->courier.release(reverse); }
void TeamsStandIn::roll_keys(bool keep_old) { impl_->keys.roll(keep_old); }

std::vector<TeamsListener> TeamsStandIn::listeners() const { return impl_->relay.listeners(); }
void TeamsStandIn::choose_listener(std::uint64_t id) { impl_->relay.chosen = id; }
void TeamsStandIn::close_listener(std::uint64_t id, std::uint16_t code, std::string reason) {
  impl_->relay.close(id, code, reason);
}
void TeamsStandIn::kill_listener(std::uint64_t id) { impl_->relay.kill(id); }
void TeamsStandIn::silence_listener(std::uint64_t id) { impl_->relay.silence(id); }
void TeamsStandIn::refuse_listeners(int count, unsigned status) {
  impl_->relay.refusals = count;
  impl_->relay.refusal_status = status;
}
void TeamsStandIn::send_accept(std::uint64_t id) { impl_->relay.send_accept(id); }
std::uint64_t TeamsStandIn::refused_accepts() const { return impl_->relay.refused_accepts; }
std::uint64_t TeamsStandIn::upgrades() const { return impl_->relay.upgrades; }

void TeamsStandIn::add_fault(TeamsFault fault) { impl_->api.faults.push_back(std::move(fault)); }
void TeamsStandIn::clear_faults() { impl_->api.faults.clear(); }
void TeamsStandIn::expire_access_tokens() { impl_->api.expire_tokens(); }

TeamsDelivery const* TeamsStandIn::delivery(std::uint64_t id) const { return impl_->courier.find(id); }
std::deque<TeamsDelivery> const& TeamsStandIn::deliveries() const { return impl_->courier.deliveries; }
std::vector<TeamsPing> const& TeamsStandIn::pings() const { return impl_->store.pings; }
std::deque<TeamsCall> const& TeamsStandIn::calls() const { return impl_->api.calls; }

std::vector<Json> TeamsStandIn::messages(std::string_view conversation, std::string_view user) const {
  std::vector<Json> list;
  for (auto const& message : impl_->store.in(conversation)) {
    if (impl_->store.visible(message, user)) list.push_back(impl_->store.shown(message, user));
  }
  return list;
}
std::optional<Json> TeamsStandIn::message(std::string_view conversation, std::string_view activity,
                                          std::string_view user) const {
  auto const* found = impl_->store.find(conversation, activity);
  if (found == nullptr) return std::nullopt;
  return impl_->store.shown(*found, user);
}
std::vector<std::string> TeamsStandIn::warnings(std::string_view user) const {
  auto const found = impl_->people.warnings.find(user);
  return found == impl_->people.warnings.end() ? std::vector<std::string>{} : found->second;
}
std::optional<Json> TeamsStandIn::dialog(std::string_view user) const {
  auto const found = impl_->people.dialogs.find(user);
  if (found == impl_->people.dialogs.end()) return std::nullopt;
  return found->second.task;
}
std::vector<std::string> const& TeamsStandIn::findings() const { return impl_->context.findings; }
Json TeamsStandIn::state(std::string_view user) const { return impl_->state(user); }
std::uint64_t TeamsStandIn::revision() const { return impl_->context.revision; }
std::uint64_t TeamsStandIn::on_change(std::function<void()> fn) {
  auto const id = ++impl_->context.last_observer;
  impl_->context.observers.emplace(id, std::move(fn));
  return id;
}
void TeamsStandIn::forget(std::uint64_t observer) { impl_->context.observers.erase(observer); }

}  // namespace playground
