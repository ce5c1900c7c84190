// The Teams stand-in's controls over HTTP: a name and JSON arguments. README.md lists them.
#include <algorithm>
#include <map>

#include "adapters/playground/control_parts.hpp"
#include "adapters/playground/teams_impl.hpp"

namespace playground {

using core::Json;

namespace {

using namespace control;

constexpr char const* kIncidents = "19:incidents@thread.tacv2";  // where nothing else is named
std::string conversation_of(Json const& a) { return a["conversation"].text(kIncidents); }

Json to_json(TeamsDelivery const& one) {
  static constexpr char const* kStates[] = {"waiting", "answered", "refused", "late", "undelivered"};
  auto statuses = Json::array();
  for (auto const status : one.statuses) statuses.push(std::int64_t{status});
  return Json::object({{"id", one.id},
                       {"kind", one.kind},
                       {"user", one.user},
                       {"conversation", one.conversation},
                       {"activity_id", one.activity_id},
                       {"message", one.message},
                       {"automatic", one.automatic},
                       {"state", kStates[static_cast<std::size_t>(one.state)]},
                       {"statuses", statuses},
                       {"tries", one.tries},
                       {"took_ms", std::int64_t{one.took.count()}},
                       {"activity", one.activity},
                       {"answer", one.answer},
                       {"shown", one.shown},
                       {"again", one.again}});
}
Json to_json(TeamsPing const& ping) {
  return Json::object({{"conversation", ping.conversation},
                       {"activity", ping.activity},
                       {"kind", ping.kind},
                       {"target", ping.target},
                       {"where", ping.where},
                       {"update", ping.update},
                       {"people", texts(ping.people)}});
}
Json to_json(TeamsListener const& one) {
  return Json::object({{"id", one.id},
                       {"correlation", one.correlation},
                       {"open", one.open},
                       {"silent", one.silent},
                       {"requests", one.requests},
                       {"waiting", one.waiting},
                       {"renewals", one.renewals}});
}
Json to_json(TeamsCall const& one) {
  return Json::object({{"call", one.call},
                       {"method", one.method},
                       {"path", one.path},
                       {"body", one.body},
                       {"status", one.status},
                       {"answer", one.answer},
                       {"at", core::format_time(one.at)}});
}

auto const as_json = [](auto const& one) { return to_json(one); };

net::HttpResponse with_id(core::Result<std::uint64_t> const& result) { return made("delivery", result); }

net::HttpResponse world(TeamsStandIn& t, Json const&) {
  auto const& w = t.world();
  auto people = Json(Json::Object{});
  for (auto const& one : w.people) {
    people.set(one.key, Json::object({{"id", one.id}, {"aadObjectId", one.aad_object_id}, {"name", one.name}}));
  }
  return fine(Json::object({{"origin", t.origin()},
                            {"relay_url", t.relay_url()},
                            {"relay_path", w.relay_path},
                            {"key_name", w.listen_key_name},
                            {"key", w.listen_key},
                            {"public_url", t.public_url()},
                            {"login_url", t.login_url()},
                            {"metadata_url", t.metadata_url()},
                            {"service_url", t.service_url()},
                            {"tenant", w.tenant_id},
                            {"app_id", w.app_id},
                            {"app_secret", w.app_secret},
                            {"bot", w.bot()},
                            {"people", people}}));
}

net::HttpResponse click(TeamsStandIn& t, Json const& a) {
  TeamsClick click;
  click.user = a["user"].text();
  click.conversation = conversation_of(a);
  click.activity = a["activity"].text();
  click.action = a["action"].text();
  click.inputs = a["inputs"];
  click.old_client = a["old_client"].boolean();
  click.force = a["force"].boolean();
  click.taps = std::clamp(count(a["taps"], 1), 1, 100);
  click.patch = a["patch"];
  return with_id(t.click(click));
}

net::HttpResponse say(TeamsStandIn& t, Json const& a) {
  auto const said = t.say(a["user"].text(), a["conversation"].text(kIncidents), a["text"].text(),
                          a["mention"].boolean(true), a["thread"].text());
  if (!said) return refused(said.error().message);
  return fine(Json::object({{"activity", said->activity}, {"delivery", said->delivery}}));
}

net::HttpResponse deliver(TeamsStandIn& t, Json const& a) {
  TeamsToken token;
  token.flaw = a["flaw"].text();
  auto const& known = TeamsStandIn::bad_tokens();
  if (!token.flaw.empty() && std::find(known.begin(), known.end(), token.flaw) == known.end()) {
    return refused("There is no flaw of that name.");
  }
  token.header = a["header"];
  token.claims = a["claims"];
  if (auto const* whole = a["authorization"].if_string()) token.authorization = *whole;
  return fine(Json::object({{"delivery", t.deliver(a["activity"], token)}}));
}

net::HttpResponse fault(TeamsStandIn& t, Json const& a) {
  using Kind = TeamsFault::Kind;
  static std::map<std::string, Kind, std::less<>> const kKinds{
      {"status", Kind::status}, {"status_after_done", Kind::status_after_done},
      {"cut", Kind::cut},       {"cut_after_done", Kind::cut_after_done},
      {"hang", Kind::hang},     {"hang_after_done", Kind::hang_after_done},
      {"slow", Kind::slow},     {"slow_answer", Kind::slow_answer}};
  auto const kind = kKinds.find(a["kind"].text("status"));
  if (kind == kKinds.end()) return refused("There is no fault of that kind.");
  TeamsFault fault;
  fault.call = a["call"].text("*");
  fault.kind = kind->second;
  fault.times = count(a["times"], 1);
  fault.skip = count(a["skip"], 0);
  fault.status = static_cast<unsigned>(number(a["status"], 500));
  fault.code = a["code"].text();
  if (a["retry_after"].is_int()) fault.retry_after = static_cast<unsigned>(number(a["retry_after"]));
  fault.delay = net::Duration{a["delay_ms"].integer(0)};
  t.add_fault(std::move(fault));
  return fine();
}

net::HttpResponse set_options(TeamsStandIn& t, Json const& a) {
  auto& o = t.options();
  auto flag = [&](char const* name, bool& value) { value = a[name].boolean(value); };
  auto time = [&](char const* name, net::Duration& value) {
    if (auto const* ms = a[name].if_int()) value = net::Duration{*ms};
  };
  if (auto const* url = a["bot_endpoint"].if_string()) o.bot_endpoint = *url;
  if (auto const* path = a["bot_path"].if_string()) o.bot_path = *path;
  flag("limit_rates", o.limit_rates);
  flag("split_text_and_card", o.split_text_and_card);
  flag("refresh_cards", o.refresh_cards);
  flag("quirks", o.quirks);
  flag("relay_requires_authorization", o.relay_requires_authorization);
  flag("close_on_ping", o.close_on_ping);
  flag("fragment", o.fragment);
  flag("reuse_rendezvous", o.reuse_rendezvous);
  time("answer_limit_ms", o.answer_limit);
  time("card_answer_limit_ms", o.card_answer_limit);
  time("again_after_ms", o.again_after);
  time("new_id_after_ms", o.new_id_after);
  time("relay_answer_limit_ms", o.relay_answer_limit);
  time("relay_idle_limit_ms", o.relay_idle_limit);
  time("access_token_life_ms", o.access_token_life);
  time("connector_token_life_ms", o.connector_token_life);
  o.same_id_again = count(a["same_id_again"], o.same_id_again);
  o.control_channel_bytes = number(a["control_channel_bytes"], o.control_channel_bytes);
  o.max_message_bytes = number(a["max_message_bytes"], o.max_message_bytes);
  o.max_listeners = number(a["max_listeners"], o.max_listeners);
  return fine();
}

Acts<TeamsStandIn> const& looks() {
  static Acts<TeamsStandIn> const kLooks{
      {"world", world},
      {"state", [](auto& t, Json const& a) { return json_response(t.state(a["as"].text("alice"))); }},
      {"messages",
       shown("messages", [](auto& t, Json const& a) { return texts(t.messages(conversation_of(a), a["as"].text())); })},
      {"deliveries", shown("deliveries", [](auto& t, Json const&) { return objects(t.deliveries(), as_json); })},
      {"delivery",
       [](auto& t, Json const& a) {
         auto const* one = t.delivery(number(a["id"]));
         return one == nullptr ? refused("There is no such delivery.", 404)
                               : fine(Json::object({{"delivery", to_json(*one)}}));
       }},
      {"pings", shown("pings", [](auto& t, Json const&) { return objects(t.pings(), as_json); })},
      {"calls", shown("calls", [](auto& t, Json const&) { return objects(t.calls(), as_json); })},
      {"findings", shown("findings", [](auto& t, Json const&) { return texts(t.findings()); })},
      {"warnings", shown("warnings", [](auto& t, Json const& a) { return texts(t.warnings(a["user"].text())); })},
      {"dialog", shown("dialog", [](auto& t, Json const& a) { return t.dialog(a["user"].text()).value_or(Json()); })},
      {"bad-tokens", shown("names", [](auto&, Json const&) { return texts(TeamsStandIn::bad_tokens()); })},
      {"listeners",
       [](auto& t, Json const&) {
         return fine(Json::object({{"listeners", objects(t.listeners(), as_json)},
                                   {"upgrades", t.upgrades()},
                                   {"refused_accepts", t.refused_accepts()}}));
       }},
  };
  return kLooks;
}

Acts<TeamsStandIn> const& acts() {
  static Acts<TeamsStandIn> const kActs{
      {"click", click},
      {"say", say},
      {"deliver", deliver},
      {"fault", fault},
      {"options", set_options},
      {"edit",
       [](auto& t, Json const& a) {
         return with_id(t.edit(a["user"].text(), conversation_of(a), a["activity"].text(), a["text"].text()));
       }},
      {"remove",
       [](auto& t, Json const& a) {
         return with_id(t.remove(a["user"].text(), conversation_of(a), a["activity"].text()));
       }},
      {"react",
       [](auto& t, Json const& a) {
         return with_id(t.react(a["user"].text(), conversation_of(a), a["activity"].text(), a["reaction"].text("like"),
                                a["take_back"].boolean()));
       }},
      {"install",
       [](auto& t, Json const& a) {
         return with_id(t.install(a["user"].text(), a["conversation"].text(), a["action"].text("add")));
       }},
      {"refresh",
       [](auto& t, Json const& a) {
         return with_id(t.refresh(a["user"].text(), conversation_of(a), a["activity"].text(), number(a["age"])));
       }},
      {"submit-dialog", [](auto& t, Json const& a) { return with_id(t.submit_dialog(a["user"].text(), a["inputs"])); }},
      {"redeliver", [](auto& t, Json const& a) { return with_id(t.redeliver(number(a["id"]))); }},
      {"close-dialog", plain([](auto& t, Json const& a) { t.close_dialog(a["user"].text()); })},
      {"forget-view", plain([](auto& t, Json const& a) {
         t.forget_view(a["user"].text(), conversation_of(a), a["activity"].text());
       })},
      {"dismiss", plain([](auto& t, Json const& a) { t.dismiss(a["user"].text()); })},
      {"duplicate", plain([](auto& t, Json const& a) { t.duplicate_deliveries(count(a["count"], 1)); })},
      {"hold", plain([](auto& t, Json const&) { t.hold_deliveries(); })},
      {"release", plain([](auto& t, Json const& a) { t.release_deliveries(a["reverse"].boolean()); })},
      {"roll-keys", plain([](auto& t, Json const& a) { t.roll_keys(a["keep_old"].boolean(true)); })},
      {"choose", plain([](auto& t, Json const& a) { t.choose_listener(number(a["listener"])); })},
      {"close", plain([](auto& t, Json const& a) {
         t.close_listener(number(a["listener"]), static_cast<std::uint16_t>(number(a["code"], 1011)),
                          a["reason"].text("closed on demand"));
       })},
      {"kill", plain([](auto& t, Json const& a) { t.kill_listener(number(a["listener"])); })},
      {"silence", plain([](auto& t, Json const& a) { t.silence_listener(number(a["listener"])); })},
      {"refuse-listeners", plain([](auto& t, Json const& a) {
         t.refuse_listeners(count(a["count"], 1), static_cast<unsigned>(number(a["status"], 503)));
       })},
      {"accept", plain([](auto& t, Json const& a) { t.send_accept(number(a["listener"])); })},
      {"clear-faults", plain([](auto& t, Json const&) { t.clear_faults(); })},
      {"expire-access-tokens", plain([](auto& t, Json const&) { t.expire_access_tokens(); })},
  };
  return kActs;
}

}  // namespace

bool TeamsStandIn::only_looks(std::string_view what) { return looks().contains(what); }

net::HttpResponse TeamsStandIn::control(std::string_view what, Json const& arguments) {
  return run({&looks(), &acts()}, what, *this, arguments);
}

}  // namespace playground
