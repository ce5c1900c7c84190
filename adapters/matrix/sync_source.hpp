// The long poll of the client-server API: any homeserver, an ordinary account. The position is noted only after every
// event up to it was answered, so a crash repeats and never loses. Loop thread only.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "adapters/matrix/history.hpp"
#include "adapters/matrix/source.hpp"

namespace matrix {

class SyncSource : public EventSource {
 public:
  SyncSource(Parts const& parts, Settings const& settings, Client& client, Inbox& inbox, Counters& counters,
             SourceHandler handler);

  void start() override;
  void stop() override;

 private:
  struct Batch {
    std::string next;
    bool done = false;
  };
  // One answer on its way into the inbox: its gaps are filled room by room.
  struct Answer {
    SyncAnswer sync;
    bool cold = false;   // read without a position
    bool holed = false;  // a gap could not be read: the position stays, and the next poll gives the same again
    std::size_t at = 0;
    std::vector<Event> events;
  };

  void poll();
  void answered(Client::Outcome const& outcome);
  void failed(std::string const& why, core::Duration least = {});
  void take_room(std::shared_ptr<Answer> const& answer);
  void fill(std::shared_ptr<Answer> const& answer, SyncRoom& room, std::string to);
  void take_all(std::shared_ptr<Answer> const& answer);
  void settle();
  std::string filter() const;

  Parts parts_;
  Settings const& settings_;
  Client& client_;
  Inbox& inbox_;
  Counters& counters_;
  SourceHandler handler_;
  History history_;
  net::Backoff backoff_;
  std::string since_;  // of the next poll; the inbox has the one to restart from
  std::deque<std::shared_ptr<Batch>> batches_;
  unsigned limit_;  // events of a room in one answer
  core::Time polled_{}, cold_until_{};
  ports::Loop::TimerId overdue_ = 0;  // of the poll under way
  bool first_ = true, polling_ = false, stopped_ = false;
  Alive alive_;
};

}  // namespace matrix
