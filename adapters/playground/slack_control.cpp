// The stand-in's controls over HTTP: a name and JSON arguments. README.md lists them.
#include <map>

#include "adapters/playground/control_parts.hpp"
#include "adapters/playground/slack_impl.hpp"

namespace playground {

using core::Json;

namespace {

using namespace control;

char const* word(Interaction::State state) {
  switch (state) {
    case Interaction::State::sent: return "sent";
    case Interaction::State::acked: return "acked";
    case Interaction::State::not_acked: return "not_acked";
    case Interaction::State::undelivered: return "undelivered";
  }
  return "";
}

Json to_json(Interaction const& one) {
  return Json::object({{"id", one.id},
                       {"kind", one.kind},
                       {"user", one.user},
                       {"envelope_id", one.envelope_id},
                       {"socket", one.socket},
                       {"state", word(one.state)},
                       {"deliveries", one.deliveries},
                       {"acks", one.acks},
                       {"ack_ms", std::int64_t{one.ack_time.count()}},
                       {"payload", one.payload},
                       {"answer", one.answer},
                       {"trigger_id", one.trigger_id},
                       {"response_url", one.response_url}});
}

Json to_json(Ping const& ping) {
  auto people = Json::array();
  for (auto const& id : ping.people) people.push(id);
  return Json::object({{"channel", ping.channel},
                       {"ts", ping.ts},
                       {"kind", ping.kind},
                       {"target", ping.target},
                       {"where", ping.where},
                       {"update", ping.update},
                       {"ephemeral", ping.ephemeral},
                       {"people", people}});
}

Json to_json(SocketInfo const& one) {
  return Json::object({{"id", one.id},
                       {"ready", one.ready},
                       {"draining", one.draining},
                       {"half_open", one.half_open},
                       {"unacked", std::uint64_t{one.unacked}},
                       {"delivered", one.delivered},
                       {"pings", one.pings},
                       {"pongs", one.pongs}});
}

Json to_json(ApiCall const& call) {
  return Json::object({{"method", call.method},
                       {"arguments", call.arguments},
                       {"status", call.status},
                       {"answer", call.answer},
                       {"at", core::format_time(call.at)}});
}

auto const as_json = [](auto const& one) { return to_json(one); };

std::optional<Fault::Kind> fault_kind(std::string const& text) {
  static std::map<std::string, Fault::Kind> const kKinds{{"status", Fault::Kind::status},
                                                         {"status_after_done", Fault::Kind::status_after_done},
                                                         {"cut", Fault::Kind::cut},
                                                         {"cut_after_done", Fault::Kind::cut_after_done},
                                                         {"hang", Fault::Kind::hang},
                                                         {"hang_after_done", Fault::Kind::hang_after_done},
                                                         {"slow", Fault::Kind::slow},
                                                         {"slow_answer", Fault::Kind::slow_answer},
                                                         {"rate_limit", Fault::Kind::rate_limit},
                                                         {"error", Fault::Kind::error}};
  auto const found = kKinds.find(text);
  return found == kKinds.end() ? std::nullopt : std::optional(found->second);
}

net::HttpResponse with_id(core::Result<std::uint64_t> const& result) { return made("interaction", result); }

net::HttpResponse click(SlackStandIn& slack, Json const& a) {
  Click click;
  click.user = a["user"].text();
  click.channel = a["channel"].text();
  click.ts = a["ts"].text();
  click.action_id = a["action_id"].text();
  if (auto const* value = a["value"].if_string()) click.value = *value;
  click.patch = a["patch"];
  return with_id(slack.click(click));
}

net::HttpResponse fault(SlackStandIn& slack, Json const& a) {
  auto const kind = fault_kind(a["kind"].text("status"));
  if (!kind) return refused("There is no fault of that kind.");
  Fault fault;
  fault.method = a["method"].text("*");
  fault.kind = *kind;
  fault.times = count(a["times"], 1);
  fault.skip = count(a["skip"], 0);
  fault.status = static_cast<unsigned>(number(a["status"], 500));
  fault.retry_after = static_cast<unsigned>(number(a["retry_after"], 1));
  fault.delay = net::Duration{a["delay_ms"].integer(0)};
  fault.error = a["error"].text("internal_error");
  slack.add_fault(std::move(fault));
  return fine();
}

net::HttpResponse choose(SlackStandIn& slack, Json const& a) {
  auto const which = a["choice"].text();
  if (which == "oldest") {
    slack.choose(SlackStandIn::Choice::oldest);
  } else if (which == "newest") {
    slack.choose(SlackStandIn::Choice::newest);
  } else {
    slack.choose(SlackStandIn::Choice::at_random);
  }
  slack.choose_socket(number(a["socket"]));
  return fine();
}

net::HttpResponse set_options(SlackStandIn& slack, Json const& a) {
  auto& options = slack.options();
  options.limit_posts = a["limit_posts"].boolean(options.limit_posts);
  options.limit_tiers = a["limit_tiers"].boolean(options.limit_tiers);
  if (auto const* ms = a["ack_limit_ms"].if_int()) options.ack_limit = net::Duration{*ms};
  if (auto const* ms = a["trigger_life_ms"].if_int()) options.trigger_life = net::Duration{*ms};
  if (auto const* groups = a["usergroups_available"].if_bool()) slack.world().usergroups_available = *groups;
  return fine();
}

Acts<SlackStandIn> const& looks() {
  static Acts<SlackStandIn> const kLooks{
      {"state", [](auto& s, Json const& a) { return json_response(s.state(a["as"].text("U0ALICE"))); }},
      {"world",
       [](auto& s, Json const&) {
         auto const& w = s.world();
         return fine(Json::object({{"api_url", s.api_url()},
                                   {"app_token", w.app_token},
                                   {"bot_token", w.bot_token},
                                   {"team_id", w.team_id},
                                   {"app_id", w.app_id},
                                   {"bot_user_id", w.bot_user_id}}));
       }},
      {"messages",
       shown("messages", [](auto& s, Json const& a) { return texts(s.messages(a["channel"].text("C0INC"))); })},
      {"interactions", shown("interactions", [](auto& s, Json const&) { return objects(s.interactions(), as_json); })},
      {"interaction",
       [](auto& s, Json const& a) {
         auto const* one = s.interaction(number(a["id"]));
         return one == nullptr ? refused("There is no such interaction.", 404)
                               : fine(Json::object({{"interaction", to_json(*one)}}));
       }},
      {"pings", shown("pings", [](auto& s, Json const&) { return objects(s.pings(), as_json); })},
      {"calls", shown("calls", [](auto& s, Json const&) { return objects(s.calls(), as_json); })},
      {"findings", shown("findings", [](auto& s, Json const&) { return texts(s.findings()); })},
      {"sockets",
       [](auto& s, Json const&) {
         return fine(Json::object(
             {{"sockets", objects(s.sockets(), as_json)}, {"hellos", s.hellos()}, {"least", s.least_sockets()}}));
       }},
      {"modals", shown("modals", [](auto& s, Json const& a) { return texts(s.modals(a["user"].text())); })},
      {"warnings", shown("warnings", [](auto& s, Json const& a) { return texts(s.warnings(a["user"].text())); })},
  };
  return kLooks;
}

Acts<SlackStandIn> const& acts() {
  static Acts<SlackStandIn> const kActs{
      {"click", click},
      {"slash",
       [](auto& s, Json const& a) {
         return with_id(s.slash(a["user"].text(), a["channel"].text("C0INC"), a["command"].text("/countersign"),
                                a["text"].text()));
       }},
      {"submit",
       [](auto& s, Json const& a) {
         return with_id(s.submit(a["user"].text(), a["values"], a["force"].boolean(), a["patch"]));
       }},
      {"close", [](auto& s, Json const& a) { return with_id(s.close_modal(a["user"].text(), a["all"].boolean())); }},
      {"say",
       [](auto& s, Json const& a) {
         return made("ts",
                     s.say(a["user"].text(), a["channel"].text("C0INC"), a["text"].text(), a["thread_ts"].text()));
       }},
      {"dismiss", plain([](auto& s, Json const& a) { s.dismiss(a["user"].text()); })},
      {"deliver", shown("interaction",
                        [](auto& s, Json const& a) { return s.deliver(a["type"].text("interactive"), a["payload"]); })},
      {"redeliver", [](auto& s, Json const& a) { return with_id(s.redeliver(number(a["id"]))); }},
      {"duplicate", plain([](auto& s, Json const& a) { s.duplicate_envelopes(count(a["count"], 1)); })},
      {"hold", plain([](auto& s, Json const&) { s.hold_envelopes(); })},
      {"release", plain([](auto& s, Json const& a) { s.release_envelopes(a["reverse"].boolean()); })},
      {"choose", choose},
      {"disconnect",
       [](auto& s, Json const& a) {
         s.disconnect(number(a["socket"]), a["reason"].text("refresh_requested"),
                      net::Duration{a["close_in_ms"].integer(10'000)});
         return fine();
       }},
      {"kill", plain([](auto& s, Json const& a) { s.kill_tcp(number(a["socket"])); })},
      {"half-open", plain([](auto& s, Json const& a) { s.half_open(number(a["socket"])); })},
      {"refuse-upgrades", plain([](auto& s, Json const& a) {
         s.refuse_upgrades(count(a["count"], 1), static_cast<unsigned>(number(a["status"], 409)));
       })},
      {"mark-sockets", plain([](auto& s, Json const&) { s.mark_sockets(); })},
      {"fault", fault},
      {"clear-faults", plain([](auto& s, Json const&) { s.clear_faults(); })},
      {"options", set_options},
  };
  return kActs;
}

}  // namespace

bool SlackStandIn::only_looks(std::string_view what) { return looks().contains(what); }

net::HttpResponse SlackStandIn::control(std::string_view what, Json const& arguments) {
  return run({&looks(), &acts()}, what, *this, arguments);
}

}  // namespace playground
