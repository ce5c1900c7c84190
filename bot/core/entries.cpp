#include "bot/core/entries.hpp"

#include <cstdio>

#include "bot/core/digest.hpp"
#include "bot/core/json_reader.hpp"
#include "bot/core/text.hpp"

namespace core::entries {

namespace {

std::string four_digits(std::uint32_t number) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%04u", number);
  return buffer;
}

// Text of others reaches entries by many ways (a platform's ids, a runner's report, a collector's error). Whatever it
// is, an entry must be readable JSON: a string that can't stand there is shown with escapes. Only strings that are
// broken are touched. The depth is that of values which parse_json or our own code built.
Json readable(Json json) {
  if (auto const* text = json.if_string()) {
    if (text->find('\0') != std::string::npos || !is_utf8(*text)) return visible_text(*text);
    return json;
  }
  if (auto* array = json.if_array()) {
    for (auto& item : *array) item = readable(std::move(item));
  } else if (auto* object = json.if_object()) {
    for (auto& [key, value] : *object) value = readable(std::move(value));
  }
  return json;
}

// What every main JSON file begins with.
Json head(std::string_view kind, Time at, Actor const& actor) {
  return Json::object({{"schema", 1}, {"kind", kind}, {"time", format_time(at)}, {"actor", actor.str()}});
}

Json strings(std::vector<std::string> const& items) { return Json::Array(items.begin(), items.end()); }
Json strings(std::set<std::string> const& items) { return Json::Array(items.begin(), items.end()); }

Json map_json(std::map<std::string, std::string> const& map) {
  Json::Object object;
  for (auto const& [key, value] : map) object.emplace(key, value);
  return object;
}

// "restart-service service=web": how the register names what a request is about.
std::string action_words(RequestState const& request) {
  std::string words = request.runbook;
  for (auto const& [name, value] : request.parameters) words.append(" ").append(name).append("=").append(value);
  return one_line(words, 80);
}

std::string subject(std::string_view verb, RequestState const& request, std::string_view by = {}) {
  std::string line(verb);
  line.append(" ").append(action_words(request)).append(" (").append(request.id.str()).append(")");
  if (!by.empty()) line.append(" by ").append(by);
  return line;
}

Entry entry_of(RequestState const& request, std::string kind, Actor actor, Time at, std::string line, std::string file,
               Json const& json) {
  Entry entry{.kind = std::move(kind),
              .case_id = request.id.case_id().str(),
              .request_id = request.id.str(),
              .actor = std::move(actor),
              .time = at,
              .subject = std::move(line),
              .files = {}};
  entry.files.push_back({request.id.folder() + "/" + file, dump_pretty(readable(json))});
  return entry;
}

Json head_of(std::string_view kind, Time at, Actor const& actor, RequestState const& request) {
  return head(kind, at, actor).set("case", request.id.case_id().str()).set("request", request.id.str());
}

Entry service_entry(Time at, std::uint32_t counter, std::string kind, Actor const& actor, std::string line,
                    Json const& json) {
  Entry entry{.kind = std::move(kind),
              .case_id = {},
              .request_id = {},
              .actor = actor,
              .time = at,
              .subject = std::move(line),
              .files = {}};
  entry.files.push_back({service_path(at, counter), dump_pretty(readable(json))});
  return entry;
}

Json vote_json(RequestState const& request, Vote const& vote, std::string_view kind, std::string const& delivery) {
  auto json = head_of(kind, vote.at, Actor::person(vote.person), request);
  json.set("binding", request.binding)
      .set("verdict", to_string(vote.verdict))
      .set("person", vote.person)
      .set("groups", strings(vote.groups));
  json.set("platform", vote.platform).set("account", vote.account).set("note", vote.note).set("via", vote.via);
  json.set("rendering", vote.rendering)
      .set("envelope", vote.envelope)
      .set("delivery", delivery)
      .set("number", vote.number);
  if (vote.verdict == Verdict::withdraw) json.set("schema", 2).set("repeats", strings(vote.repeats));
  return json;
}

std::string vote_file(std::uint32_t number, std::string_view verb, std::string_view person) {
  return "votes/" + four_digits(number) + "-" + std::string(verb) + "-" + std::string(person) + ".json";
}

Json manifest_items(std::vector<ManifestItem> const& items) {
  Json::Array array;
  for (auto const& item : items) {
    array.push_back(Json::object({{"name", item.name},
                                  {"file", item.file},
                                  {"sha256", item.sha256},
                                  {"media_type", item.media_type},
                                  {"error", item.error},
                                  {"bytes", item.bytes}}));
  }
  return array;
}

Json refusal_json(Json json, Refusal const& refusal) {
  json.set("platform", refusal.platform)
      .set("account", refusal.account)
      .set("verdict", refusal.verdict)
      .set("reason", refusal.reason);
  json.set("via", refusal.via)
      .set("envelope", refusal.envelope)
      .set("delivery", refusal.delivery)
      .set("folded", refusal.folded);
  return json;
}

}  // namespace

