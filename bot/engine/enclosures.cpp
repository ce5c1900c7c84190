#include "bot/engine/enclosures.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "bot/core/digest.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxWaiting = 1'000;  // files a platform that wait; what comes then stays in the ledger alone
constexpr std::size_t kMaxSeen = 20'000;    // cards remembered
constexpr char const* kNote = "thread-files";
constexpr std::size_t kMaxNoteBytes = 3u << 20;  // a notebook takes 4 MiB
constexpr auto kSavePause = std::chrono::seconds(1);
constexpr std::size_t kMaxLinkBytes = 2'048;

std::string name_of(std::string const& post_key, std::string const& platform) { return post_key + ' ' + platform; }

constexpr std::array<std::pair<core::InThread::As, std::string_view>, 4> kForms = {
    {{core::InThread::As::ledger, "ledger"},
     {core::InThread::As::file, "file"},
     {core::InThread::As::text, "text"},
     {core::InThread::As::failed, "failed"}}};

core::Json note_of(core::InThread const& one) {
  auto const* const form = std::ranges::find(kForms, one.as, &std::pair<core::InThread::As, std::string_view>::first);
  return core::Json::object(
      {{"as", std::string(form->second)}, {"pages", static_cast<std::int64_t>(one.pages)}, {"link", one.link}});
}

// Nothing for what no save() writes: the note lies outside of the ledger, and a link of it is shown to people.
std::optional<core::InThread> standing_of(core::Json const& note) {
  auto const as = note["as"].text();
  auto const* const form = std::ranges::find(kForms, as, &std::pair<core::InThread::As, std::string_view>::second);
  auto const pages = note["pages"].integer(-1);
  auto link = note["link"].text();
  if (form == kForms.end() || pages < 0 || pages > 1'000 || link.size() > kMaxLinkBytes) return {};
  if (!link.empty() && !link.starts_with("https://")) return {};
  return core::InThread{.as = form->first, .pages = static_cast<std::size_t>(pages), .link = std::move(link)};
}

}  // namespace

core::ThreadFiles Enclosures::files_of(std::string const& post_key, ports::ChatAdapter const& on) const {
  core::ThreadFiles files{.usual = on.usual_file()};
  auto const found = unusual_.find(name_of(post_key, on.platform()));
  if (found != unusual_.end()) files.known = found->second.by_path;
  return files;
}

void Enclosures::card_stands(core::RequestId const& id, core::PostState const& card, bool ours) {
  auto const* request = state_.request(id);
  if (!request || !card.ref) return;
  auto const name = name_of(card.key, card.platform);
  if (seen_.contains(name)) return;
  auto const exhibits = core::long_evidence(state_, *request);
  if (exhibits.empty()) return;
  auto const to = std::ranges::find_if(adapters_, [&](auto const* one) { return one->platform() == card.platform; });
  if (to == adapters_.end()) return;
  if (seen_.size() == kMaxSeen) {
    seen_.clear();
    std::erase_if(unusual_, [this](auto const& one) { return over(one.second.request); });
  }
  seen_.insert(name);
  if (!ours && !(*to)->can_find()) return;
  auto& lane = lanes_[card.platform];
  lane.adapter = *to;
  bool said = false;
  for (std::size_t i = 0; i < exhibits.size(); ++i) {
    Enclosure one{.card = name,
                  .request = id,
                  .channel = card.address,
                  .thread = *card.ref,
                  .exhibit = exhibits[i],
                  .key = card.key + ":file:" + std::to_string(i + 1),
                  .since = card.at,
                  .look = !ours};
    if (lane.waiting.size() < kMaxWaiting) {
      lane.waiting.push_back(std::move(one));
      continue;
    }
    if (!std::exchange(said, true))
      log_.warn("too many files wait for a thread", {{"request", id.str()}, {"platform", card.platform}});
    if (!stands(one)) note(lane, one, ours ? core::InThread::failed : core::InThread::ledger);
  }
  // Later: whoever says that the card stands has more to do first.
  loop_.post([this, alive = std::weak_ptr<int>(alive_), platform = card.platform] {
    if (!alive.expired()) pump(platform);
  });
}

