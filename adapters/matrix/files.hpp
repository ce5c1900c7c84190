// Evidence as files in a card's thread: uploaded, then named by an m.file event, which a repetition of the same
// transaction can't double. What the homeserver does not take stands there as text. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/matrix/outbox.hpp"

namespace matrix {

class Files {
 public:
  using Done = std::function<void(core::Result<core::InThread>)>;

  Files(Parts const& parts, Client& client, Outbox& outbox, Counters& counters, Outbox::Closed closed)
      : parts_(parts), client_(client), outbox_(outbox), counters_(counters), closed_(std::move(closed)) {}

  void attach(std::string room, ports::MessageRef const& thread, ports::ChatFile file, std::string key,
              core::Time since, Done done);
  void stop() { alive_.end(); }

 private:
  struct Attachment {
    std::string room;
    ports::MessageRef thread;
    core::LongExhibit exhibit;
    std::shared_ptr<std::string const> bytes;
    std::string key;
    core::Time since;
    Done done;
  };
  using Ref = std::shared_ptr<Attachment>;

  void ask_limit(Ref const& one);
  void upload(Ref const& one);
  void uploaded(Ref const& one, Client::Outcome const& outcome);
  void show_text(Ref const& one, std::string const& why);
  void post(Ref const& one, core::Json content, core::InThread as);

  Parts parts_;
  Client& client_;
  Outbox& outbox_;
  Counters& counters_;
  Outbox::Closed closed_;
  std::optional<std::uint64_t> limit_;  // bytes of an upload, once known
  bool asked_ = false;
  Alive alive_;
};

}  // namespace matrix
