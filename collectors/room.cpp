#include "collectors/room.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <set>
#include <utility>
#include <vector>

#include "bot/core/ids.hpp"
#include "bot/core/text.hpp"
#include "collectors/highlights.hpp"

namespace collectors {
namespace {

// So much of an order's attachments is redacted at once, workers or not: on the event loop, which waits for it.
constexpr std::size_t kInlineBytes = 64u << 10;
constexpr std::size_t kMaxError = 1000;
constexpr auto kHangsAfter = std::chrono::seconds(5);  // beyond its deadline
constexpr unsigned kAtOnce = 4;  // looks of one collector; when all of them hang it is not asked any more
constexpr char const* kHangs =
    "Not collected: this collector's looks for earlier cases have given no answer yet. Is its file system dead?";
constexpr auto kRecentTime = std::chrono::minutes(15);  // highlights look at first, whenever the case was opened

struct Produced {
  core::Exhibit exhibit;
  Digested digested;
};

// The last gate, whatever a collector did: redacted, visible, one line of error.
Produced guarded(core::Exhibit exhibit, Kind kind, Context const& context) {
  if (!exhibit.error.empty()) {
    exhibit.redactions += context.redactor->redact(exhibit.error);
    exhibit.error = core::one_line(exhibit.error, kMaxError);
  }
  exhibit.redactions += context.redactor->redact(exhibit.bytes);
  exhibit.bytes = core::visible_text(exhibit.bytes);
  exhibit.total_bytes = std::max<std::uint64_t>(exhibit.total_bytes, exhibit.truncated ? 0 : exhibit.bytes.size());
  auto digested = digest_of(exhibit, kind, window_of(context.window_from, context.now));
  return {std::move(exhibit), std::move(digested)};
}

// Runs on a worker thread.
Produced run_collector(Collector const& collector, Context const& context) {
  auto const began = std::chrono::steady_clock::now();
  core::Exhibit exhibit;
  try {
    exhibit = collector.collect(context);
  } catch (std::exception const& problem) {
    exhibit = {};
    exhibit.error = std::string("The collector failed: ") + problem.what();
  }
  auto produced = guarded(std::move(exhibit), collector.kind(), context);
  produced.exhibit.duration = std::chrono::duration_cast<core::Duration>(std::chrono::steady_clock::now() - began);
  return produced;
}

bool is_text_type(std::string_view type) {
  type = type.substr(0, type.find_first_of("; "));
  return type == "text/plain" || type == "application/json" || type == "text/x-diff" || type == "text/markdown";
}

// What a caller attached: only its bytes and its kind are taken over.
class Attachment final : public Collector {
 public:
  Attachment(std::string bytes, std::string media_type, std::size_t max_bytes)
      : bytes_(std::move(bytes)), media_type_(std::move(media_type)), max_bytes_(max_bytes) {}
  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    exhibit.media_type = media_type_;
    fill_text(exhibit, bytes_, bytes_.size(), context, max_bytes_, Keep::head);
    return exhibit;
  }

 private:
  std::string bytes_, media_type_;
  std::size_t max_bytes_;
};

// What several exhibits tell, in one order: an exhibit of its own, in the room that they left.
void add_timeline(core::Evidence& evidence, std::vector<Digested> const& digested, core::Time now, std::size_t room) {
  auto text = timeline_of(evidence.exhibits, digested);
  if (text.empty() || text.size() > room) return;
  std::string name = "timeline";
  for (int n = 2; std::ranges::find(evidence.exhibits, name, &core::Exhibit::name) != evidence.exhibits.end(); ++n) {
    name = "timeline-" + std::to_string(n);
  }
  core::Exhibit timeline{.name = name, .collector = "timeline", .bytes = std::move(text), .started = now};
  timeline.total_bytes = timeline.bytes.size();
  evidence.exhibits.push_back(std::move(timeline));
}

}  // namespace

// The looks of one collector; loop only.
struct Room::Line {
  unsigned under_way = 0;  // given to the workers and not back
  unsigned hanging = 0;    // of these: whose own deadline is long over
  std::deque<std::shared_ptr<Look>> waiting;
};

// One look: begun by a worker, or dropped before that because nobody waits for it any more.
struct Room::Look {
  std::atomic<bool> taken = false;
  std::function<void()> work;

  // False: it was dropped.
  bool begin() {
    bool const mine = !taken.exchange(true);
    if (mine) work();
    return mine;
  }
  // False: it has begun.
  bool drop() {
    bool const before = !taken.exchange(true);
    if (before) work = nullptr;  // and the order with it: behind one that hangs it may stand for long
    return before;
  }
};

