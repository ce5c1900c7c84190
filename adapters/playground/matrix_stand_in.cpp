#include "adapters/playground/matrix_stand_in.hpp"

#include <algorithm>

#include "adapters/playground/matrix_impl.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxPings = 100'000;

}  // namespace

MatrixStandIn::Impl::Impl(net::Io& io, MatrixOptions options)
    : context(io, std::move(options)),
      store(context),
      accounts(context),
      sync(context, store),
      api(context, store, accounts, sync),
      people(context, store, api),
      service(context, store, api) {
  sync.unread_counts = [this](std::string_view user, std::string_view room) { return unread(user, room); };
  make_world();
  listen(context.options.port);
  store.on_event = [this](MatrixEvent const& event) { happened(event); };
}

// As an operator makes the room: the first of the people creates it and invites all others and the bot, who join.
void MatrixStandIn::Impl::make_world() {
  auto const& world = context.world();
  auto users = Json::object({{world.bot.id, 50}, {world.service_user.id, 50}});
  auto const& creator = world.people.front().id;
  if (world.room_version != "12") users.set(creator, 100);
  std::vector<std::string> others;
  for (auto const& one : world.in_room) {
    if (auto const* account = world.account(one); account != nullptr && account->id != creator)
      others.push_back(account->id);
  }
  others.push_back(world.bot.id);
  if (world.separate()) others.push_back(world.service_user.id);
  auto invited = Json::array();
  for (auto const& one : others) invited.push(one);
  api.create_room(world.room_id, creator,
                  Json::object({{"room_version", world.room_version},
                                {"name", world.room_name},
                                {"invite", invited},
                                {"creation_content", Json::object({{"m.federate", false}})},
                                {"power_level_content_override", Json::object({{"users", users}, {"invite", 50}})}}));
  for (auto const& one : others) api.set_membership(one, world.room_id, one, "join");
}

void MatrixStandIn::Impl::listen(std::uint16_t port) {
  net::HttpServerOptions http;
  http.port = port;
  http.max_header_bytes = http.max_target_bytes = 64u << 10;  // filters travel in the query
  http.max_body_bytes = context.options.max_upload_bytes + (1u << 20);
  auto made = net::make_http_server(
      context.io, http,
      [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) { handle(request, responder); });
  if (!made) throw core::Failure(core::make_error(core::Errc::unavailable, made.error().text));
  server = *std::move(made);
  context.origin = "http://127.0.0.1:" + std::to_string(server->port());
}

void MatrixStandIn::Impl::handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& path = request.path;
  if (path == "/_matrix/client/unstable/fi.mau.as_sync" && request.method == "GET")
    return service.accept(request, responder);
  bool const control = path.starts_with("/control/");
  // A page of another site may reach none of it; an upload is a POST without JSON, so only /control/ asks for that.
  net::HttpRequestIn head;
  head.method = control ? request.method : "GET";
  head.headers = request.headers;
  if (auto const why = foreign_call(head, server->port())) return responder->respond(refuse_foreign(*why));
  if (!control) return api.handle(request, responder);
  auto const what = path.substr(std::string_view("/control/").size());
  if (request.method != "POST" && !only_looks(what)) {
    return responder->respond(json_response(Json::object({{"ok", false}, {"error", "This needs a POST."}}), 405));
  }
  auto const arguments = arguments_of(request);
  if (!arguments) {
    return responder->respond(
        json_response(Json::object({{"ok", false}, {"error", "The body is no JSON object."}}), 400));
  }
  responder->respond(owner->control(what, *arguments));
}

