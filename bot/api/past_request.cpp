#include "bot/api/past_request.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/json_reader.hpp"

namespace api {

using core::Json;
using core::Phase;

namespace {

constexpr std::array<Phase, 4> kEnds{Phase::denied, Phase::expired, Phase::cancelled, Phase::voided};

constexpr std::size_t kMaxFile = 8u << 20;

Json parse(std::string_view bytes) {
  return core::parse_json(bytes, {.max_bytes = kMaxFile, .max_string = 4u << 20}).value();
}

void take_accepted(core::RequestState& request, core::ObjectReader reader) {
  request.requester = core::read_actor(reader.object("requester"));
  request.initiator = reader.text_or_null("initiator");
  request.runbook = reader.text("runbook");
  request.parameters = reader.text_map("parameters");
  request.reason = reader.text("reason");
  request.labels = reader.text_map("labels");
  request.channels = reader.texts("channels");
  request.accepted_at = reader.time("time");
}

void take_opened(core::RequestState& request, Json const& main, std::string_view bytes) {
  request.bound = core::request_from_json(main).value();
  request.binding = core::digest_of(bytes);
  // Of the policy's text the API tells whom it needs.
  request.pinned = core::Policy{.name = request.bound->policy, .request = {}, .approve = request.bound->needs};
  request.phase = Phase::pending;
}

void take_vote(core::RequestState& request, Json const& json) {
  if (json.is_null()) return;  // a decision without one
  request.votes.push_back(core::entries::read_vote(json).value());
}

void take_decision(PastRequest& past, core::Actor const& actor, Json const& main) {
  core::ObjectReader reader(main, "decision.json");
  auto& request = past.request;
  request.decision = core::Decision{.verdict = reader.text("verdict"),
                                    .actor = actor,
                                    .by = reader.texts("by"),
                                    .at = reader.time("time"),
                                    .reason = reader.text("reason")};
  take_vote(request, reader.any("vote"));
  if (auto const* needs = main["needs"].if_array(); needs && !needs->empty()) past.needs = main["needs"];
  request.phase = Phase::approved;
  for (auto const end : kEnds) {
    if (request.decision->verdict == core::to_string(end)) request.phase = end;
  }
}

void take_end(core::RequestState& request, Json const& main) {
  core::ObjectReader reader(main, "run.json");
  auto run = request.run.value_or(core::RunState{});
  run.finished_at = reader.time("time");
  auto result = reader.object("result");
  static constexpr std::array<Phase, 3> kHow{Phase::succeeded, Phase::failed, Phase::interrupted};
  request.phase = kHow.at(result.word("state", {"succeeded", "failed", "interrupted"}));
  run.cause = result.text_or_null("cause");
  if (result.has("exit_code")) run.exit_code = result.signed_integer("exit_code");
  request.run = std::move(run);
}

void take(PastRequest& past, core::StoredEntry const& stored) {
  auto const& entry = stored.entry;
  auto& request = past.request;
  if (entry.files.empty()) return;
  auto const main = parse(entry.files.front().bytes);
  if (entry.kind == "request.accepted") {
    take_accepted(request, {main, "accepted.json"});
  } else if (entry.kind == "request.opened") {
    take_opened(request, main, entry.files.front().bytes);
  } else if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn") {
    take_vote(request, main);
  } else if (entry.kind == "run.started") {
    request.run = core::RunState{.started_at = core::ObjectReader(main, "started.json").time("time")};
    request.phase = Phase::running;
  } else if (entry.kind == "run.finished") {
    take_end(request, main);
  } else if (main["verdict"].if_string() && entry.kind == "request." + main["verdict"].text()) {
    take_decision(past, entry.actor, main);
  }
  if (core::is_turning_point(entry.kind)) request.last_commit = stored.commit;
}

}  // namespace

