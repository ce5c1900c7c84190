// Keeps what configurations looked like while all was well, for the collectors `config` (collectors/README.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bot/core/state.hpp"
#include "bot/ports.hpp"
#include "collectors/config.hpp"

namespace cli {

class ConfigWatch {
 public:
  struct Parts {
    ports::Loop& loop;
    ports::Workers& workers;
    ports::Log& log;
    std::shared_ptr<ports::Redactor const> redactor;
    std::function<core::State const&()> state;
  };
  ConfigWatch(Parts parts, std::vector<collectors::ConfigSettings> watched);
  ~ConfigWatch();

  void replace(std::vector<collectors::ConfigSettings> watched);  // after a reload

  // How a collector stands by what the ledger says: no open case of a trigger that collects it waits for recovery; when
  // a run of a runbook that collects it (or whose case's trigger does) succeeded last. Pure.
  struct Standing {
    bool well = false;  // false too for one that no trigger watches: nobody would know
    core::Time succeeded;
  };
  static Standing standing(core::State const& state, std::string const& collector);

 private:
  void look();

  Parts parts_;
  std::vector<collectors::ConfigSettings> watched_;
  std::map<std::string, core::Time> kept_;  // of which success a version was kept already
  ports::Loop::TimerId timer_ = 0;
  std::shared_ptr<std::map<std::string, bool>> busy_ = std::make_shared<std::map<std::string, bool>>();
  core::Time began_;
};

}  // namespace cli
