// Puts the long evidence of a pending request into the thread of each of its cards, once a copy. It comes after
// everything else: one file at a time a platform, and whatever goes wrong here is logged and counted, never anybody
// else's trouble. Nothing of it is in the ledger but the exhibits themselves: after a restart the platform is asked
// whether a file stands, and a note of ours says as what. Private to engine.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/long_evidence.hpp"
#include "bot/core/step.hpp"
#include "bot/ports.hpp"

namespace engine {

class Enclosures {
 public:
  // `changed`: a copy should say something else about its files than it did.
  Enclosures(ports::Loop& loop, ports::Log& log, ports::Papers& papers, ports::Notebook& notebook,
             std::vector<ports::ChatAdapter*> adapters, core::State const& state,
             std::function<void(core::RequestId const&)> changed)
      : loop_(loop),
        log_(log),
        papers_(papers),
        notebook_(notebook),
        adapters_(std::move(adapters)),
        state_(state),
        changed_(std::move(changed)) {
    load();
  }
  ~Enclosures();

  // This card stands now. `ours`: this process posted it, so nothing can be in its thread yet; else the platform is
  // asked first, and where it can't be asked nothing is put there.
  void card_stands(core::RequestId const& id, core::PostState const& card, bool ours);

  // What the card of this post says of them.
  core::ThreadFiles files_of(std::string const& post_key, ports::ChatAdapter const& on) const;

  std::vector<ports::Figure> figures() const;

 private:
  struct Enclosure {
    std::string card;  // post key and platform
    core::RequestId request;
    std::string channel;
    ports::MessageRef thread;
    core::LongExhibit exhibit;
    std::string key;  // of its message
    core::Time since;
    bool look = false;
  };
  struct Standing {  // what a card's files are, where it differs from the platform's usual way
    core::RequestId request;
    std::map<std::string, core::InThread> by_path{};
  };
  struct Lane {  // of one platform
    ports::ChatAdapter* adapter = nullptr;
    std::deque<Enclosure> waiting;  // the front one is being put there
    bool busy = false;
  };

  void pump(std::string const& platform);
  void read(std::string const& platform);
  void attach(std::string const& platform, std::string bytes);
  void note(Lane const& lane, Enclosure const& one, core::InThread const& as);
  void end(std::string const& platform, char const* result, std::string const& why = {});
  bool decided(Enclosure const& one) const;
  core::InThread const* known(Enclosure const& one) const;
  bool stands(Enclosure const& one) const;
  bool over(core::RequestId const& id) const;
  void load();
  void save();
  void write_note();

  ports::Loop& loop_;
  ports::Log& log_;
  ports::Papers& papers_;
  ports::Notebook& notebook_;
  std::vector<ports::ChatAdapter*> adapters_;
  core::State const& state_;
  std::function<void(core::RequestId const&)> changed_;
  std::map<std::string, Standing> unusual_;                              // by card
  bool save_later_ = false;                                              // a timer will write the note
  std::map<std::string, Lane> lanes_;                                    // by platform
  std::set<std::string> seen_;                                           // cards, by post key and platform
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;  // by platform and result
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);                // workers and the loop may hear of us late
};

}  // namespace engine