std::string service_path(Time at, std::uint32_t counter) {
  return "service/" + counter_folder(format_day(at), counter) + "/" + six_digits(counter) + ".json";
}

Entry service_started(Time at, std::uint32_t counter, std::string const& version, std::string const& commit,
                      std::string const& config_digest) {
  auto json = head("service.started", at, Actor::service())
                  .set("version", version)
                  .set("commit", commit)
                  .set("config", config_digest);
  return service_entry(at, counter, "service.started", Actor::service(), "service started, version " + version, json);
}

Entry service_stopped(Time at, std::uint32_t counter) {
  return service_entry(at, counter, "service.stopped", Actor::service(), "service stopped",
                       head("service.stopped", at, Actor::service()));
}

Entry ledger_recovered(Time at, std::uint32_t counter, std::vector<std::string> const& dropped) {
  auto json = head("ledger.recovered", at, Actor::service()).set("dropped", strings(dropped));
  return service_entry(
      at, counter, "ledger.recovered", Actor::service(),
      "ledger recovered after a failed fsync, " + std::to_string(dropped.size()) + " unacknowledged dropped", json);
}

Entry config_loaded(Time at, std::uint32_t counter, std::string const& config_bytes, bool with_file) {
  auto const digest = digest_of(config_bytes);
  auto const file = "config/" + digest.substr(7) + ".json";
  auto json = head("config.loaded", at, Actor::service()).set("config", digest).set("file", file);
  auto entry = service_entry(at, counter, "config.loaded", Actor::service(),
                             "configuration loaded " + digest.substr(7, 12), json);
  if (with_file) entry.files.push_back({file, config_bytes});
  return entry;
}

Entry groups_read(Time at, std::uint32_t counter, std::string const& group, GroupSource const& source,
                  std::optional<GroupMembers> const& read) {
  auto json = head("groups.read", at, Actor::service());
  json.set("group", group).set("platform", source.platform).set("id", source.id);
  json.set("asked_at", read ? Json(format_time(read->asked_at)) : Json())
      .set("members", read ? strings(read->members) : Json())
      .set("strangers", read ? read->strangers : 0U);
  return service_entry(at, counter, "groups.read", Actor::service(),
                       "read group " + group + " from " + source.platform + " " + one_line(source.id, 60) + ": " +
                           (read ? std::to_string(read->members.size()) + " members" : "not known"),
                       json);
}

