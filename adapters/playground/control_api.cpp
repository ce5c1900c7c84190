// The stand-in's controls over HTTP: a name and JSON arguments. README.md lists them.
#include <algorithm>
#include <functional>
#include <map>

#include "adapters/playground/same_origin.hpp"
#include "adapters/playground/slack_impl.hpp"

namespace playground {

using core::Json;

namespace {

net::HttpResponse fine(Json members = Json(Json::Object{})) {
  members.set("ok", true);
  return json_response(members);
}
net::HttpResponse refused(std::string const& why, unsigned status = 200) {
  return json_response(Json::object({{"ok", false}, {"error", why}}), status);
}

// Numbers come as strings from a query.
std::uint64_t number(Json const& value, std::uint64_t otherwise = 0) {
  if (auto const* n = value.if_int()) return *n < 0 ? 0 : static_cast<std::uint64_t>(*n);
  auto const text = value.text();
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return otherwise;
  return std::stoull(text);
}
int count(Json const& value, int otherwise) { return static_cast<int>(value.integer(otherwise)); }

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

template <class List, class Convert>
Json list_of(List const& list, Convert convert) {
  auto out = Json::array();
  for (auto const& one : list) out.push(convert(one));
  return out;
}
auto const as_json = [](auto const& one) { return to_json(one); };
auto const as_is = [](auto const& one) { return Json(one); };

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

net::HttpResponse with_id(core::Result<std::uint64_t> const& result) {
  return result ? fine(Json::object({{"interaction", *result}})) : refused(result.error().message);
}

using Act = std::function<net::HttpResponse(SlackStandIn&, Json const&)>;

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

std::map<std::string, Act, std::less<>> const& acts() {
  static std::map<std::string, Act, std::less<>> const kActs{
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
       [](auto& s, Json const& a) {
         return fine(Json::object({{"messages", list_of(s.messages(a["channel"].text("C0INC")), as_is)}}));
       }},
      {"interactions",
       [](auto& s, Json const&) {
         return fine(Json::object({{"interactions", list_of(s.interactions(), as_json)}}));
       }},
      {"interaction",
       [](auto& s, Json const& a) {
         auto const* one = s.interaction(number(a["id"]));
         return one == nullptr ? refused("There is no such interaction.", 404)
                               : fine(Json::object({{"interaction", to_json(*one)}}));
       }},
      {"pings",
       [](auto& s, Json const&) {
         return fine(Json::object({{"pings", list_of(s.pings(), as_json)}}));
       }},
      {"calls",
       [](auto& s, Json const&) {
         return fine(Json::object({{"calls", list_of(s.calls(), as_json)}}));
       }},
      {"findings",
       [](auto& s, Json const&) {
         return fine(Json::object({{"findings", list_of(s.findings(), as_is)}}));
       }},
      {"sockets",
       [](auto& s, Json const&) {
         return fine(Json::object(
             {{"sockets", list_of(s.sockets(), as_json)}, {"hellos", s.hellos()}, {"least", s.least_sockets()}}));
       }},
      {"modals",
       [](auto& s, Json const& a) {
         return fine(Json::object({{"modals", list_of(s.modals(a["user"].text()), as_is)}}));
       }},
      {"warnings",
       [](auto& s, Json const& a) {
         return fine(Json::object({{"warnings", list_of(s.warnings(a["user"].text()), as_is)}}));
       }},
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
         auto const ts = s.say(a["user"].text(), a["channel"].text("C0INC"), a["text"].text(), a["thread_ts"].text());
         return ts ? fine(Json::object({{"ts", *ts}})) : refused(ts.error().message);
       }},
      {"dismiss",
       [](auto& s, Json const& a) {
         s.dismiss(a["user"].text());
         return fine();
       }},
      {"deliver",
       [](auto& s, Json const& a) {
         return fine(Json::object({{"interaction", s.deliver(a["type"].text("interactive"), a["payload"])}}));
       }},
      {"redeliver", [](auto& s, Json const& a) { return with_id(s.redeliver(number(a["id"]))); }},
      {"duplicate",
       [](auto& s, Json const& a) {
         s.duplicate_envelopes(count(a["count"], 1));
         return fine();
       }},
      {"hold",
       [](auto& s, Json const&) {
         s.hold_envelopes();
         return fine();
       }},
      {"release",
       [](auto& s, Json const& a) {
         s.release_envelopes(a["reverse"].boolean());
         return fine();
       }},
      {"choose", choose},
      {"disconnect",
       [](auto& s, Json const& a) {
         s.disconnect(number(a["socket"]), a["reason"].text("refresh_requested"),
                      net::Duration{a["close_in_ms"].integer(10'000)});
         return fine();
       }},
      {"kill",
       [](auto& s, Json const& a) {
         s.kill_tcp(number(a["socket"]));
         return fine();
       }},
      {"half-open",
       [](auto& s, Json const& a) {
         s.half_open(number(a["socket"]));
         return fine();
       }},
      {"refuse-upgrades",
       [](auto& s, Json const& a) {
         s.refuse_upgrades(count(a["count"], 1), static_cast<unsigned>(number(a["status"], 409)));
         return fine();
       }},
      {"mark-sockets",
       [](auto& s, Json const&) {
         s.mark_sockets();
         return fine();
       }},
      {"fault", fault},
      {"clear-faults",
       [](auto& s, Json const&) {
         s.clear_faults();
         return fine();
       }},
      {"options", set_options},
  };
  return kActs;
}

}  // namespace

bool SlackStandIn::only_looks(std::string_view what) {
  static constexpr std::string_view kLooks[] = {"state", "world",    "messages", "interactions", "interaction", "pings",
                                                "calls", "findings", "sockets",  "modals",       "warnings"};
  return std::find(std::begin(kLooks), std::end(kLooks), what) != std::end(kLooks);
}

net::HttpResponse SlackStandIn::control(std::string_view what, Json const& arguments) {
  auto const found = acts().find(what);
  return found == acts().end() ? refused("There is no such control.", 404) : found->second(*this, arguments);
}

}  // namespace playground
