#include "bot/api/past_request.hpp"

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
  auto const main =
      core::parse_json(entry.files.front().bytes, {.max_bytes = 8u << 20, .max_string = 4u << 20}).value();
  if (entry.kind == "request.accepted") {
    take_accepted(request, {main, "accepted.json"});
  } else if (entry.kind == "request.opened") {
    request.bound = core::request_from_json(main).value();
    request.binding = core::digest_of(entry.files.front().bytes);
    // Of the policy's text the API tells whom it needs.
    request.pinned = core::Policy{.name = request.bound->policy, .request = {}, .approve = request.bound->needs};
    request.phase = Phase::pending;
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

void PastRequests::find(core::RequestId const& id, std::function<void(core::Result<Found>)> done) {
  auto const known = waiting_.find(id);
  if (known == waiting_.end() && waiting_.size() >= kMaxPastReadings)
    return done(core::make_error(core::Errc::unavailable, "too many old requests are asked for at once"));
  waiting_[id].push_back(std::move(done));
  if (known != waiting_.end()) return;
  to_read_.push_back(id);
  read_next();
}

void PastRequests::read_next() {
  if (reading_ || to_read_.empty()) return;
  auto const id = to_read_.front();
  to_read_.pop_front();
  reading_ = true;
  history_(
      id, "",
      [this, id, alive = std::weak_ptr<bool>(alive_)](core::Result<std::vector<core::StoredEntry>> const& entries) {
        if (alive.expired()) return;
        core::Result<Found> found = Found();
        if (!entries) {
          found = entries.error();
        } else if (auto past = past_request(*entries)) {
          found = std::make_shared<PastRequest const>(std::move(*past));
        } else if (past.error().code != core::Errc::not_found) {
          found = past.error();
        }
        reading_ = false;
        auto const waiting = std::move(waiting_.extract(id).mapped());
        for (auto const& done : waiting) done(found);
        read_next();
      });
}

}  // namespace api
