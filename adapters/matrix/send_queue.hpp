// Everything that counts against the homeserver's rate limit, most urgent first: what people wait for before what is
// nice to have. One at a time a room, so that nothing overtakes what it follows. Loop thread only.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>

#include "adapters/matrix/bucket.hpp"
#include "adapters/matrix/client.hpp"

namespace matrix {

// Within one urgency in the order of the calls.
enum class Urgency {
  decision,  // a card that tells a decision, or is to be decided
  answer,    // words for a person who waits
  seed,      // the reactions to tap
  note,      // outcomes, notices
  tidy,      // what may wait for ever
};

class SendQueue {
 public:
  using Make = std::function<Client::Call()>;  // asked at each try: what waited is sent as it is then

  SendQueue(Parts const& parts, Client& client) : parts_(parts), client_(client) {}

  // A refusal for sending too fast is waited out here; everything else is `done`'s.
  void send(std::string room, Urgency urgency, Make make, Client::Done done);
  std::size_t waiting() const { return waiting_.size(); }
  core::Duration interval() const { return bucket_.interval(); }
  void stop();

 private:
  struct Item {
    std::string room;
    Urgency urgency = Urgency::note;
    Make make;
    Client::Done done;
  };
  using Ref = std::shared_ptr<Item>;

  void pump();
  void start(Ref const& item);
  void answered(Ref const& item, Client::Outcome const& outcome);

  Parts parts_;
  Client& client_;
  Bucket bucket_;
  std::list<Ref> waiting_;  // by urgency, then by time
  std::set<std::string> busy_;
  ports::Loop::TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace matrix