void MatrixStandIn::Impl::happened(MatrixEvent const& event) {
  for (auto& one : pings_of(event, *store.room(event.room), accounts)) {
    if (pings.size() < kMaxPings) pings.push_back(std::move(one));
  }
  auto const& content = event.content;
  if (event.sender == context.world().bot.id) {
    if (event.type == "m.room.message" && content["m.mentions"].is_null())
      context.find("A message without m.mentions: names in its body ping (" + event.id + ").");
    if (event.relation() == "m.replace") {
      auto const* target = store.event(event.target());
      if (target == nullptr || target->sender != event.sender || target->relation() == "m.replace")
        context.find("An edit of an edit, or of somebody else's event: clients ignore it (" + event.id + ").");
    }
    if (event.type == "m.room.message" && store.room(event.room)->state_at("m.room.encryption", "") != nullptr)
      context.find("A message in clear in an encrypted room (" + event.id + ").");
  }
  service.on_event(event);
  sync.wake();
}

Json MatrixStandIn::Impl::unread(std::string_view user, std::string_view room) const {
  // Since the receipt, or since they came; one's own messages read nothing.
  auto const receipt = api.read_upto.find({std::string(user), std::string(room)});
  auto read = receipt == api.read_upto.end() ? 0 : receipt->second;
  for (auto const& one : store.room(room)->events) {
    if (one->state_key == user && one->type == "m.room.member" && one->content["membership"].text() == "join" &&
        one->previous_content["membership"].text() != "join") {
      read = std::max(read, one->position);
    }
  }
  std::int64_t notifications = 0, highlights = 0;
  for (auto const& one : pings) {
    if (one.person != user || one.room != room || one.position <= read) continue;
    ++notifications;
    if (one.highlight) ++highlights;
  }
  return Json::object({{"notification_count", notifications}, {"highlight_count", highlights}});
}

MatrixStandIn::MatrixStandIn(net::Io& io, MatrixOptions options)
    : impl_(std::make_unique<Impl>(io, std::move(options))) {
  impl_->owner = this;
}
MatrixStandIn::~MatrixStandIn() = default;

std::uint16_t MatrixStandIn::port() const { return impl_->server->port(); }
std::string MatrixStandIn::origin() const { return impl_->context.origin; }
MatrixWorld const& MatrixStandIn::world() const { return impl_->context.world(); }
MatrixOptions& MatrixStandIn::options() { return impl_->context.options; }

using Done = MatrixStandIn::Done;
Done MatrixStandIn::react(std::string_view user, std::string_view event, std::string_view key) {
  return impl_->people.react(user, event, key);
}
Done MatrixStandIn::unreact(std::string_view user, std::string_view reaction) {
  return impl_->people.unreact(user, reaction);
}
Done MatrixStandIn::say(MatrixSaying const& saying) { return impl_->people.say(saying); }
Done MatrixStandIn::edit(std::string_view user, std::string_view event, std::string_view text) {
  return impl_->people.edit(user, event, text);
}
Done MatrixStandIn::redact(std::string_view user, std::string_view event, std::string_view reason) {
  return impl_->people.redact(user, event, reason);
}
Done MatrixStandIn::send(std::string_view user, std::string_view room, std::string_view type, Json content) {
  return impl_->people.send({std::string(room), std::string(type), std::string(user), std::move(content)});
}
Done MatrixStandIn::set_state(std::string_view user, std::string_view room, std::string_view type, std::string_view key,
                              Json content) {
  MatrixDraft draft{std::string(room), std::string(type), std::string(user), std::move(content)};
  draft.state_key = std::string(key);
  return impl_->people.send(std::move(draft));
}
Done MatrixStandIn::invite(std::string_view user, std::string_view whom, std::string_view room) {
  return impl_->people.member(user, room, whom, "invite");
}
Done MatrixStandIn::join(std::string_view user, std::string_view room) {
  return impl_->people.member(user, room, user, "join");
}
Done MatrixStandIn::leave(std::string_view user, std::string_view room) {
  return impl_->people.member(user, room, user, "leave");
}
Done MatrixStandIn::kick(std::string_view user, std::string_view whom, std::string_view room, std::string_view reason) {
  return impl_->people.member(user, room, whom, "leave", reason);
}
Done MatrixStandIn::encrypt_room(std::string_view room) {
  return set_state(world().people.front().id, room, "m.room.encryption", "",
                   Json::object({{"algorithm", "m.megolm.v1.aes-sha2"}}));
}
Done MatrixStandIn::set_power(std::string_view whom, int level, std::string_view room) {
  return impl_->people.set_power(whom, level, room);
}
Done MatrixStandIn::inject(Json const& event) { return impl_->people.inject(event); }