core::Result<PastRequest> past_request(std::vector<core::StoredEntry> const& entries) {
  if (entries.empty() || entries.front().entry.kind != "request.accepted")
    return core::make_error(core::Errc::not_found, "the ledger has no such request");
  auto past = core::read_strictly("a request", [&] {
    PastRequest read{.request = {.id = core::RequestId::parse(entries.front().entry.request_id).value()}};
    for (auto const& stored : entries) take(read, stored);
    return read;
  });
  if (past && (!core::is_final(past->request.phase) || !past->request.decision))
    return core::make_error(core::Errc::not_found, "the request is not over");
  return past;
}

core::Result<core::RequestState> past_ask(core::RequestId const& id, std::string_view accepted,
                                          std::optional<std::string_view> opened) {
  return core::read_strictly("a request", [&] {
    core::RequestState request{.id = id};
    take_accepted(request, {parse(accepted), "accepted.json"});
    if (opened) take_opened(request, parse(*opened), *opened);
    return request;
  });
}

void PastRequests::find(core::RequestId const& id, Ask ask) {
  auto const known = waiting_.find(id);
  auto const share = of_caller_.find(ask.caller);
  if ((known == waiting_.end() && waiting_.size() >= kMaxPastReadings) ||
      (share != of_caller_.end() && share->second >= kMaxPastOfCaller))
    return ask.done(core::make_error(core::Errc::unavailable, "too many old requests are asked for at once"));
  ++of_caller_[ask.caller];
  waiting_[id].push_back(std::move(ask));
  if (known != waiting_.end()) return;
  to_read_.push_back(id);
  read_next();
}

void PastRequests::read_next() {
  if (reading_ || to_read_.empty()) return;
  auto const id = to_read_.front();
  to_read_.pop_front();
  reading_ = true;
  // Both in any case, so that a clock tells nothing of what is absent and what is not theirs (T44).
  auto const alive = std::weak_ptr<bool>(alive_);
  papers_.read(id.folder() + "/accepted.json", kMaxFile, [this, id, alive](core::Result<std::string> const& accepted) {
    if (alive.expired()) return;
    papers_.read(id.folder() + "/request.json", kMaxFile,
                 [this, id, alive, accepted](core::Result<std::string> const& opened) {
                   if (!alive.expired()) looked(id, accepted, opened);
                 });
  });
}

void PastRequests::looked(core::RequestId const& id, core::Result<std::string> const& accepted,
                          core::Result<std::string> const& opened) {
  auto const there = [](auto const& file) { return file || file.error().code != core::Errc::not_found; };
  if (!there(accepted)) return answer(id, Found());
  if (!accepted) return answer(id, accepted.error());
  if (!opened && there(opened)) return answer(id, opened.error());
  auto const ask = past_ask(id, *accepted, opened ? std::optional<std::string_view>(*opened) : std::nullopt);
  if (!ask) return answer(id, ask.error());
  if (std::ranges::none_of(waiting_.at(id), [&](auto const& one) { return one.may(*ask); })) return answer(id, Found());
  history_(
      id, "",
      [this, id, alive = std::weak_ptr<bool>(alive_)](core::Result<std::vector<core::StoredEntry>> const& entries) {
        if (alive.expired()) return;
        if (!entries) return answer(id, entries.error());
        auto past = past_request(*entries);
        if (past) return answer(id, std::make_shared<PastRequest const>(std::move(*past)));
        if (past.error().code == core::Errc::not_found) return answer(id, Found());
        answer(id, past.error());
      });
}

void PastRequests::answer(core::RequestId const& id, core::Result<Found> const& found) {
  reading_ = false;
  auto const waiting = std::move(waiting_.extract(id).mapped());
  for (auto const& one : waiting) {
    auto const share = of_caller_.find(one.caller);
    if (--share->second == 0) of_caller_.erase(share);
  }
  for (auto const& one : waiting) {
    bool const hidden = found && *found && !one.may((*found)->request);
    one.done(hidden ? core::Result<Found>(Found()) : found);
  }
  read_next();
}

}  // namespace api
