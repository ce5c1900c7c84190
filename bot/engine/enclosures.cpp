#include "bot/engine/enclosures.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxWaiting = 1'000;  // files a platform that wait; what comes then stays in the ledger alone
constexpr std::size_t kMaxSeen = 20'000;    // cards remembered

std::string name_of(std::string const& post_key, std::string const& platform) { return post_key + ' ' + platform; }

}  // namespace

core::ThreadFiles Enclosures::files_of(std::string const& post_key, ports::ChatAdapter const& on) const {
  core::ThreadFiles files{.usual = on.usual_file()};
  auto const found = unusual_.find(name_of(post_key, on.platform()));
  if (found != unusual_.end()) files.known = found->second;
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
    unusual_.clear();
  }
  seen_.insert(name);
  if (!ours && !(*to)->can_find()) return;
  auto& lane = lanes_[card.platform];
  lane.adapter = *to;
  for (std::size_t i = 0; i < exhibits.size(); ++i) {
    if (lane.waiting.size() >= kMaxWaiting) {
      log_.warn("too many files wait for a thread", {{"request", id.str()}, {"platform", card.platform}});
      break;
    }
    lane.waiting.push_back({.card = name,
                            .request = id,
                            .channel = card.address,
                            .thread = *card.ref,
                            .exhibit = exhibits[i],
                            .key = card.key + ":file:" + std::to_string(i + 1),
                            .since = card.at,
                            .look = !ours});
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
                       if (!found) return end(platform, "failed", found.error().message);
                       if (found->has_value()) return end(platform, "found");
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
          note(platform, *result);
          return end(platform, "sent");
        }
        end(platform, "failed", result.error().message);
      });
}

// What became of the one at the front, where its card has to say so.
void Enclosures::note(std::string const& platform, core::InThread as) {
  auto& lane = lanes_[platform];
  auto const& one = lane.waiting.front();
  if (as == lane.adapter->usual_file()) return;
  unusual_[one.card][one.exhibit.path] = as;
  loop_.post([this, alive = std::weak_ptr<int>(alive_), id = one.request] {
    if (!alive.expired()) changed_(id);
  });
}

void Enclosures::end(std::string const& platform, char const* result, std::string const& why) {
  auto& lane = lanes_[platform];
  counts_[{platform, result}] += 1;
  if (std::string_view(result) == "failed" || std::string_view(result) == "corrupt")
    note(platform, core::InThread::failed);
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
