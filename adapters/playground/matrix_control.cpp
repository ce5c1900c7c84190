// The Matrix stand-in's controls over HTTP: a name and JSON arguments. README.md lists them.
#include <map>

#include "adapters/playground/control_parts.hpp"
#include "adapters/playground/matrix_impl.hpp"

namespace playground {

using core::Json;

namespace {

using namespace control;

net::HttpResponse done(MatrixStandIn::Done const& result) { return made("event_id", result); }

Json to_json(MatrixPing const& one) {
  return Json::object({{"room", one.room},
                       {"event", one.event},
                       {"person", one.person},
                       {"rule", one.rule},
                       {"highlight", one.highlight}});
}
Json to_json(MatrixCall const& one) {
  return Json::object({{"call", one.call},
                       {"method", one.method},
                       {"target", one.target},
                       {"user", one.user},
                       {"device", one.device},
                       {"body", one.body},
                       {"status", one.status},
                       {"answer", one.answer},
                       {"at", core::format_time(one.at)}});
}
Json to_json(MatrixAccount const& one) {
  return Json::object({{"user_id", one.id},
                       {"name", one.name},
                       {"password", one.password},
                       {"access_token", one.access_token},
                       {"device_id", one.device_id}});
}

auto const as_json = [](auto const& one) { return to_json(one); };

net::HttpResponse world(MatrixStandIn& m, Json const&) {
  auto const& w = m.world();
  auto users = Json(Json::Object{});
  for (auto const& one : w.people) users.set(one.key, to_json(one));
  return fine(Json::object({{"kind", "stand-in"},
                            {"homeserver", m.origin()},
                            {"server_name", w.server_name},
                            {"room", w.room_id},
                            {"room_version", w.room_version},
                            {"bot", to_json(w.bot)},
                            {"users", users},
                            {"application_service", Json::object({{"id", w.service_id},
                                                                  {"user_id", w.service_user.id},
                                                                  {"as_token", w.as_token},
                                                                  {"hs_token", w.hs_token},
                                                                  {"websocket", m.origin()},
                                                                  {"skipped", Json()}})},
                            {"control_url", m.origin() + "/control/"}}));
}

net::HttpResponse say(MatrixStandIn& m, Json const& a) {
  MatrixSaying saying;
  saying.user = a["user"].text();
  saying.room = a["room"].text();
  saying.text = a["text"].text();
  saying.thread = a["thread"].text();
  saying.reply_to = a["reply_to"].text();
  saying.html = a["html"].text();
  saying.msgtype = a["msgtype"].text("m.text");
  if (auto const* users = a["mentions"].if_array()) {
    for (auto const& one : *users) saying.mentions.push_back(one.text());
  }
  return done(m.say(saying));
}

std::optional<MatrixOptions::RetryAfter> style_of(std::string const& text) {
  using Style = MatrixOptions::RetryAfter;
  static std::map<std::string, Style> const kStyles{
      {"both", Style::both}, {"header", Style::header}, {"body", Style::body}, {"neither", Style::neither}};
  auto const found = kStyles.find(text);
  return found == kStyles.end() ? std::nullopt : std::optional(found->second);
}

net::HttpResponse fault(MatrixStandIn& m, Json const& a) {
  using Kind = MatrixFault::Kind;
  static std::map<std::string, Kind> const kKinds{{"status", Kind::status},
                                                  {"status_after_done", Kind::status_after_done},
                                                  {"html", Kind::html},
                                                  {"limit", Kind::limit},
                                                  {"cut", Kind::cut},
                                                  {"cut_after_done", Kind::cut_after_done},
                                                  {"hang", Kind::hang},
                                                  {"hang_after_done", Kind::hang_after_done},
                                                  {"stall", Kind::stall},
                                                  {"slow", Kind::slow},
                                                  {"slow_answer", Kind::slow_answer}};
  auto const kind = kKinds.find(a["kind"].text("status"));
  auto const style = style_of(a["style"].text("both"));
  if (kind == kKinds.end() || !style) return refused("There is no fault of that kind.");
  MatrixFault fault;
  fault.call = a["call"].text("*");
  fault.kind = kind->second;
  fault.style = *style;
  fault.times = static_cast<int>(a["times"].integer(1));
  fault.skip = static_cast<int>(a["skip"].integer(0));
  fault.status = static_cast<unsigned>(number(a["status"], fault.kind == Kind::html ? 502 : 500));
  fault.code = a["code"].text("M_UNKNOWN");
  fault.text = a["text"].text("Internal server error");
  fault.retry_after = net::Duration{a["retry_after_ms"].integer(1'000)};
  fault.delay = net::Duration{a["delay_ms"].integer(0)};
  m.add_fault(std::move(fault));
  return fine();
}

net::HttpResponse set_options(MatrixStandIn& m, Json const& a) {
  auto& o = m.options();
  o.limit_messages = a["limit_messages"].boolean(o.limit_messages);
  if (auto const style = style_of(a["retry_after"].text())) o.retry_after = *style;
  if (a["dialect"].is_string())
    o.dialect = a["dialect"].text() == "asmux" ? MatrixOptions::Dialect::asmux : MatrixOptions::Dialect::wsproxy;
  o.messages_per_second = static_cast<double>(a["messages_per_second"].integer(0)) > 0
                              ? static_cast<double>(a["messages_per_second"].integer(0))
                              : o.messages_per_second;
  o.message_burst = static_cast<double>(a["message_burst"].integer(static_cast<std::int64_t>(o.message_burst)));
  auto ms = [&](char const* name, net::Duration& into) { into = net::Duration{a[name].integer(into.count())}; };
  ms("access_token_life_ms", o.access_token_life);
  ms("sync_answers_kept_ms", o.sync_answers_kept);
  ms("service_backoff_ms", o.service_backoff);
  ms("first_ack_ms", o.first_ack);
  ms("later_acks_ms", o.later_acks);
  o.missed_acks = static_cast<int>(a["missed_acks"].integer(o.missed_acks));
  return fine();
}

Acts<MatrixStandIn> const& looks() {
  static Acts<MatrixStandIn> const kLooks{
      {"world", world},
      {"state", [](auto& m, Json const& a) { return json_response(m.state(a["as"].text("alice"))); }},
      {"messages", shown("messages", [](auto& m, Json const& a) { return texts(m.messages(a["room"].text())); })},
      {"thread", shown("messages", [](auto& m, Json const& a) { return texts(m.thread(a["root"].text())); })},
      {"message",
       [](auto& m, Json const& a) {
         auto const found = m.message(a["event"].text());
         return found ? fine(Json::object({{"message", *found}})) : refused("There is no such event.", 404);
       }},
      {"events", shown("events", [](auto& m, Json const& a) { return texts(m.events(a["room"].text())); })},
      {"pings", shown("pings", [](auto& m, Json const&) { return objects(m.pings(), as_json); })},
      {"calls", shown("calls", [](auto& m, Json const&) { return objects(m.calls(), as_json); })},
      {"findings", shown("findings", [](auto& m, Json const&) { return texts(m.findings()); })},
      {"service",
       [](auto& m, Json const&) {
         return fine(Json::object({{"sockets", std::uint64_t{m.service_sockets()}},
                                   {"connections", m.service_connections()},
                                   {"backlog", std::uint64_t{m.service_backlog()}}}));
       }},
  };
  return kLooks;
}

Acts<MatrixStandIn> const& acts() {
  static Acts<MatrixStandIn> const kActs{
      {"say", say},
      {"fault", fault},
      {"options", set_options},
      {"react",
       [](auto& m, Json const& a) { return done(m.react(a["user"].text(), a["event"].text(), a["key"].text())); }},
      {"unreact", [](auto& m, Json const& a) { return done(m.unreact(a["user"].text(), a["event"].text())); }},
      {"edit",
       [](auto& m, Json const& a) { return done(m.edit(a["user"].text(), a["event"].text(), a["text"].text())); }},
      {"redact",
       [](auto& m, Json const& a) { return done(m.redact(a["user"].text(), a["event"].text(), a["reason"].text())); }},
      {"send",
       [](auto& m, Json const& a) {
         return done(m.send(a["user"].text(), a["room"].text(), a["type"].text("m.room.message"), a["content"]));
       }},
      {"set-state",
       [](auto& m, Json const& a) {
         return done(
             m.set_state(a["user"].text(), a["room"].text(), a["type"].text(), a["state_key"].text(), a["content"]));
       }},
      {"invite",
       [](auto& m, Json const& a) { return done(m.invite(a["user"].text(), a["whom"].text(), a["room"].text())); }},
      {"join", [](auto& m, Json const& a) { return done(m.join(a["user"].text(), a["room"].text())); }},
      {"leave", [](auto& m, Json const& a) { return done(m.leave(a["user"].text(), a["room"].text())); }},
      {"kick",
       [](auto& m, Json const& a) {
         return done(m.kick(a["user"].text(), a["whom"].text(), a["room"].text(), a["reason"].text()));
       }},
      {"encrypt-room", [](auto& m, Json const& a) { return done(m.encrypt_room(a["room"].text())); }},
      {"set-power",
       [](auto& m, Json const& a) {
         return done(m.set_power(a["whom"].text(), static_cast<int>(a["level"].integer(0)), a["room"].text()));
       }},
      {"inject", [](auto& m, Json const& a) { return done(m.inject(a["event"])); }},
      {"forget-transactions", plain([](auto& m, Json const&) { m.forget_transactions(); })},
      {"expire-tokens",
       plain([](auto& m, Json const& a) { m.expire_tokens(a["user"].text(), a["soft"].boolean(true)); })},
      {"lock", plain([](auto& m, Json const& a) { m.lock(a["user"].text(), a["locked"].boolean(true)); })},
      {"lose", plain([](auto& m, Json const& a) { m.lose_transactions(static_cast<int>(a["count"].integer(1))); })},
      {"retry-service", plain([](auto& m, Json const&) { m.retry_service_now(); })},
      {"close-service", plain([](auto& m, Json const& a) {
         m.close_service(static_cast<std::uint16_t>(number(a["code"], 1001)), a["status"].text("server_shutting_down"));
       })},
      {"service-frame", plain([](auto& m, Json const& a) { m.send_service_frame(a["frame"]); })},
      {"clear-faults", plain([](auto& m, Json const&) { m.clear_faults(); })},
  };
  return kActs;
}

}  // namespace

bool MatrixStandIn::only_looks(std::string_view what) { return looks().contains(what); }

net::HttpResponse MatrixStandIn::control(std::string_view what, Json const& arguments) {
  // These drop the connection that asks, so they wait until it was answered.
  if (what == "restart" || what == "cut") {
    impl_->context.after(net::Duration{20}, [this, all = what == "restart"] { all ? restart() : cut_sockets(); });
    return fine();
  }
  return run({&looks(), &acts()}, what, *this, arguments);
}

}  // namespace playground