bool Enclosures::decided(Enclosure const& one) const {
  auto const* request = state_.request(one.request);
  return !request || request->phase != core::Phase::pending;
}

void Enclosures::pump(std::string const& platform) {
  auto& lane = lanes_[platform];
  if (lane.busy) return;
  // There is nothing left to decide by them.
  while (!lane.waiting.empty() && decided(lane.waiting.front())) lane.waiting.pop_front();
  if (lane.waiting.empty()) return;
  lane.busy = true;
  auto const& one = lane.waiting.front();
  if (!one.look) return read(platform);
  lane.adapter->find(one.channel, one.thread, one.key, one.since,
                     [this, alive = std::weak_ptr<int>(alive_),
                      platform](core::Result<std::optional<ports::MessageRef>> const& found) {
                       if (alive.expired()) return;
                       auto const& at = lanes_[platform];
                       // Whether it stands there nobody knows: then no card says so.
                       if (!found) {
                         if (!stands(at.waiting.front())) note(at, at.waiting.front(), core::InThread::ledger);
                         return end(platform, "unknown", found.error().message);
                       }
                       if (found->has_value()) {
                         // As what it does, the note says; after a try that seemed to have failed nobody knows.
                         auto const& front = at.waiting.front();
                         if (known(front) && !stands(front)) note(at, front, core::InThread::ledger);
                         return end(platform, "found");
                       }
                       read(platform);
                     });
}

void Enclosures::read(std::string const& platform) {
  auto const& one = lanes_[platform].waiting.front();
  papers_.read(one.exhibit.path, core::kMostExhibitBytes,
               [this, alive = std::weak_ptr<int>(alive_), platform](core::Result<std::string> bytes) {
                 if (alive.expired()) return;
                 if (!bytes) return end(platform, "failed", bytes.error().message);
                 attach(platform, std::move(*bytes));
               });
}

void Enclosures::attach(std::string const& platform, std::string bytes) {
  auto& lane = lanes_[platform];
  auto const& one = lane.waiting.front();
  if (decided(one)) return end(platform, "late");
  if (bytes.size() != one.exhibit.bytes || core::sha256_hex(bytes) != one.exhibit.sha256)
    return end(platform, "corrupt", "the ledger's file is not what the manifest says");
  lane.adapter->attach(
      one.channel, one.thread, {.exhibit = one.exhibit, .bytes = std::move(bytes)}, one.key, one.since,
      [this, alive = std::weak_ptr<int>(alive_), platform](core::Result<core::InThread> const& result) {
        if (alive.expired()) return;
        if (result) {
          auto const& at = lanes_[platform];
          note(at, at.waiting.front(), *result);
          return end(platform, "sent");
        }
        end(platform, "failed", result.error().message);
      });
}

// What became of it, where its card has to say something else than it did.
void Enclosures::note(Lane const& lane, Enclosure const& one, core::InThread const& as) {
  auto const usual = lane.adapter->usual_file();
  auto const* before = known(one);
  if (as == (before ? *before : usual)) return;
  auto& by_path = unusual_.try_emplace(one.card, Standing{one.request}).first->second.by_path;
  if (as == usual) {
    by_path.erase(one.exhibit.path);
  } else {
    by_path[one.exhibit.path] = as;
  }
  save();
  loop_.post([this, alive = std::weak_ptr<int>(alive_), id = one.request] {
    if (!alive.expired()) changed_(id);
  });
}

core::InThread const* Enclosures::known(Enclosure const& one) const {
  auto const card = unusual_.find(one.card);
  if (card == unusual_.end()) return nullptr;
  auto const file = card->second.by_path.find(one.exhibit.path);
  return file == card->second.by_path.end() ? nullptr : &file->second;
}

