#include "adapters/playground/slack_stand_in.hpp"

#include <algorithm>

#include "adapters/playground/same_origin.hpp"
#include "adapters/playground/slack_impl.hpp"

namespace playground {

using core::Json;

SlackStandIn::Impl::Impl(net::Io& io, StandInOptions options)
    : context(io, std::move(options)),
      store(context),
      people(context, store),
      hub(
          context, [this](Interaction& interaction) { people.acked(interaction); },
          [this](Interaction& interaction) { people.missed(interaction); }),
      api(context, store, people, hub) {
  net::HttpServerOptions http;
  http.port = context.options.port;
  http.max_body_bytes = 4u << 20;
  auto made = net::make_http_server(
      io, http,
      [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) { handle(request, responder); });
  if (!made) throw core::Failure(core::make_error(core::Errc::unavailable, made.error().text));
  server = *std::move(made);
  hub.listen(server->port());
  people.connect(hub, "http://127.0.0.1:" + std::to_string(server->port()));
}

void SlackStandIn::Impl::handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& path = request.path;
  if (path.starts_with("/api/")) return api.handle(request, responder);
  if (path.starts_with("/upload/v1/")) return api.take_upload(request, responder);
  if (path == "/link/" || path == "/link") return hub.accept(request, responder);
  if (path.starts_with("/actions/") || path.starts_with("/commands/")) {
    auto const body = core::parse_json(request.body);
    return responder->respond(people.respond(path.substr(path.rfind('/') + 1), body ? *body : Json()));
  }
  if (path.starts_with("/control/")) {
    if (auto const why = foreign_call(request, server->port())) return responder->respond(refuse_foreign(*why));
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
  responder->respond({404, {{"Content-Type", "text/plain"}}, "not found"});
}

// What a client would fetch to show a file.
Json SlackStandIn::Impl::with_texts(Json message) const {
  if (!message["files"].is_array()) return message;
  Json files = Json::array();
  for (auto file : *message["files"].if_array()) {
    if (auto const text = api.text_of(file["id"].text())) file.set("text", *text);
    files.push(std::move(file));
  }
  return message.set("files", std::move(files));
}

Json SlackStandIn::Impl::state(std::string_view user) const {
  auto const& world = context.options.world;
  auto users = Json::array(), channels = Json::array(), groups = Json::array();
  for (auto const& one : world.users) {
    users.push(Json::object({{"id", one.id},
                             {"name", one.name},
                             {"real_name", one.real_name},
                             {"guest", one.is_restricted || one.is_ultra_restricted}}));
  }
  for (auto const& group : world.usergroups) groups.push(Json::object({{"id", group.id}, {"handle", group.handle}}));
  auto messages = Json(Json::Object{});
  for (auto const& channel : world.channels) {
    bool const member = channel.im_with == user ||
                        (channel.im_with.empty() &&
                         std::find(channel.members.begin(), channel.members.end(), user) != channel.members.end());
    if (!member) continue;
    channels.push(Json::object({{"id", channel.id}, {"name", channel.name}, {"direct", !channel.im_with.empty()}}));
    auto list = Json::array();
    for (auto const& message : store.in(channel.id)) {
      if (message.only_for.empty() || message.only_for == user) list.push(with_texts(store.shown(message, false)));
    }
    messages.set(channel.id, list);
  }
  auto modals = Json::array(), warnings = Json::array(), toasts = Json::array();
  if (auto const found = people.modals.find(user); found != people.modals.end()) {
    for (auto const& modal : found->second) {
      modals.push(Json::object({{"view", modal.view}, {"errors", modal.errors}, {"busy", modal.busy}}));
    }
  }
  if (auto const found = people.warnings.find(user); found != people.warnings.end()) {
    for (auto const& warning : found->second) warnings.push(warning);
  }
  if (auto const found = store.toasts.find(user); found != store.toasts.end()) {
    for (auto const& toast : found->second) {
      toasts.push(Json::object({{"channel", toast.channel}, {"ts", toast.ts}, {"text", toast.text}}));
    }
  }
  return Json::object({{"revision", context.revision},
                       {"me", user},
                       {"team", world.team_name},
                       {"bot", Json::object({{"id", world.bot_user_id}, {"name", world.bot_name}})},
                       {"users", users},
                       {"channels", channels},
                       {"usergroups", groups},
                       {"messages", messages},
                       {"modals", modals},
                       {"warnings", warnings},
                       {"toasts", toasts},
                       {"sockets", std::uint64_t{hub.ready()}}});
}

SlackStandIn::SlackStandIn(net::Io& io, StandInOptions options)
    : impl_(std::make_unique<Impl>(io, std::move(options))) {
  impl_->owner = this;
}
SlackStandIn::~SlackStandIn() = default;

std::uint16_t SlackStandIn::port() const { return impl_->server->port(); }
std::string SlackStandIn::origin() const { return "http://127.0.0.1:" + std::to_string(port()); }
std::string SlackStandIn::api_url() const { return origin() + "/api/"; }
SlackWorld const& SlackStandIn::world() const { return impl_->context.options.world; }
SlackWorld& SlackStandIn::world() { return impl_->context.options.world; }
StandInOptions& SlackStandIn::options() { return impl_->context.options; }

core::Result<std::uint64_t> SlackStandIn::click(Click const& click) { return impl_->people.click(click); }
core::Result<std::uint64_t> SlackStandIn::slash(std::string_view user, std::string_view channel,
                                                std::string_view command, std::string_view text) {
  return impl_->people.slash(user, channel, command, text);
}
core::Result<std::uint64_t> SlackStandIn::submit(std::string_view user, Json const& values, bool force,
                                                 Json const& patch) {
  return impl_->people.submit(user, values, force, patch);
}
core::Result<std::uint64_t> SlackStandIn::close_modal(std::string_view user, bool all) {
  return impl_->people.close_modal(user, all);
}
core::Result<std::string> SlackStandIn::say(std::string_view user, std::string_view channel, std::string_view text,
                                            std::string_view thread_ts) {
  return impl_->people.say(user, channel, text, thread_ts);
}
void SlackStandIn::dismiss(std::string_view user) {
  impl_->people.warnings.erase(std::string(user));
  impl_->store.toasts.erase(std::string(user));
  impl_->context.changed();
}

std::uint64_t SlackStandIn::deliver(std::string_view type, Json payload) {
  Interaction interaction;
  auto const inner = payload["type"].text();
  interaction.kind = type == "interactive" ? (inner.empty() ? "block_actions" : inner) : std::string(type);
  interaction.user = payload["user"]["id"].text(payload["user_id"].text());
  interaction.payload = std::move(payload);
  return impl_->hub.deliver(std::move(interaction));
}
core::Result<std::uint64_t> SlackStandIn::redeliver(std::uint64_t id) {
  auto const* old = impl_->hub.find(id);
  if (old == nullptr) return core::make_error(core::Errc::not_found, "There is no such interaction.");
  Interaction again;
  again.kind = old->kind;
  again.user = old->user;
  again.payload = old->payload;
  again.trigger_id = old->trigger_id;
  again.response_url = old->response_url;
  return impl_->hub.deliver(std::move(again));
}
void SlackStandIn::duplicate_envelopes(int count) { impl_->hub.duplicates += count; }
void SlackStandIn::hold_envelopes() { impl_->hub.holding = true; }
void SlackStandIn::release_envelopes(bool reverse) { impl_->hub.release(reverse); }

std::vector<SocketInfo> SlackStandIn::sockets() const { return impl_->hub.sockets(); }
void SlackStandIn::choose(Choice choice) {
  impl_->hub.choice = choice;
  impl_->hub.fixed_socket = 0;
}
void SlackStandIn::choose_socket(std::uint64_t id) { impl_->hub.fixed_socket = id; }
void SlackStandIn::disconnect(std::uint64_t socket, std::string_view reason, net::Duration close_in) {
  impl_->hub.disconnect(socket, reason, close_in);
}
void SlackStandIn::kill_tcp(std::uint64_t socket) { impl_->hub.kill_tcp(socket); }
void SlackStandIn::half_open(std::uint64_t socket) { impl_->hub.half_open(socket); }
void SlackStandIn::refuse_upgrades(int count, unsigned status) {
  impl_->hub.refusals = count;
  impl_->hub.refusal_status = status;
}
std::uint64_t SlackStandIn::hellos() const { return impl_->hub.hellos; }
std::uint64_t SlackStandIn::least_sockets() const { return impl_->hub.least_ready(); }
void SlackStandIn::mark_sockets() { impl_->hub.mark(); }

void SlackStandIn::add_fault(Fault fault) { impl_->api.faults.push_back(std::move(fault)); }
void SlackStandIn::clear_faults() { impl_->api.faults.clear(); }

Interaction const* SlackStandIn::interaction(std::uint64_t id) const { return impl_->hub.find(id); }
std::deque<Interaction> const& SlackStandIn::interactions() const { return impl_->hub.interactions; }
std::vector<Ping> const& SlackStandIn::pings() const { return impl_->store.pings; }
std::deque<ApiCall> const& SlackStandIn::calls() const { return impl_->api.calls; }

std::vector<Json> SlackStandIn::messages(std::string_view channel) const {
  std::vector<Json> list;
  for (auto const& message : impl_->store.in(channel)) list.push_back(impl_->store.shown(message, true));
  return list;
}
std::optional<Json> SlackStandIn::message(std::string_view channel, std::string_view ts) const {
  auto const* found = impl_->store.find(channel, ts);
  if (found == nullptr) return std::nullopt;
  return impl_->store.shown(*found, true);
}
std::optional<std::string> SlackStandIn::file(std::string const& id) const { return impl_->api.file(id); }
std::vector<Json> SlackStandIn::modals(std::string_view user) const {
  std::vector<Json> list;
  auto const found = impl_->people.modals.find(user);
  if (found == impl_->people.modals.end()) return list;
  for (auto const& modal : found->second) {
    auto view = modal.view;
    if (!modal.errors.is_null()) view.set("errors", modal.errors);
    list.push_back(std::move(view));
  }
  return list;
}
std::vector<std::string> SlackStandIn::warnings(std::string_view user) const {
  auto const found = impl_->people.warnings.find(user);
  return found == impl_->people.warnings.end() ? std::vector<std::string>{} : found->second;
}
std::vector<std::string> const& SlackStandIn::findings() const { return impl_->context.findings; }
Json SlackStandIn::state(std::string_view user) const { return impl_->state(user); }
std::uint64_t SlackStandIn::revision() const { return impl_->context.revision; }
std::uint64_t SlackStandIn::on_change(std::function<void()> fn) {
  auto const id = ++impl_->context.last_observer;
  impl_->context.observers.emplace(id, std::move(fn));
  return id;
}
void SlackStandIn::forget(std::uint64_t observer) { impl_->context.observers.erase(observer); }

}  // namespace playground
