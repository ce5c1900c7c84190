// Evidence in a card's thread. A bot can put no file into a channel of Teams (it may ask a person for consent to put
// one into their own OneDrive, one to one), so its text stands there: all of it where two replies hold it, else its
// beginning and its end. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/teams/outbox.hpp"

namespace teams {

class Files {
 public:
  using Done = std::function<void(core::Result<core::InThread>)>;

  Files(Outbox& outbox, Counters& counters) : outbox_(outbox), counters_(counters) {}

  void attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile const& file, std::string key,
              Done done);
  void stop() { alive_.end(); }

 private:
  struct Attachment {
    std::string channel;
    ports::MessageRef thread;
    std::vector<core::Note> parts;
    std::string key;
    Done done;
    std::size_t next = 0;
  };

  void post(std::shared_ptr<Attachment> const& one);

  Outbox& outbox_;
  Counters& counters_;
  Alive alive_;
};

}  // namespace teams
