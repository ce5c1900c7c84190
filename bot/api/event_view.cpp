#include "bot/api/event_view.hpp"

#include <array>
#include <utility>

#include "bot/core/state.hpp"
#include "bot/core/time.hpp"

namespace api {

using core::Json;

namespace {

Json vote_view(Json const& vote) {
  return Json::object(
      {{"person", vote["person"]}, {"verdict", vote["verdict"]}, {"at", vote["time"]}, {"platform", vote["platform"]}});
}

Json decision_view(core::Entry const& entry, Json const& main) {
  Json by = main["by"];
  if (!by.if_array() || by.if_array()->empty()) by = Json::array({entry.actor.str()});
  return Json::object({{"verdict", main["verdict"]},
                       {"by", std::move(by)},
                       {"at", core::format_time(entry.time)},
                       {"reason", main["reason"]}});
}

std::string state_after(core::Entry const& entry, Json const& main) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kStates{
      {{"request.accepted", "collecting"},
       {"request.opened", "pending"},
       {"request.approved", "approved"},
       {"request.denied", "denied"},
       {"request.expired", "expired"},
       {"request.cancelled", "cancelled"},
       {"request.voided", "voided"},
       {"run.started", "running"}}};
  for (auto const& [kind, state] : kStates) {
    if (entry.kind == kind) return std::string(state);
  }
  return entry.kind == "run.finished" ? main["result"]["state"].text() : std::string();
}

}  // namespace

RequestEvent event_of(core::Entry const& entry, core::Receipt const& receipt) {
  RequestEvent event{.seq = receipt.seq, .kind = entry.kind, .data = {}, .state = {}};
  auto const parsed = entry.files.empty() ? core::Result<Json>(Json())
                                          : core::parse_json(entry.files.front().bytes, {.max_bytes = 8u << 20});
  auto const main = parsed ? *parsed : Json();
  event.state = state_after(entry, main);
  event.final = event.state == "succeeded" || event.state == "failed" || event.state == "interrupted" ||
                event.state == "denied" || event.state == "expired" || event.state == "cancelled" ||
                event.state == "voided";
  event.data = Json::object({{"id", entry.request_id},
                             {"kind", entry.kind},
                             {"at", core::format_time(entry.time)},
                             {"by", entry.actor.str()},
                             {"commit", receipt.commit}});
  if (entry.kind == "request.opened") {
    event.data.set("expires_at", main["expires_at"]);
  } else if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn") {
    event.data.set("vote", vote_view(main));
  } else if (entry.kind == "vote.refused") {
    event.data.set("reason", main["reason"]);
  } else if (main["verdict"].if_string() && entry.kind.starts_with("request.")) {
    event.data.set("decision", decision_view(entry, main)).set("needs", main["needs"]);
    if (main["vote"].if_object()) event.data.set("vote", vote_view(main["vote"]));
  } else if (entry.kind == "request.post_intent" || entry.kind == "request.posted") {
    event.data.set("platform", main["platform"]);
  } else if (entry.kind == "run.started") {
    event.data.set("run", Json::object({{"state", event.state},
                                        {"cause", Json()},
                                        {"exit_code", Json()},
                                        {"started_at", core::format_time(entry.time)},
                                        {"finished_at", Json()}}));
  } else if (entry.kind == "run.finished") {
    auto const& result = main["result"];
    auto const cause = result["cause"].text();
    event.data.set("run", Json::object({{"state", event.state},
                                        {"cause", cause.empty() ? Json() : Json(cause)},
                                        {"exit_code", result["exit_code"]},
                                        {"started_at", Json()},  // filled in by who knows the start
                                        {"finished_at", core::format_time(entry.time)}}));
  }
  return event;
}

std::string event_text(RequestEvent const& event, std::string const& state) {
  auto data = event.data;
  data.set("state", state);
  return "id: " + std::to_string(event.seq) + "\nevent: " + event.kind + "\ndata: " + core::dump(data) + "\n\n";
}

}  // namespace api