struct Room::Order {
  Context context;
  core::Time began;  // by the loop's clock
  std::shared_ptr<ports::Redactor const> redactor;
  RoomSettings settings;
  struct Slot {
    core::Exhibit exhibit;  // name, collector, media type and start from the beginning
    Digested digested;
    bool open = true;
    ports::Loop::TimerId timer = 0;
    std::shared_ptr<Line> line;
    std::shared_ptr<Look> look;
    bool hangs = false;  // it was given up and counts in `line`
  };
  std::vector<Slot> slots;
  std::size_t waiting = 0;
  std::function<void(core::Evidence)> done;

  void put(std::size_t index, Produced produced) {
    auto& slot = slots[index];
    auto& exhibit = produced.exhibit;
    exhibit.name = slot.exhibit.name;
    exhibit.collector = slot.exhibit.collector;
    if (!is_text_type(exhibit.media_type)) exhibit.media_type = slot.exhibit.media_type;
    exhibit.started = slot.exhibit.started;
    slot.exhibit = std::move(exhibit);
    slot.digested = std::move(produced.digested);
  }
};

Room::Room(ports::Loop& loop, ports::Workers& workers, std::shared_ptr<ports::Redactor const> redactor,
           Collectors collectors, RoomSettings settings)
    : loop_(loop),
      workers_(workers),
      redactor_(std::move(redactor)),
      collectors_(std::move(collectors)),
      settings_(settings) {}

Room::~Room() {
  *alive_ = false;
  for (auto const& [key, order] : orders_) {
    for (auto& slot : order->slots) {
      loop_.cancel(slot.timer);
      if (slot.look) slot.look->drop();
      slot.look.reset();  // which holds the order
    }
  }
}

void Room::replace(Collectors collectors, RoomSettings settings, std::shared_ptr<ports::Redactor const> redactor) {
  collectors_ = std::move(collectors);
  settings_ = settings;
  redactor_ = std::move(redactor);
  lines_.clear();
}

std::shared_ptr<Room::Line> Room::line_of(Collector const& collector) {
  auto& line = lines_[&collector];
  if (!line) line = std::make_shared<Line>();
  return line;
}

void Room::collect(ports::EvidenceOrder asked, std::function<void(core::Evidence)> done) {
  auto const order = std::make_shared<Order>();
  order->redactor = redactor_;
  order->settings = settings_;
  order->began = loop_.now();
  // Collectors compare with what others wrote by the host's clock, which may have been set back behind ours.
  auto const now = loop_.wall();
  auto const lead = order->began - now;
  order->context = {.redactor = redactor_.get(),
                    .now = now,
                    .opened = asked.opened == core::Time{} ? asked.opened : asked.opened - lead,
                    .window_from = now - kRecentTime,
                    .labels = std::move(asked.labels),
                    .deadline = settings_.each};
  order->done = std::move(done);
  orders_[order.get()] = order;

  std::set<std::string> names;
  auto const add = [&](std::string const& wanted, std::string const& collector, std::string_view media_type) {
    auto const name = core::is_name(wanted) ? wanted : std::string("exhibit");
    auto unique = name;
    for (int n = 2; !names.insert(unique).second; ++n) unique = name.substr(0, 56) + "-" + std::to_string(n);
    auto& slot = order->slots.emplace_back();
    slot.exhibit.name = std::move(unique);
    slot.exhibit.collector = collector;
    slot.exhibit.media_type = media_type;
    slot.exhibit.started = order->began;
    ++order->waiting;
    return order->slots.size() - 1;
  };
  core::Exhibit const plain;

  // Every exhibit has its place before anybody starts: a worker may be done at once.
  struct Start {
    std::size_t index;
    Place place;
    std::shared_ptr<Line> line;
  };
  std::vector<Start> starting;
  std::vector<std::pair<std::size_t, std::string>> refused;
  auto at_once = kInlineBytes;
  for (auto& given : asked.attachments) {
    auto const media_type = is_text_type(given.media_type) ? given.media_type : plain.media_type;
    auto const index = add(given.name, given.collector, media_type);
    bool const small = given.bytes.size() <= at_once;
    if (small) at_once -= given.bytes.size();
    auto attachment = std::make_shared<Attachment>(std::move(given.bytes), media_type, settings_.max_total_bytes);
    if (small) {
      order->put(index, run_collector(*attachment, order->context));
      refused.emplace_back(index, "");
    } else {
      starting.push_back({index, Place{std::move(attachment)}, std::make_shared<Line>()});
    }
  }
  std::set<std::string> seen;
  for (auto const& key : asked.collectors) {
    if (!seen.insert(key).second) continue;
    auto const index = add(key, key, plain.media_type);
    auto const known = collectors_.find(key);
    if (seen.size() > settings_.max_collectors) {
      refused.emplace_back(
          index, "Not collected: one order takes at most " + std::to_string(settings_.max_collectors) + " collectors.");
    } else if (known == collectors_.end() || !known->second.collector) {
      refused.emplace_back(
          index, "There is no collector named '" + core::printable_ascii(key, 64) + "' in the configuration.");
    } else if (auto line = line_of(*known->second.collector); line->hanging == kAtOnce) {
      refused.emplace_back(index, kHangs);
    } else {
      starting.push_back({index, known->second, std::move(line)});
    }
  }
  for (auto& [index, why] : refused) {
    if (!why.empty()) order->slots[index].exhibit.error = std::move(why);
    order->slots[index].open = false;
    --order->waiting;
  }
  if (order->waiting == 0) {
    loop_.post([this, order, alive = alive_] {
      if (*alive) finish(order);
    });
  }
  for (auto& one : starting) start(order, one.index, std::move(one.place), std::move(one.line));
}

