// Evidence in a card's thread. A bot can put no file into a channel of Teams (it may ask a person for consent to put
// one into their own OneDrive, one to one), so its text stands there in pages, one after the other and only while
// nothing else of the conversation waits: all of it where twenty hold it, else its beginning and its end. Loop thread
// only.
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

  Files(Settings const& settings, Outbox& outbox, Counters& counters)
      : settings_(settings), outbox_(outbox), counters_(counters) {}

  void attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile const& file, std::string key,
              Done done);
  void stop() { alive_.end(); }

 private:
  struct Attachment {
    std::string channel;
    ports::MessageRef thread;
    std::vector<core::Note> pages;
    std::string key;
    Done done;
    std::size_t next = 0;
    std::string link{};  // to the first page
  };

  void post(std::shared_ptr<Attachment> const& one);

  Settings const& settings_;
  Outbox& outbox_;
  Counters& counters_;
  Alive alive_;
};

}  // namespace teams