void MatrixStandIn::restart() {
  cut_sockets();  // first: whoever waits gets no answer
  impl_->api.restart();
  impl_->sync.forget_answers();
}
void MatrixStandIn::cut_sockets() {
  auto const port = impl_->server->port();
  impl_->service.drop();
  impl_->server.reset();
  impl_->listen(port);
}
void MatrixStandIn::forget_transactions() { impl_->api.forget_transactions(); }
std::string MatrixStandIn::new_token(std::string_view user) {
  return impl_->accounts.new_token(impl_->people.user_id(user));
}

void MatrixStandIn::expire_tokens(std::string_view user, bool soft) {
  impl_->accounts.expire(impl_->people.user_id(user), soft);
}
void MatrixStandIn::lock(std::string_view user, bool locked) {
  auto const id = impl_->people.user_id(user);
  if (locked) {
    impl_->accounts.locked.insert(id);
  } else {
    impl_->accounts.locked.erase(id);
  }
}

std::size_t MatrixStandIn::service_sockets() const { return impl_->service.sockets(); }
std::uint64_t MatrixStandIn::service_connections() const { return impl_->service.connections; }
std::size_t MatrixStandIn::service_backlog() const { return impl_->service.backlog(); }
void MatrixStandIn::lose_transactions(int count) { impl_->service.lose += count; }
void MatrixStandIn::retry_service_now() { impl_->service.retry_now(); }
void MatrixStandIn::close_service(std::uint16_t code, std::string status) { impl_->service.close(code, status); }
void MatrixStandIn::send_service_frame(Json frame) { impl_->service.send_frame(frame); }

void MatrixStandIn::add_fault(MatrixFault fault) { impl_->api.faults.push_back(std::move(fault)); }
void MatrixStandIn::clear_faults() { impl_->api.faults.clear(); }

std::vector<Json> MatrixStandIn::messages(std::string_view room) const { return impl_->people.messages(room); }
std::vector<Json> MatrixStandIn::thread(std::string_view root) const { return impl_->people.thread(root); }
std::optional<Json> MatrixStandIn::message(std::string_view event) const {
  auto const* found = impl_->store.event(event);
  if (found == nullptr) return std::nullopt;
  return impl_->people.message(*found);
}
std::vector<Json> MatrixStandIn::events(std::string_view room) const {
  std::vector<Json> out;
  auto const* place = impl_->store.room(impl_->people.room_id(room));
  if (place == nullptr) return out;
  for (auto const& one : place->events) out.push_back(impl_->store.shown(*one, {{}, {}, false, false, true}));
  return out;
}
std::vector<MatrixPing> const& MatrixStandIn::pings() const { return impl_->pings; }
std::deque<MatrixCall> const& MatrixStandIn::calls() const { return impl_->api.calls; }
std::vector<std::string> const& MatrixStandIn::findings() const { return impl_->context.findings; }
Json MatrixStandIn::state(std::string_view user) const {
  // Of a bot that polls, one with a /sync under way is connected.
  auto state = impl_->people.state(user, impl_->service.sockets() + impl_->sync.waiting(world().bot.id));
  if (state.is_object()) state.set("media", impl_->api.texts());
  return state;
}
std::uint64_t MatrixStandIn::revision() const { return impl_->context.revision; }
std::uint64_t MatrixStandIn::on_change(std::function<void()> fn) {
  auto const id = ++impl_->context.last_observer;
  impl_->context.observers.emplace(id, std::move(fn));
  return id;
}
void MatrixStandIn::forget(std::uint64_t observer) { impl_->context.observers.erase(observer); }

}  // namespace playground