Entry case_opened(CaseState const& opened, Actor const& opener, std::string const& text) {
  auto json = head("case.opened", opened.opened_at, opener)
                  .set("case", opened.id.str())
                  .set("title", opened.title)
                  .set("trigger", opened.trigger.empty() ? Json() : Json(opened.trigger));
  json.set("dedupe_key", opened.dedupe_key)
      .set("labels", map_json(opened.labels))
      .set("channels", strings(opened.channels))
      .set("signal", text);
  Entry entry{.kind = "case.opened",
              .case_id = opened.id.str(),
              .request_id = {},
              .actor = opener,
              .time = opened.opened_at,
              .subject = "open case " + opened.id.str() + ": " + one_line(opened.title, 100),
              .files = {}};
  auto const folder = opened.id.folder();
  entry.files.push_back({folder + "/case.json", dump_pretty(readable(json))});
  std::string page = "# " + opened.id.str() + ": " + one_line(opened.title, 200) + "\n\nOpened " +
                     format_time(opened.opened_at) + " by " + opener.str() + ".\n";
  for (auto const& [name, value] : opened.labels) page += "\n- " + name + ": " + one_line(value, 200);
  if (!opened.labels.empty()) page += "\n";
  if (!text.empty()) {
    page += "\nWhat was seen:\n\n";
    std::size_t start = 0;
    while (start < text.size()) {  // an indented block: nothing in it is markup
      auto const end = std::min(text.find('\n', start), text.size());
      page += "    " + text.substr(start, end - start) + "\n";
      start = end + 1;
    }
  }
  entry.files.push_back({folder + "/opened.md", std::move(page)});
  return entry;
}

Entry case_closed(Time at, State const& state, CaseState const& closed, std::string const& reason) {
  auto json = head("case.closed", at, Actor::service()).set("case", closed.id.str()).set("reason", reason);
  Json::Array requests;
  std::string page = "# " + closed.id.str() + ": " + one_line(closed.title, 200) + "\n\nOpened " +
                     format_time(closed.opened_at) + (closed.trigger.empty() ? "" : " by trigger " + closed.trigger) +
                     ", closed " + format_time(at) + " (" + reason + ").\n";
  for (std::uint32_t number = 1; number <= closed.requests; ++number) {
    auto const* request = state.request(RequestId::make(closed.id, number));
    if (!request) continue;
    requests.push_back(Json::object({{"request", request->id.str()}, {"state", to_string(request->phase)}}));
    page += "\n## " + request->id.str() + ": " + outcome_words(*request) + "\n\n- What: " + action_words(*request) +
            "\n- Asked by: " + request->requester.str() +
            (request->initiator.empty() ? "" : " for " + request->initiator) + ", " +
            format_time(request->accepted_at) + "\n";
    if (!request->reason.empty()) page += "- Reason: " + one_line(request->reason, 2000) + "\n";
    if (request->again_of) page += "- Asks once more for: " + request->again_of->str() + "\n";
    for (auto const& question : request->questions)
      page +=
          "- " + format_time(question.at) + " " + question.person + " asks: " + one_line(question.text, 2500) + "\n";
    for (auto const& vote : request->votes.all())
      page += "- " + format_time(vote.at) + " " + vote.person + ": " + to_string(vote.verdict) +
              (vote.note.empty() ? "" : ", " + one_line(vote.note, 2000)) + "\n";
    if (request->decision)
      page += "- Decision: " + request->decision->verdict + ", " + format_time(request->decision->at) + ": " +
              one_line(request->decision->reason, 500) + "\n";
    if (request->run && request->run->started_at) page += "- Started: " + format_time(*request->run->started_at) + "\n";
    if (request->run && request->run->finished_at)
      page += "- Ended: " + format_time(*request->run->finished_at) + ", " + outcome_words(*request) + "\n";
    if (!request->binding.empty())
      page += "- Binding: " + request->binding + " (the SHA-256 of requests/R" + std::to_string(number) +
              "/request.json)\n";
  }
  json.set("requests", std::move(requests));
  page += "\nHow to verify: see README.md at the root of this repository.\n";
  Entry entry{.kind = "case.closed",
              .case_id = closed.id.str(),
              .request_id = {},
              .actor = Actor::service(),
              .time = at,
              .subject = "close case " + closed.id.str() + ": " + one_line(closed.title, 100),
              .files = {}};
  entry.files.push_back({closed.id.folder() + "/closed.json", dump_pretty(json)});
  entry.files.push_back({closed.id.folder() + "/README.md", std::move(page)});
  return entry;
}

