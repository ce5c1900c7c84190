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
  refusal,   // a card that nobody must go on deciding
  decision,  // a card that tells another decision, or is to be decided
  progress,  // what else changes on a card
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
  struct Item {
    std::string room;
    Urgency urgency = Urgency::note;
    Make make;
    Client::Done done;
  };
  std::weak_ptr<Item> send(std::string room, Urgency urgency, Make make, Client::Done done);
  // What still waits goes as soon as this urgency allows.
  void hasten(std::weak_ptr<Item> const& sent, Urgency urgency);
  std::size_t waiting() const { return waiting_.size(); }
  core::Duration interval() const { return bucket_.interval(); }
  void stop();

 private:
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
