// ports::Programs over this host's files.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bot/cli/host.hpp"
#include "bot/core/text.hpp"
#include "bot/process/program.hpp"

namespace cli {

namespace {

constexpr auto kLookLimit = std::chrono::seconds(10);

std::string shown(std::string const& name) { return "the program " + core::printable_ascii(name, 200); }

// On a worker.
core::Result<core::ProgramIdentity> identity_of(std::string const& name, ports::Log& log) {
  auto const opened = process::open_program(name);
  if (!opened) return core::make_error(core::Errc::not_found, shown(name) + ": " + opened.error().text);
  auto const& found = opened->identity();
  if (opened->writable_by_others())
    log.warn("another account can change a program that a runbook runs: give it and the folders above it to root",
             {{"program", found.path}});
  core::ProgramIdentity identity{.path = found.path, .sha256 = found.sha256};
  if (found.interpreter)
    identity.interpreter = core::ProgramIdentity::Interpreter{found.interpreter->path, found.interpreter->sha256,
                                                              found.interpreter->argument.value_or("")};
  return identity;
}

class HostPrograms final : public ports::Programs {
 public:
  HostPrograms(ports::Loop& loop, ports::Workers& workers, ports::Log& log)
      : loop_(loop), workers_(workers), log_(log) {}

  // Whoever asks for a program that is being looked at waits for that look: so one that hangs costs one thread.
  void identify(std::vector<std::string> names, std::function<void(Found)> done) override {
    auto const asked = std::make_shared<Asked>();
    asked->missing.insert(names.begin(), names.end());
    asked->done = std::move(done);
    if (asked->missing.empty()) return loop_.post([asked] { asked->done({}); });
    asked->limit = loop_.call_after(kLookLimit, [asked, looks = looks_, &workers = workers_, &log = log_] {
      give_up(*looks, asked, workers, log);
    });
    for (auto const& name : asked->missing) {
      auto& look = (*looks_)[name];
      if (!look) look = std::make_shared<Look>();
      look->asking.push_back(asked);
      if (std::exchange(look->given, true)) continue;
      workers_.run([&loop = loop_, &workers = workers_, &log = log_, looks = looks_, look, name] {
        look->begun = true;
        loop.post([&loop, &workers, looks, name, identity = identity_of(name, log)] {
          found(*looks, loop, workers, name, identity);
        });
      });
    }
  }

 private:
  struct Asked {  // by one call
    std::set<std::string> missing;
    Found found;
    std::function<void(Found)> done;
    ports::Loop::TimerId limit = 0;
  };
  struct Look {  // at one name
    std::vector<std::shared_ptr<Asked>> asking;
    std::atomic<bool> begun = false;  // by a worker
    bool given = false, hangs = false;
  };
  using Looks = std::map<std::string, std::shared_ptr<Look>>;  // on the loop only

  static void found(Looks& looks, ports::Loop& loop, ports::Workers& workers, std::string const& name,
                    core::Result<core::ProgramIdentity> const& identity) {
    auto const look = std::move(looks.extract(name).mapped());
    if (look->hangs) workers.came_back();
    for (auto const& asked : look->asking) {
      asked->missing.erase(name);
      asked->found.emplace(name, identity);
      if (!asked->missing.empty()) continue;
      loop.cancel(asked->limit);
      asked->done(std::move(asked->found));
    }
  }

  static void give_up(Looks& looks, std::shared_ptr<Asked> const& asked, ports::Workers& workers, ports::Log& log) {
    for (auto const& name : asked->missing) {
      auto& look = *looks.at(name);
      std::erase(look.asking, asked);
      bool const hangs = look.begun;
      if (hangs && !std::exchange(look.hangs, true)) {
        log.warn("a program that a runbook runs does not answer: is its file system dead?", {{"program", name}});
        workers.hangs();
      }
      std::string const why = hangs ? ": its file gave no answer within " + core::format_duration(kLookLimit) +
                                          "; is its file system dead? Ask again when it answers."
                                    : ": nobody could look at its file within " + core::format_duration(kLookLimit) +
                                          ", since those of others give no answer. Ask again.";
      asked->found.emplace(name, core::make_error(core::Errc::timed_out, shown(name) + why));
    }
    asked->done(std::move(asked->found));
  }

  ports::Loop& loop_;
  ports::Workers& workers_;
  ports::Log& log_;
  std::shared_ptr<Looks> looks_ = std::make_shared<Looks>();
};

}  // namespace

std::unique_ptr<ports::Programs> make_programs(ports::Loop& loop, ports::Workers& workers, ports::Log& log) {
  return std::make_unique<HostPrograms>(loop, workers, log);
}

}  // namespace cli