void Room::start(std::shared_ptr<Order> const& order, std::size_t index, Place place, std::shared_ptr<Line> line) {
  auto limit = place.timeout.count() > 0 ? place.timeout : order->settings.each;
  limit = std::min(limit, order->settings.overall);
  auto& slot = order->slots[index];
  slot.timer = loop_.call_after(limit, [this, order, index, limit] { give_up(order, index, limit); });
  auto look = std::make_shared<Look>();
  auto const until = std::chrono::steady_clock::now() + limit;  // by which the loop's timer stops waiting
  look->work = [this, &loop = loop_, &workers = workers_, order, index, context = order->context, limit, until,
                place = std::move(place), alive = alive_]() mutable {
    auto const left = std::chrono::duration_cast<core::Duration>(until - std::chrono::steady_clock::now());
    context.deadline = std::clamp(left, core::Duration(1), limit);
    auto produced = std::make_shared<Produced>(run_collector(*place.collector, context));
    loop.post([this, &workers, order, index, produced, alive] {
      auto& back = order->slots[index];
      auto const of = std::move(back.line);
      --of->under_way;
      if (back.hangs) {
        --of->hanging;
        workers.came_back();
      }
      if (!*alive) return;
      go_on(of);
      if (!back.open) return;  // too late: it has been reported as missing
      order->put(index, std::move(*produced));
      close(order, index);
    });
  };
  slot.line = line;
  slot.look = look;
  line->waiting.push_back(std::move(look));
  go_on(line);
}

void Room::go_on(std::shared_ptr<Line> const& line) {
  while (line->under_way < kAtOnce && !line->waiting.empty()) {
    auto look = std::move(line->waiting.front());
    line->waiting.pop_front();
    if (look->taken) continue;
    ++line->under_way;
    workers_.run([this, &loop = loop_, look = std::move(look), line, alive = alive_] {
      if (look->begin()) return;
      loop.post([this, line, alive] {
        --line->under_way;
        if (*alive) go_on(line);
      });
    });
  }
}

void Room::give_up(std::shared_ptr<Order> const& order, std::size_t index, core::Duration after) {
  auto& slot = order->slots[index];
  if (!slot.open) return;
  slot.exhibit.duration = after;
  slot.exhibit.error = "No answer within " + core::format_duration(after) + ": this evidence is missing.";
  if (slot.look->drop()) {
    slot.line.reset();
  } else {
    // Slow ones come back soon now: commands are killed, and the others look at their deadline.
    loop_.call_after(kHangsAfter, [this, order, index, alive = alive_] {
      auto& late = order->slots[index];
      if (!*alive || !late.line) return;
      late.hangs = true;
      ++late.line->hanging;
      workers_.hangs();
    });
  }
  close(order, index);
}

void Room::close(std::shared_ptr<Order> const& order, std::size_t index) {
  auto& slot = order->slots[index];
  loop_.cancel(slot.timer);
  slot.timer = 0;
  slot.look.reset();  // which holds the order
  slot.open = false;
  if (--order->waiting == 0) finish(order);
}

void Room::finish(std::shared_ptr<Order> const& order) {
  orders_.erase(order.get());
  core::Evidence evidence;
  std::vector<Digested> digested;
  // What a caller attached takes the room that is left: it must not crowd out what the runbook's author wants seen.
  auto left = order->settings.max_total_bytes;
  for (bool const attached : {false, true}) {
    for (auto& slot : order->slots) {
      if (is_attached(slot.exhibit) != attached) continue;
      if (cut_text(slot.exhibit.bytes, left, Keep::tail)) slot.exhibit.truncated = true;
      left -= std::min(left, slot.exhibit.bytes.size());
    }
  }
  for (auto& slot : order->slots) {
    evidence.exhibits.push_back(std::move(slot.exhibit));
    digested.push_back(std::move(slot.digested));
  }
  evidence.highlights =
      pick_highlights(evidence.exhibits, digested, window_of(order->context.window_from, order->context.now));
  add_timeline(evidence, digested, order->began, left);
  auto const done = std::move(order->done);
  done(std::move(evidence));
}

}  // namespace collectors