Entry request_accepted(RequestState const& request, Json origin, Json idempotency) {
  auto json = head_of("request.accepted", request.accepted_at, request.requester, request);
  json.set("requester", actor_json(request.requester))
      .set("initiator", request.initiator.empty() ? Json() : Json(request.initiator));
  json.set("runbook", request.runbook)
      .set("parameters", map_json(request.parameters))
      .set("reason", request.reason)
      .set("labels", map_json(request.labels));
  json.set("channels", strings(request.channels))
      .set("origin", std::move(origin))
      .set("idempotency", std::move(idempotency));
  if (request.again_of) json.set("schema", 2).set("again_of", request.again_of->str());
  return entry_of(request, "request.accepted", request.requester, request.accepted_at,
                  subject("request", request, request.requester.str()), "accepted.json", json);
}

Entry evidence_collected(Time at, CaseId const& case_id, std::optional<RequestId> const& request,
                         Evidence const& evidence, std::vector<ManifestItem> const& refers) {
  auto json = head("evidence.collected", at, Actor::service()).set("case", case_id.str());
  json.set("request", request ? Json(request->str()) : Json());
  Entry entry{.kind = "evidence.collected",
              .case_id = case_id.str(),
              .request_id = request ? request->str() : "",
              .actor = Actor::service(),
              .time = at,
              .subject = {},
              .files = {}};
  auto const folder = (request ? request->folder() : case_id.folder()) + "/evidence/";
  entry.files.push_back({folder + "manifest.json", {}});
  Json::Array exhibits;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < evidence.exhibits.size(); ++i) {
    auto const& exhibit = evidence.exhibits[i];
    auto const file = exhibit_file_name(exhibit, i);
    exhibits.push_back(Json::object({{"name", exhibit.name},
                                     {"collector", exhibit.collector},
                                     {"file", "evidence/" + file},
                                     {"media_type", exhibit.media_type},
                                     {"bytes", std::uint64_t{exhibit.bytes.size()}},
                                     {"total_bytes", exhibit.total_bytes},
                                     {"sha256", sha256_hex(exhibit.bytes)},
                                     {"truncated", exhibit.truncated},
                                     {"redactions", exhibit.redactions},
                                     {"started", format_time(exhibit.started)},
                                     {"duration_ms", exhibit.duration.count()},
                                     {"error", exhibit.error}}));
    if (!exhibit.error.empty()) ++failed;
    entry.files.push_back({folder + file, exhibit.bytes});
  }
  Json::Array highlights;
  for (auto const& highlight : evidence.highlights)
    highlights.push_back(Json::object({{"exhibit", highlight.exhibit}, {"text", highlight.text}}));
  json.set("exhibits", std::move(exhibits))
      .set("highlights", std::move(highlights))
      .set("case_exhibits", manifest_items(refers));
  entry.files.front().bytes = canonical(readable(std::move(json)));
  entry.subject = "collect evidence for " + (request ? request->str() : case_id.str()) + ": " +
                  std::to_string(evidence.exhibits.size()) + " exhibits" +
                  (failed ? ", " + std::to_string(failed) + " failed" : "");
  return entry;
}

Entry request_opened(Request const& request) {
  RequestState const named{.id = request.id, .runbook = request.runbook, .parameters = request.parameters};
  Entry entry{.kind = "request.opened",
              .case_id = request.id.case_id().str(),
              .request_id = request.id.str(),
              .actor = Actor::service(),
              .time = request.opened_at,
              .subject = subject("open", named),
              .files = {}};
  entry.files.push_back({request.id.folder() + "/request.json", canonical(to_json(request))});
  return entry;
}

