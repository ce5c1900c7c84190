#include "ledger/entry_reader.hpp"

#include <algorithm>

#include "bot/core/json.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

// The time to the millisecond, if the main file has one that fits: `time`, in request.json `opened_at`.
void refine_time(core::StoredEntry& stored) {
  if (stored.entry.files.empty() || stored.entry.files.front().bytes.empty()) return;
  auto const main = core::parse_json(stored.entry.files.front().bytes, {.max_bytes = 8 << 20, .max_string = 4 << 20});
  if (!main) return;
  auto const time = core::parse_time((*main)[stored.entry.kind == "request.opened" ? "opened_at" : "time"].text());
  if (time && std::chrono::floor<std::chrono::seconds>(*time) == stored.entry.time) stored.entry.time = *time;
}

}  // namespace

std::optional<Oid> first_parent(std::string_view raw) {
  constexpr std::size_t kTreeLine = 5 + 40 + 1;
  if (raw.size() < kTreeLine + 48 || raw.substr(kTreeLine, 7) != "parent ") return std::nullopt;
  return Oid::parse(raw.substr(kTreeLine + 7, 40));
}

Result<std::vector<Oid>> chain(ObjectDb& db, Oid const& head, std::optional<Oid> const& after) {
  std::vector<Oid> out;
  std::optional<Oid> at = head;
  while (at && at != after) {
    out.push_back(*at);
    auto const raw = db.read(*at, ObjectType::commit);
    if (!raw) return raw.error();
    at = first_parent(*raw);
  }
  if (after && at != after)
    return make_error(Errc::not_found, "Commit " + after->hex() + " is not in the history of the ledger's head.");
  std::ranges::reverse(out);
  return out;
}

Result<core::StoredEntry> build_entry(ObjectDb& db, ParsedCommit const& commit, Oid const& id,
                                      std::vector<AddedFile> const& added, Files files) {
  auto out = entry_of(commit, id);
  auto const main =
      std::ranges::find_if(added, [&](AddedFile const& file) { return core::is_main_file(out.entry.kind, file.path); });
  auto const take = [&](AddedFile const& file, bool with_bytes) -> Result<void> {
    core::File taken{file.path, {}};
    if (with_bytes) {
      auto bytes = db.read(file.id, ObjectType::blob);
      if (!bytes) return bytes.error();
      taken.bytes = std::move(*bytes);
    }
    out.entry.files.push_back(std::move(taken));
    return {};
  };
  if (main != added.end()) {
    if (auto const done = take(*main, files != Files::names); !done) return done.error();
    refine_time(out);
  }
  if (files == Files::main_only) return out;
  for (auto at = added.begin(); at != added.end(); ++at) {
    if (at == main) continue;
    if (auto const done = take(*at, files == Files::all); !done) return done.error();
  }
  return out;
}

}  // namespace ledger
