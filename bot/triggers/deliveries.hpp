// What was delivered to a webhook before, on disk: a repeated delivery is answered as the first one was, also after a
// restart (invariant 3).
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bot/ports.hpp"
#include "bot/triggers/occurrences.hpp"

namespace triggers {

// What is remembered of a signal, by its name.
struct Delivered {
  std::string occurrence;
  std::string instance;  // what of the occurrence it is about; empty: all of it
  Became became;
  core::Time at{};  // when it was remembered
};

// Loop thread only; writing blocks a worker.
class Deliveries {
 public:
  static constexpr std::size_t kMost = 10'000;  // that are remembered; the oldest is forgotten first

  // Reads the file (blocks: at start only). What was held back then is not remembered: nobody holds it any more, so
  // that it has to be taken anew when it comes again. A line that can't be read is left out, as a crash leaves one.
  // Without a file nothing outlives the process, as in a rehearsal.
  Deliveries(std::filesystem::path file, ports::Loop& loop, ports::Workers& workers, ports::Log& log);
  ~Deliveries();
  Deliveries(Deliveries const&) = delete;
  Deliveries& operator=(Deliveries const&) = delete;

  Became const* find(std::string const& once) const;
  // Remembered at once. A second one of that name changes nothing.
  void remember(std::string const& once, Delivered what);
  // These occurrences are over, though no delivery said so. `forget`: and what comes of them again is news.
  void over(std::set<std::string> const& occurrences, bool forget);
  // `then` runs on the loop once all that is remembered and forgotten now is durable: true; or it could not be written:
  // false, and it is said in the log. It is remembered all the same, and written with what comes next. One write at a
  // time: those that come meanwhile wait for it.
  void write(std::function<void(bool durable)> then);

  // How an earlier process left each occurrence, by what the file said at the start; once.
  struct Left {
    std::set<std::string> instances;         // that stand
    std::optional<core::Time> recovered_at;  // if that is the last that was said of it
  };
  std::map<std::string, Left> take_left() { return std::exchange(left_, {}); }

 private:
  struct File;
  void forget_oldest();
  void load(std::string const& bytes);
  void write_next();
  struct Over {
    core::Time at;
    bool forgotten = false;
  };
  void wrote(std::string const& why, bool anew, std::vector<std::string> names, std::map<std::string, Over> gone,
             std::vector<std::function<void(bool)>> const& thens);

  std::shared_ptr<File> file_;  // with the worker
  ports::Loop& loop_;
  ports::Workers& workers_;
  ports::Log& log_;
  std::map<std::string, Delivered> known_;
  std::deque<std::string> order_;
  std::vector<std::string> fresh_;    // not written yet
  std::map<std::string, Over> gone_;  // occurrences that are over, which the file does not say yet
  std::vector<std::function<void(bool)>> waiting_;
  bool writing_ = false;   // a worker has not come back
  bool cut_ = false;       // the file's last line may have no end: a crash, a full disk
  std::size_t lines_ = 0;  // in the file
  std::map<std::string, Left> left_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace triggers