Entry post_intent(Time at, RequestState const& request, PostState const& post, Json const& body) {
  auto json = head_of("request.post_intent", at, Actor::service(), request);
  json.set("post", post.number)
      .set("purpose", post.purpose)
      .set("platform", post.platform)
      .set("channel", post.channel)
      .set("address", post.address);
  json.set("key", post.key).set("rendering", post.rendering).set("body", dump(body));
  return entry_of(request, "request.post_intent", Actor::service(), at,
                  subject("about to post " + post.purpose + " on " + post.platform + " for", request),
                  "posts/" + four_digits(post.number) + "-" + post.platform + ".json", json);
}

Entry posted(Time at, RequestState const& request, PostState const& post, std::uint32_t number, Json const& ref) {
  auto json = head_of("request.posted", at, Actor::service(), request);
  json.set("post", number).set("intent", post.number).set("platform", post.platform).set("ref", ref);
  return entry_of(request, "request.posted", Actor::service(), at,
                  subject("posted " + post.purpose + " on " + post.platform + " for", request),
                  "posts/" + four_digits(number) + "-" + post.platform + ".json", json);
}

Entry vote(RequestState const& request, Vote const& vote, std::string const& delivery) {
  auto const kind = std::string("vote.") + to_string(vote.verdict);
  return entry_of(
      request, kind, Actor::person(vote.person), vote.at,
      subject(vote.verdict == Verdict::withdraw ? "withdraw vote on" : to_string(vote.verdict), request, vote.person),
      vote_file(vote.number, to_string(vote.verdict), vote.person), vote_json(request, vote, kind, delivery));
}

Entry vote_taken_back(RequestState const& request, Vote const& withdrawal) {
  auto json = vote_json(request, withdrawal, "vote.withdrawn", {});
  json.set("schema", 3).set("actor", Actor::service().str());
  return entry_of(request, "vote.withdrawn", Actor::service(), withdrawal.at,
                  subject("take back vote of " + withdrawal.person + " on", request, Actor::service().str()),
                  vote_file(withdrawal.number, to_string(withdrawal.verdict), withdrawal.person), json);
}

Entry vote_refused(RequestState const& request, Refusal const& refusal) {
  auto json = refusal_json(head_of("vote.refused", refusal.at, refusal.actor, request), refusal);
  auto const number = request.vote_files + 1;
  json.set("number", number).set("claimed", refusal.claimed);
  auto const who = refusal.actor.kind == Actor::Kind::person ? refusal.actor.key : "unknown";
  return entry_of(
      request, "vote.refused", refusal.actor, refusal.at,
      subject(refusal.verdict == "cancel" ? "refuse to cancel" : "refuse vote on", request, refusal.actor.str()),
      vote_file(number, "refused", who), json);
}

Entry vote_refused_unknown(std::uint32_t counter, Refusal const& refusal) {
  auto json = refusal_json(head("vote.refused", refusal.at, refusal.actor), refusal).set("claimed", refusal.claimed);
  auto const what = refusal.verdict == "command" || refusal.verdict == "many" ? std::string("command") : "vote";
  return service_entry(refusal.at, counter, "vote.refused", refusal.actor,
                       "refuse " + what + " by " + refusal.actor.str() + ": " + one_line(refusal.reason, 100), json);
}

Entry decided(RequestState const& request, Decision const& decision, std::vector<NeedState> const& needs,
              Vote const* carried, std::string const& delivery, std::string const& config_digest) {
  auto const kind = "request." + decision.verdict;
  auto json = head_of(kind, decision.at, decision.actor, request);
  json.set("binding", request.binding.empty() ? Json() : Json(request.binding))
      .set("verdict", decision.verdict)
      .set("by", strings(decision.by))
      .set("reason", decision.reason)
      .set("config", config_digest);
  Json::Array need_list;
  for (auto const& need : needs)
    need_list.push_back(Json::object({{"group", need.group}, {"count", need.count}, {"have", need.have}}));
  json.set("needs", std::move(need_list));
  std::string verb = decision.verdict;
  if (verb == "approved") verb = "approve";
  if (verb == "denied") verb = "deny";
  if (verb == "cancelled") verb = "cancel";
  if (verb == "expired") verb = "expire";
  if (verb == "voided") verb = "void";
  Json vote;
  if (carried) vote = vote_json(request, *carried, std::string("vote.") + to_string(carried->verdict), delivery);
  json.set("vote", vote);
  auto entry = entry_of(request, kind, decision.actor, decision.at, subject(verb, request, decision.actor.str()),
                        "decision.json", json);
  if (carried)
    entry.files.push_back(
        {request.id.folder() + "/" + vote_file(carried->number, to_string(carried->verdict), carried->person),
         dump_pretty(readable(vote))});
  return entry;
}

