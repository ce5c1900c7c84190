#include "bot/cli/playground_ledger.hpp"

#include "adapters/playground/demo_service.hpp"
#include "ledger/meaning.hpp"
#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"

namespace cli {

using core::Json;

PlaygroundLedger::PlaygroundLedger(net::Io& io, WorkerPool& workers, std::filesystem::path dir, std::string pin)
    : io_(io),
      workers_(workers),
      dir_(std::move(dir)),
      pin_(std::move(pin)),
      verified_(Json::object({{"ok", false},
                              {"running", true},
                              {"pinned", false},
                              {"entries", 0},
                              {"summary", "being checked"},
                              {"problems", Json::array()}})) {}

void PlaygroundLedger::watch(std::function<void()> changed) {
  changed_ = std::move(changed);
  look();
}

Json PlaygroundLedger::ledger_log(std::size_t limit) {
  Json::Array rows;
  for (auto it = entries_.rbegin(); it != entries_.rend() && rows.size() < limit; ++it) {
    auto row = *it;
    row.if_object()->erase("data");
    rows.push_back(std::move(row));
  }
  for (auto& row : rows)
    row.set("signature", row["seq"].integer() < verified_entries_ ? (verified_ok_ ? "good" : "bad") : "unchecked");
  return rows;
}

Json PlaygroundLedger::ledger_entry(std::uint64_t seq) { return seq < entries_.size() ? entries_[seq] : Json(); }

Json PlaygroundLedger::demo_service() {
  auto const status = playground::demo_service_status((dir_ / "demo").string());
  Json::Array log(status.log.begin(), status.log.end());
  return Json::object({{"up", status.up},
                       {"reason", status.reason},
                       {"url", "http://127.0.0.1:" + std::to_string(status.port) + "/healthz"},
                       {"restarts", status.starts > 0 ? status.starts - 1 : 0},
                       {"log", std::move(log)}});
}

void PlaygroundLedger::break_service() { static_cast<void>(playground::break_demo_service((dir_ / "demo").string())); }
void PlaygroundLedger::mend_service() { static_cast<void>(playground::mend_demo_service((dir_ / "demo").string())); }

void PlaygroundLedger::look() {
  workers_.run([this, after = head_] {
    auto found = std::make_shared<Found>(read(after));
    io_.post([this, found] {
      if (!found->head.empty() && found->head != head_) {
        head_ = found->head;
        for (auto& entry : found->entries) entries_.push_back(std::move(entry));
        verified_ = std::move(found->verified);
        verified_ok_ = found->ok;
        verified_entries_ = static_cast<std::int64_t>(entries_.size());
        if (changed_) changed_();
      }
      io_.call_after(std::chrono::milliseconds(700), [this] { look(); });
    });
  });
}

PlaygroundLedger::Found PlaygroundLedger::read(std::string const& after) const {
  Found found;
  auto const path = dir_ / "ledger.git";
  auto reader = ledger::Reader::open(path);
  if (!reader) return found;
  auto const head = reader->head();
  if (!head || head->commit == after) return found;
  auto const walked = read_entries(path, after, found.entries);
  if (found.entries.empty()) return found;
  found.head = found.entries.back()["commit"].text();
  ledger::Meaning meaning;
  auto const report = ledger::verify(path, {.pin = pin_, .from = {}, .rules = meaning.rules(), .progress = {}});
  Json::Array problems;
  std::uint64_t checks = 0;
  if (report) {
    for (auto const& rule : report->rules) {
      checks += rule.checked;
      for (auto const& failure : rule.failures) problems.push_back(rule.name + ": " + failure.text);
    }
  } else {
    problems.push_back(report.error().message);
  }
  found.ok = report && report->ok && walked;
  auto const entries = report ? report->entries : 0;
  found.verified = Json::object({{"ok", found.ok},
                                 {"running", false},
                                 {"pinned", report && report->pinned},
                                 {"entries", entries},
                                 {"summary", std::to_string(entries) + " entries, " + std::to_string(checks) +
                                                 " checks" + (found.ok ? ", everything holds" : "")},
                                 {"problems", std::move(problems)}});
  return found;
}

core::Result<void> read_entries(std::filesystem::path const& path, std::string const& after, std::vector<Json>& into) {
  auto reader = ledger::Reader::open(path);
  if (!reader) return reader.error();
  return reader->walk(after, ledger::Files::main_only, [&](core::StoredEntry&& stored) {
    auto data = core::parse_json(stored.entry.files.front().bytes, {.max_bytes = 8 << 20, .max_string = 4 << 20});
    into.push_back(Json::object({{"seq", stored.seq},
                                 {"time", core::format_time(stored.entry.time)},
                                 {"subject", stored.entry.subject},
                                 {"commit", stored.commit},
                                 {"kind", stored.entry.kind},
                                 {"actor", stored.entry.actor.str()},
                                 {"data", data ? std::move(*data) : Json()}}));
    return true;
  });
}

}  // namespace cli
