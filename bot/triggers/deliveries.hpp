// What was delivered to a webhook before, on disk: a repeated delivery is answered as the first one was, also after a
// restart (invariant 3).
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bot/ports.hpp"
#include "bot/triggers/occurrences.hpp"

namespace triggers {

// Loop thread only; writing blocks a worker.
class Deliveries {
 public:
  static constexpr std::size_t kMost = 10'000;  // that are remembered; the oldest is forgotten first

  // Reads the file (blocks: at start only). What was held back then is not remembered: nobody holds it any more, so
  // that it has to be taken anew when it comes again. A line that can't be read is left out, as a crash leaves one.
  Deliveries(std::filesystem::path file, ports::Loop& loop, ports::Workers& workers, ports::Log& log);
  ~Deliveries();
  Deliveries(Deliveries const&) = delete;
  Deliveries& operator=(Deliveries const&) = delete;

  Became const* find(std::string const& once) const;
  // Remembered at once. A second one of that name changes nothing.
  void remember(std::string const& once, std::string const& occurrence, Became became);
  // What was remembered since the last call is durable when `then` runs on the loop (or could not be written: said in
  // the log; within this process it is remembered all the same).
  void write(std::function<void()> then);

 private:
  struct File;
  struct Known {
    Became became;
    std::string occurrence;
  };
  void forget_oldest();
  void load(std::string const& bytes);

  std::shared_ptr<File> file_;  // with the worker
  ports::Loop& loop_;
  ports::Workers& workers_;
  ports::Log& log_;
  std::map<std::string, Known> known_;
  std::deque<std::string> order_;
  std::vector<std::string> fresh_;  // not written yet
  bool cut_ = false;                // the file's last line has no end: a crash
  std::size_t lines_ = 0;           // in the file
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace triggers