Entry question_asked(RequestState const& request, Question const& question, QuestionSource const& source) {
  auto const actor = Actor::person(question.person);
  auto json = head_of("question.asked", question.at, actor, request);
  json.set("binding", request.binding)
      .set("number", question.number)
      .set("person", question.person)
      .set("text", question.text);
  json.set("platform", source.platform).set("account", source.account).set("via", source.via);
  json.set("rendering", source.rendering).set("envelope", source.envelope).set("delivery", source.delivery);
  return entry_of(request, "question.asked", actor, question.at, subject("ask about", request, question.person),
                  "questions/" + four_digits(question.number) + "-" + question.person + ".json", json);
}

Entry run_started(Time at, RequestState const& request, Confinement const& confinement) {
  auto json = head_of("run.started", at, Actor::service(), request).set("schema", 2).set("binding", request.binding);
  json.set("confinement", Json::object({{"sandbox", confinement.sandbox}, {"cgroup", confinement.cgroup}}));
  return entry_of(request, "run.started", Actor::service(), at, subject("start", request), "started.json", json);
}

Entry run_finished(Time at, RequestState const& request, Json const& result, std::string const& output,
                   Actor const& actor) {
  auto json = head_of("run.finished", at, actor, request).set("binding", request.binding).set("result", result);
  json.set("output", output.empty() ? Json()
                                    : Json::object({{"file", "output.txt"},
                                                    {"bytes", std::uint64_t{output.size()}},
                                                    {"sha256", sha256_hex(output)}}));
  auto const cause = result["cause"].text();
  auto entry =
      entry_of(request, "run.finished", actor, at,
               subject("run " + result["state"].text() + (cause.empty() ? "" : " (" + cause + ")") + ":", request),
               "run.json", json);
  if (!output.empty()) entry.files.push_back({request.id.folder() + "/output.txt", output});
  return entry;
}

Result<Vote> read_vote(Json const& json) {
  return read_strictly("a vote", [&]() -> Vote {
    ObjectReader reader(json, "vote");
    // Withdrawals of schema 1 have no `repeats`; the ledger's first release could write them. Of schema 3 are the
    // service's.
    auto const schema = json["schema"].integer();
    bool const later = json["verdict"].text() == "withdrawn" && (schema == 2 || schema == 3);
    reader.schema(later ? schema : 1);
    for (auto const* key : {"kind", "actor", "case", "request", "delivery"}) static_cast<void>(reader.text(key));
    Vote vote;
    static_cast<void>(reader.digest("binding"));
    vote.at = reader.time("time");
    vote.verdict = static_cast<Verdict>(reader.word("verdict", {"approve", "deny", "withdrawn"}));
    vote.person = reader.text("person");
    vote.groups = reader.text_set("groups");
    vote.platform = reader.text("platform");
    vote.account = reader.text("account");
    vote.note = reader.text("note");
    vote.via = reader.text("via");
    vote.rendering = reader.text("rendering");
    vote.envelope = reader.text("envelope");
    vote.number = static_cast<std::uint32_t>(reader.integer("number"));
    if (later) vote.repeats = reader.text_set("repeats");
    reader.done();
    return vote;
  });
}

}  // namespace core::entries
