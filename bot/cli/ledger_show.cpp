#include "bot/cli/ledger_show.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <vector>

#include "bot/cli/commands.hpp"
#include "bot/cli/ledger_ids.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/card.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/text.hpp"
#include "ledger/reader.hpp"

namespace cli {

namespace {

using core::Json;
using Entries = std::vector<core::StoredEntry>;

core::JsonLimits const kMainFile{.max_bytes = 8 << 20, .max_string = 4 << 20};

Json main_of(core::StoredEntry const& stored) {
  if (stored.entry.files.empty()) return {};
  auto parsed = core::parse_json(stored.entry.files.front().bytes, kMainFile);
  return parsed ? std::move(*parsed) : Json();
}

// --- the data -------------------------------------------------------------------------------------------------------

// "restart-service service=web"
std::string action_of(Json const& accepted) {
  auto words = accepted["runbook"].text();
  if (auto const* parameters = accepted["parameters"].if_object()) {
    for (auto const& [name, value] : *parameters) words += " " + name + "=" + value.text();
  }
  return words;
}

std::string state_after(std::string const& kind, Json const& main, std::string const& before) {
  static std::map<std::string, std::string> const kStates{
      {"request.accepted", "collecting"}, {"request.opened", "pending"},  {"request.approved", "approved"},
      {"request.denied", "denied"},       {"request.expired", "expired"}, {"request.cancelled", "cancelled"},
      {"request.voided", "voided"},       {"run.started", "running"}};
  if (kind == "run.finished") return main["result"]["state"].text();
  auto const found = kStates.find(kind);
  return found == kStates.end() ? before : found->second;
}

void take_request_entry(Json& request, core::StoredEntry const& stored, Json const& main) {
  auto const& kind = stored.entry.kind;
  request.set("state", state_after(kind, main, request["state"].text()));
  if (kind == "request.accepted") request.set("accepted", main).set("action", action_of(main));
  if (kind == "request.opened") {
    request.set("bound", main);
    Json::Array lines;
    if (auto const bound = core::request_from_json(main)) {
      for (auto const& line : core::action_lines(*bound)) lines.emplace_back(line);
    }
    request.set("runs", std::move(lines));
  }
  if (kind == "evidence.collected") request.set("evidence", main);
  auto votes = request["votes"];
  if (kind.starts_with("vote.")) request.set("votes", votes.push(main));
  if (kind == "question.asked") {
    auto questions = request["questions"];
    request.set("questions", questions.push(main));
  }
  if (main["vote"].if_object()) request.set("votes", votes.push(main["vote"]));
  if (kind == "request.approved" || kind == "request.denied" || kind == "request.expired" ||
      kind == "request.cancelled" || kind == "request.voided")
    request.set("decision", main);
  if (!main["binding"].text().empty()) request.set("binding", main["binding"]);
  if (kind == "run.started") request.set("started_at", main["time"]);
  if (kind == "run.finished") request.set("run", main["result"]);
  for (auto const& file : stored.entry.files) {
    if (file.path.ends_with("/output.txt")) request.set("output", core::visible_text(file.bytes));
  }
}

Json data_of(Entries const& entries, Asked const& asked) {
  Json opened, closed, evidence;
  std::map<std::string, Json> requests;
  Json::Array timeline;
  for (auto const& stored : entries) {
    auto const& entry = stored.entry;
    if (!asked.request.empty() && !entry.request_id.empty() && entry.request_id != asked.request) continue;
    auto const main = main_of(stored);
    if (entry.request_id.empty()) {
      if (entry.kind == "case.opened") opened = main;
      if (entry.kind == "case.closed") closed = main;
      if (entry.kind == "evidence.collected") evidence = main;
    } else {
      auto& request = requests[entry.request_id];
      if (request.is_null()) request = Json::object({{"request", entry.request_id}, {"votes", Json::array()}});
      take_request_entry(request, stored, main);
    }
    std::string why;
    for (auto const* text : {&main["vote"]["note"], &main["note"], &main["reason"]}) {
      if (why.empty() && entry.kind != "request.opened") why = text->text();  // request.json repeats it
    }
    timeline.push_back(Json::object({{"seq", stored.seq},
                                     {"time", core::format_time(entry.time)},
                                     {"kind", entry.kind},
                                     {"actor", entry.actor.str()},
                                     {"request", entry.request_id.empty() ? Json() : Json(entry.request_id)},
                                     {"subject", entry.subject},
                                     {"why", why.empty() ? Json() : Json(why)},
                                     {"commit", stored.commit}}));
  }
  Json::Array list;
  for (auto& [id, request] : requests) list.push_back(std::move(request));
  std::ranges::stable_sort(list, {}, [](Json const& request) { return request["request"].text().size(); });
  return Json::object({{"case", asked.of.str()},
                       {"folder", asked.of.folder()},
                       {"opened", std::move(opened)},
                       {"evidence", std::move(evidence)},
                       {"requests", std::move(list)},
                       {"closed", std::move(closed)},
                       {"timeline", std::move(timeline)}});
}

// --- for people -----------------------------------------------------------------------------------------------------

constexpr std::size_t kLine = 400, kOutputLines = 20;

std::string when(Json const& time) { return time_words(time.text()); }

std::string pairs(Json const& map) {
  std::string text;
  if (auto const* object = map.if_object()) {
    for (auto const& [name, value] : *object) text += (text.empty() ? "" : ", ") + name + "=" + value.text();
  }
  return text;
}

std::vector<Json> items(Json const& array) { return array.if_array() ? *array.if_array() : std::vector<Json>(); }

std::vector<std::string> exhibits(Json const& manifest) {
  std::vector<std::string> out;
  for (auto const& item : items(manifest["exhibits"])) {
    auto const error = item["error"].text();
    out.push_back(item["name"].text() + ": " + item["file"].text() + ", " + std::to_string(item["bytes"].integer()) +
                  " bytes" + (item["truncated"].boolean() ? ", cut" : "") + (error.empty() ? "" : "; " + error));
  }
  return out;
}

std::vector<std::string> votes_of(Json const& request) {
  std::vector<std::string> out;
  for (auto const& vote : items(request["votes"])) {
    bool const refused = vote["kind"].text() == "vote.refused";
    auto const note = refused ? vote["reason"].text() : vote["note"].text();
    auto text = when(vote["time"]) + "  " + vote["actor"].text() + ": " + vote["verdict"].text() +
                (refused ? " refused" : "") + " (" + vote["platform"].text() + " " + vote["account"].text() + ", " +
                vote["via"].text() + ")";
    if (auto const more = vote["folded"].integer(); more > 0) text += " and " + std::to_string(more) + " more";
    out.push_back(text + (note.empty() ? "" : ": " + note));
  }
  return out;
}

std::string needs_of(Json const& bound) {
  std::string text;
  for (auto const& need : items(bound["needs"]))
    text += (text.empty() ? "" : " and ") + std::to_string(need["count"].integer()) + " of " + need["group"].text();
  return text.empty() ? "" : text + " (policy " + bound["policy"]["name"].text() + ")";
}

void print_run(Json const& request) {
  auto const& run = request["run"];
  if (run.is_null()) {
    if (request["started_at"].if_string()) print_line("started", when(request["started_at"]));
    return;
  }
  auto outcome = run["state"].text();
  if (auto const cause = run["cause"].text(); !cause.empty()) outcome += " (" + cause + ")";
  if (run["exit_code"].is_int()) outcome += ", exit code " + std::to_string(run["exit_code"].integer());
  print_line("run", outcome + (run["started_at"].if_string() ? ", " + when(run["started_at"]) + " to " : ", ") +
                        when(run["finished_at"]));
  print_line("", run["explanation"].text());
  for (auto const& step : items(run["steps"]))
    print_line("", (step["on_failure"].boolean() ? "on failure: " : "") + step["name"].text() + ": " +
                       step["outcome"].text() +
                       (step["cause"].text().empty() ? "" : " (" + step["cause"].text() + ")") + ", " +
                       std::to_string(step["duration_ms"].integer()) + " ms");
  std::vector<std::string> shown;
  auto const text = request["output"].text();
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    shown.push_back("| " + text.substr(at, end - at));
    at = end + 1;
  }
  if (shown.size() > kOutputLines) {
    shown.erase(shown.begin(), shown.end() - static_cast<std::ptrdiff_t>(kOutputLines));
    shown.insert(shown.begin(), "(the last " + std::to_string(kOutputLines) + " lines; the rest is in output.txt)");
  }
  print_lines("output", shown);
}

void print_request(Json const& request) {
  auto const &accepted = request["accepted"], &bound = request["bound"];
  std::printf("\n%s: %s\n", core::one_line(request["request"].text(), 40).c_str(),
              core::one_line(request["state"].text(), 40).c_str());
  print_line("what", request["action"].text() + (bound.is_null() ? "" : ": " + bound["summary"].text()));
  auto const initiator = accepted["initiator"].text();
  print_line("asked by",
             accepted["actor"].text() + (initiator.empty() ? "" : " for " + initiator) + ", " + when(accepted["time"]));
  print_line("reason", accepted["reason"].text());
  print_line("risk", bound["risk"].text());
  print_line("needs", needs_of(bound));
  std::vector<std::string> steps;
  for (auto const& step : items(request["runs"])) steps.push_back(step.text());
  print_lines("runs", steps);
  print_lines("evidence", exhibits(request["evidence"]));
  if (!bound.is_null()) print_line("open", when(bound["opened_at"]) + " until " + when(bound["expires_at"]));
  print_line("binding", request["binding"].text());
  print_line("again of", accepted["again_of"].text());
  std::vector<std::string> questions;
  for (auto const& question : items(request["questions"]))
    questions.push_back(when(question["time"]) + "  " + question["actor"].text() + ": " + question["text"].text());
  print_lines("questions", questions);
  print_lines("votes", votes_of(request));
  if (auto const& decision = request["decision"]; !decision.is_null())
    print_line("decision", decision["verdict"].text() + " by " + decision["actor"].text() + ", " +
                               when(decision["time"]) +
                               (decision["reason"].text().empty() ? "" : ": " + decision["reason"].text()));
  print_run(request);
}

void print_case(Json const& data) {
  auto const &opened = data["opened"], &closed = data["closed"];
  std::printf("%s: %s\n", data["case"].text().c_str(), core::one_line(opened["title"].text(), kLine).c_str());
  print_line("opened", when(opened["time"]) + " UTC by " + opened["actor"].text());
  print_line("labels", pairs(opened["labels"]));
  print_lines("evidence", exhibits(data["evidence"]));
  print_line("closed", closed.is_null() ? "not yet" : when(closed["time"]) + ": " + closed["reason"].text());
  print_line("folder", data["folder"].text());
  for (auto const& request : items(data["requests"])) print_request(request);
  std::printf("\ntimeline (UTC)\n");
  for (auto const& entry : items(data["timeline"]))
    std::printf(
        "  %s  %s  %-18s %s%s\n", when(entry["time"]).c_str(), entry["commit"].text().substr(0, 12).c_str(),
        core::one_line(entry["actor"].text(), 60).c_str(),
        core::printable_ascii(entry["subject"].text(), kLine).c_str(),
        entry["why"].text().empty() ? "" : ("\n      why: " + core::one_line(entry["why"].text(), kLine)).c_str());
}

}  // namespace