// Known to stand in the thread, in another than the usual way.
bool Enclosures::stands(Enclosure const& one) const {
  auto const* standing = known(one);
  return standing && (standing->as == core::InThread::As::text || standing->as == core::InThread::As::file);
}

bool Enclosures::over(core::RequestId const& id) const {
  auto const* request = state_.request(id);
  return !request || core::is_final(request->phase);
}

void Enclosures::load() {
  auto const bytes = notebook_.read(kNote);
  if (bytes.has_error())
    return log_.warn("the note about files in threads could not be read", {{"why", bytes.error().message}});
  if (!*bytes) return;
  auto const json = core::parse_json(**bytes, {.max_bytes = kMaxNoteBytes, .max_values = 1'000'000});
  auto const* cards = json ? (*json)["cards"].if_object() : nullptr;
  if (!cards || (*json)["v"].integer() != 1)
    return log_.warn("the note about files in threads is of another form and begins anew");
  for (auto const& [card, note] : *cards) {
    auto const id = core::RequestId::parse(note["request"].text());
    auto const* files = note["files"].if_object();
    if (!id || !files) continue;
    Standing standing{*id};
    for (auto const& [path, file] : *files) {
      if (auto one = standing_of(file)) standing.by_path.emplace(path, std::move(*one));
    }
    unusual_.emplace(card, std::move(standing));
  }
}

Enclosures::~Enclosures() {
  if (save_later_) write_note();
}

void Enclosures::save() {
  if (std::exchange(save_later_, true)) return;
  loop_.call_after(kSavePause, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired() || !std::exchange(save_later_, false)) return;
    write_note();
  });
}

// Of each request that is not over yet, the newest first where a notebook does not hold them all.
void Enclosures::write_note() {
  auto cards = core::Json::object({});
  std::size_t bytes = 0;
  for (auto at = unusual_.rbegin(); at != unusual_.rend(); ++at) {
    auto const& [card, standing] = *at;
    if (standing.by_path.empty() || over(standing.request)) continue;
    auto files = core::Json::object({});
    for (auto const& [path, one] : standing.by_path) files.set(path, note_of(one));
    auto note = core::Json::object({{"request", standing.request.str()}, {"files", std::move(files)}});
    bytes += core::dump(note).size() + core::dump(card).size() + 2;
    if (bytes > kMaxNoteBytes - 64) break;
    cards.set(card, std::move(note));
  }
  notebook_.write(kNote, core::dump(core::Json::object({{"v", 1}, {"cards", std::move(cards)}})));
}

void Enclosures::end(std::string const& platform, char const* result, std::string const& why) {
  auto& lane = lanes_[platform];
  counts_[{platform, result}] += 1;
  if (std::string_view(result) == "failed" || std::string_view(result) == "corrupt")
    note(lane, lane.waiting.front(), core::InThread::failed);
  if (!why.empty()) {
    auto const& one = lane.waiting.front();
    auto const level = std::string_view(result) == "corrupt" ? ports::Log::Level::error : ports::Log::Level::warn;
    log_.write(level, "a file could not be put into a thread",
               {{"request", one.request.str()}, {"platform", platform}, {"file", one.exhibit.path}, {"why", why}});
  }
  lane.waiting.pop_front();
  lane.busy = false;
  loop_.post([this, alive = std::weak_ptr<int>(alive_), platform] {
    if (!alive.expired()) pump(platform);
  });
}

std::vector<ports::Figure> Enclosures::figures() const {
  std::vector<ports::Figure> all;
  for (auto const& [which, count] : counts_)
    all.push_back({"thread_files_total",
                   "Files of evidence for threads, by platform and what became of them",
                   static_cast<double>(count),
                   {{"platform", which.first}, {"result", which.second}}});
  return all;
}

}  // namespace engine
