#include "bot/engine/side.hpp"

#include "bot/core/json_reader.hpp"

namespace engine {

using core::Json;

std::string write_side(core::Event const& event) {
  auto json = Json::object({{"schema", 1}, {"at", core::format_time(event.at)}});
  if (auto const* vote = std::get_if<core::VoteCast>(&event.what)) {
    json.set("what", vote->verdict == core::Verdict::withdraw ? "withdraw" : "deny")
        .set("platform", vote->platform)
        .set("account", vote->account)
        .set("channel", vote->channel)
        .set("request", vote->request)
        .set("binding", vote->binding);
    json.set("note", vote->note)
        .set("via", vote->via)
        .set("rendering", vote->rendering)
        .set("envelope", vote->envelope)
        .set("delivery", vote->delivery)
        .set("foreign", vote->foreign);
  } else if (auto const* cancel = std::get_if<core::CancelAsked>(&event.what)) {
    json.set("what", "cancel")
        .set("by", core::actor_json(cancel->by))
        .set("platform", cancel->platform)
        .set("account", cancel->account)
        .set("channel", cancel->channel)
        .set("request", cancel->request)
        .set("reason", cancel->reason);
  }
  return core::dump(json);
}

core::Result<core::Event> parse_side(std::string_view line) {
  auto const json = core::parse_json(line);
  if (!json) return json.error();
  return core::read_strictly("a line of the side file", [&]() -> core::Event {
    core::ObjectReader reader(*json, "side file");
    reader.schema(1);
    core::Event event{.at = reader.time("at"), .what = core::Tick{}};
    if (auto const what = reader.word("what", {"deny", "cancel", "withdraw"}); what != 1) {
      core::VoteCast vote{.verdict = what == 0 ? core::Verdict::deny : core::Verdict::withdraw};
      vote.platform = reader.text("platform");
      vote.account = reader.text("account");
      vote.channel = reader.text("channel");
      vote.request = reader.text("request");
      vote.binding = reader.text("binding");
      vote.note = reader.text("note");
      vote.via = reader.text("via");
      vote.rendering = reader.text("rendering");
      vote.envelope = reader.text("envelope");
      vote.delivery = reader.text("delivery");
      vote.foreign = reader.text("foreign");
      event.what = std::move(vote);
    } else {
      core::CancelAsked cancel;
      cancel.by = core::read_actor(reader.object("by"));
      cancel.platform = reader.text("platform");
      cancel.account = reader.text("account");
      cancel.channel = reader.text("channel");
      cancel.request = reader.text("request");
      cancel.reason = reader.text("reason");
      event.what = std::move(cancel);
    }
    reader.done();
    return event;
  });
}

}  // namespace engine
