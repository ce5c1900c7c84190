// Evidence as files in a card's thread: three steps (docs.slack.dev /messaging/working-with-files), with a line of text
// before them that names digest and place, because a file itself can carry no key to find it by. Where Slack takes no
// file that line becomes the text of it. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/slack/outbox.hpp"

namespace slack {

class Files {
 public:
  using Done = std::function<void(core::Result<core::InThread>)>;

  Files(Parts const& parts, WebApi& api, Outbox& outbox, Counters& counters)
      : parts_(parts), api_(api), outbox_(outbox), counters_(counters) {}

  void attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile file, std::string key,
              core::Time since, Done done);
  void stop() { alive_.end(); }

 private:
  struct Attachment {
    std::string channel;
    ports::MessageRef thread;
    ports::ChatFile file;
    std::string key;
    core::Time since;
    Done done;
    std::string id;  // Slack's, once it has the bytes
    unsigned rounds = 0;
  };
  using Ref = std::shared_ptr<Attachment>;

  void ask_where(Ref const& one);
  void upload(Ref const& one, std::string const& url);
  void announce(Ref const& one);
  void share(Ref const& one, ports::MessageRef const& note);
  void show_text(Ref const& one, std::string const& why);
  core::Json text_of(Attachment const& one) const;

  Parts parts_;
  WebApi& api_;
  Outbox& outbox_;
  Counters& counters_;
  Alive alive_;
};

}  // namespace slack