Json ledger_line(core::StoredEntry const& stored) {
  auto const& entry = stored.entry;
  return Json::object({{"seq", stored.seq},
                       {"commit", stored.commit},
                       {"time", core::format_time(entry.time)},
                       {"kind", entry.kind},
                       {"case", entry.case_id.empty() ? Json() : Json(entry.case_id)},
                       {"request", entry.request_id.empty() ? Json() : Json(entry.request_id)},
                       {"actor", entry.actor.str()},
                       {"subject", entry.subject},
                       {"digest", stored.digest},
                       {"data", main_of(stored)}});
}

int show_case(std::string const& ledger, std::string const& id, bool json) {
  auto reader = ledger::Reader::open(ledger);
  if (!reader) throw core::Failure(reader.error());
  auto const asked = find_asked(*reader, id);
  auto entries = asked ? reader->find(asked->of.str(), ledger::Files::all) : core::Result<Entries>(Entries());
  if (!entries) throw core::Failure(entries.error());
  if (!asked || entries->empty() ||
      (!asked->request.empty() && std::ranges::none_of(*entries, [&](core::StoredEntry const& stored) {
        return stored.entry.request_id == asked->request;
      }))) {
    auto const why = "the ledger holds nothing about " + core::printable_ascii(id, 60);
    std::fprintf(stderr, "countersign: %s\n", why.c_str());
    if (json) print_json(Json::object({{"ok", false}, {"error", "not_found"}, {"detail", why}}));
    return kNo;
  }
  auto const data = data_of(*entries, *asked);
  if (json) {
    print_json(data);
  } else {
    print_case(data);
  }
  return kDone;
}

}  // namespace cli
