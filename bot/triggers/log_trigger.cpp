#include "bot/triggers/log_trigger.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr core::Duration kSaveAfter{500};  // the position is kept at most so often
constexpr core::Duration kStuckAfter{30'000};
constexpr core::Duration kAgainAfter{1'000};  // what could not be recorded is tried again
constexpr std::size_t kMostNote = 4u << 20;
constexpr std::uint32_t kMostMatches = 10'000;  // of one look

class OwnThread final : public ports::Workers {
 public:
  OwnThread() : desk_(std::make_shared<Desk>()) {
    std::thread([desk = desk_] { desk->serve(); }).detach();
  }
  ~OwnThread() override {
    std::lock_guard const lock(desk_->mutex);
    desk_->ending = true;
    desk_->wake.notify_all();
  }
  void run(std::function<void()> work) override {
    std::lock_guard const lock(desk_->mutex);
    desk_->queue.push_back(std::move(work));
    desk_->wake.notify_all();
  }

 private:
  struct Desk {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> queue;
    bool ending = false;

    void serve() {
      std::unique_lock lock(mutex);
      for (;;) {
        wake.wait(lock, [this] { return ending || !queue.empty(); });
        if (ending) return;
        auto const work = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        work();
        lock.lock();
      }
    }
  };
  std::shared_ptr<Desk> desk_;
};

}  // namespace

std::shared_ptr<ports::Workers> make_own_thread() { return std::make_shared<OwnThread>(); }

struct LogTrigger::Seen {
  std::map<std::string, LogGroups::Group> groups;
  LogReader::Look look;
  std::optional<LogPosition> position;
};

struct LogTrigger::Shared {
  Shared(ports::Loop& to, LogReaderSettings settings_of, std::optional<LogPosition> from,
         std::unique_ptr<LineMatcher> by, core::TriggerRule of, std::shared_ptr<ports::Redactor const> with)
      : loop(&to),
        settings(std::move(settings_of)),
        reader(settings, std::move(from)),
        matcher(std::move(by)),
        rule(std::move(of)),
        redactor(std::move(with)) {}

  // On the thread.
  Seen look() {
    if (auto const from = std::exchange(back_to, std::nullopt)) reader = LogReader(settings, from);
    LogGroups groups(
        [this](std::map<std::string, std::string> const& labels) {
          auto all = rule.labels;  // as Occurrences::key_of does
          all.insert(labels.begin(), labels.end());
          return core::Noise::key_of(rule, all);
        },
        *redactor);
    std::uint32_t matches = 0;
    Seen seen;
    seen.look = reader.read([&](std::string_view lines) {
      return matcher->scan(lines, [&](std::string_view line, LineMatcher::Groups const& found) {
        groups.add(line, found);
        return ++matches < kMostMatches && !groups.full();
      });
    });
    seen.groups = groups.all();
    seen.position = reader.position();
    return seen;
  }

  void post(std::function<void()> work) {  // on the thread
    std::lock_guard const lock(gate);
    if (loop) loop->post(std::move(work));
  }
  void close() {  // on the loop
    std::lock_guard const lock(gate);
    loop = nullptr;
  }

  // A look that comes back after the trigger has gone may find no loop either: nobody waits for the thread.
  std::mutex gate;
  ports::Loop* loop;
  LogReaderSettings settings;
  LogReader reader;
  std::optional<LogPosition> back_to{};  // where the next look begins; set while none is under way
  std::unique_ptr<LineMatcher> matcher;
  core::TriggerRule rule;
  std::shared_ptr<ports::Redactor const> redactor;
  LogTrigger* owner = nullptr;  // on the loop's thread only; null once the trigger has gone
};

core::Result<std::unique_ptr<LogTrigger>> LogTrigger::make(LogParts parts, WatchParts watch, core::TriggerRule rule,
                                                           LogSettings settings) {
  auto matcher = LineMatcher::make(settings.match, settings.except);
  if (!matcher) return matcher.error();
  return std::unique_ptr<LogTrigger>(
      new LogTrigger(std::move(parts), watch, std::move(rule), std::move(settings), std::move(*matcher)));
}

LogTrigger::LogTrigger(LogParts parts, WatchParts watch, core::TriggerRule rule, LogSettings settings,
                       std::unique_ptr<LineMatcher> matcher)
    : parts_(std::move(parts)),
      desk_(watch.desk),
      settings_(std::move(settings)),
      occurrences_(watch, rule),
      counter_(parts_.loop, occurrences_, settings_.rule),
      note_("log-" + core::sha256_hex(rule.name + '\n' + settings_.path).substr(0, 32)) {
  auto const kept = parts_.notebook.read(note_);
  if (!kept) parts_.log.warn("a log is read from its end", {{"trigger", rule.name}, {"why", kept.error().message}});
  if (kept && *kept) {
    saved_ = **kept;
    if (auto const json = core::parse_json(**kept, {.max_bytes = kMostNote})) {
      position_ = LogPosition::from_json((*json)["position"]);
      counter_.restore((*json)["pending"]);
    }
  }
  shared_ =
      std::make_shared<Shared>(parts_.loop, LogReaderSettings{.path = settings_.path, .max_line = settings_.max_line},
                               position_, std::move(matcher), std::move(rule), parts_.redactor);
  shared_->owner = this;
  counter_.begin();
  look();
}

LogTrigger::~LogTrigger() {
  shared_->owner = nullptr;
  shared_->close();
  for (auto const timer : {timer_, save_timer_, stuck_timer_}) parts_.loop.cancel(timer);
  save();
}

void LogTrigger::look() {
  timer_ = 0;
  if (again_ && !go_back()) {
    timer_ = parts_.loop.call_after(kAgainAfter, [this] { look(); });
    return;
  }
  stuck_timer_ = parts_.loop.call_after(kStuckAfter, [this] {
    stuck_timer_ = 0;
    parts_.log.warn("a followed log does not answer: is its file system dead?",
                    {{"trigger", occurrences_.rule().name}, {"path", settings_.path}});
  });
  parts_.thread->run([shared = shared_] {
    auto seen = std::make_shared<Seen>(shared->look());
    shared->post([shared, seen] {
      if (shared->owner) shared->owner->looked(std::move(*seen));
    });
  });
}

void LogTrigger::looked(Seen seen) {
  parts_.loop.cancel(std::exchange(stuck_timer_, 0));
  for (auto const& said : seen.look.said)
    parts_.log.warn("a followed log",
                    {{"trigger", occurrences_.rule().name}, {"path", settings_.path}, {"says", said}});
  position_ = std::move(seen.position);
  unrecorded_ += counter_.take(seen.groups, [shared = shared_](core::Reply const& reply) {
    if (shared->owner) shared->owner->recorded(reply);
  });
  if (saved_.empty()) save();  // where to go back to
  keep_position();
  // At once while more is there: each look is bounded, and others have their turn between two of them.
  timer_ = parts_.loop.call_after(seen.look.more ? core::Duration{0} : settings_.every, [this] { look(); });
}

void LogTrigger::recorded(core::Reply const& reply) {
  --unrecorded_;
  // Of what is refused for another reason nothing else comes when it is read again.
  if (reply.code == core::Errc::unavailable) again_ = parts_.loop.now() + kAgainAfter;
  keep_position();
}

// To the last position that was kept, with the lines that waited then: as after a kill. Not while it would be in vain.
bool LogTrigger::go_back() {
  if (unrecorded_ > 0 || parts_.loop.now() < *again_ || !desk_.writable()) return false;
  again_.reset();
  auto const kept = core::parse_json(saved_, {.max_bytes = kMostNote});
  auto position = kept ? LogPosition::from_json((*kept)["position"]) : std::nullopt;
  if (!position && position_)  // nothing was kept: the file appeared later and was read from its beginning
    position = LogPosition{.device = position_->device, .inode = position_->inode, .offset = 0, .tail = {}};
  if (!position) return true;
  position_ = position;
  counter_.restore(kept ? (*kept)["pending"] : core::Json::array());
  shared_->back_to = position;
  return true;
}

void LogTrigger::keep_position() {
  if (save_timer_ != 0) return;
  save_timer_ = parts_.loop.call_after(kSaveAfter, [this] {
    save_timer_ = 0;
    save();
  });
}

// Only what is on record counts as read: a kill at any moment repeats lines (whose case is open then) and loses none.
void LogTrigger::save() {
  if (!position_ || unrecorded_ > 0 || again_) return;
  auto text = core::dump(core::Json::object({{"position", position_->to_json()}, {"pending", counter_.pending()}}));
  if (text == saved_) return;
  saved_ = text;
  parts_.notebook.write(note_, std::move(text));
}

}  // namespace triggers
