// Transactions of an application service over a WebSocket (fi.mau.as_sync, client version 3), as mautrix-wsproxy and
// mautrix-asmux serve them.
//
// wsproxy tells the homeserver that all is well as soon as a frame is written, so what is in a broken link is gone for
// it; and while nobody is connected the homeserver holds back for up to 8.5 minutes. Hence each configured room is read
// back to the last handled event after every connection, and again and again until the first transaction shows that the
// homeserver has noticed us. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/matrix/history.hpp"
#include "adapters/matrix/source.hpp"

namespace matrix {

class WebSocketSource : public EventSource {
 public:
  WebSocketSource(Parts const& parts, Settings const& settings, Client& client, Inbox& inbox, Counters& counters,
                  SourceHandler handler);

  void start() override;
  void stop() override;

 private:
  // A room of which it is not known what was said there while nobody listened: nothing of it counts until it is.
  struct Unread {
    bool due = true;  // to be read
    bool reading = false;
    bool missed = false;  // more was said than `came` holds: read it once more
    // By transaction, until it was read: of a room that is new to us nothing else tells what is no history.
    std::vector<Event> came;
  };

  void learn(std::shared_ptr<std::deque<std::string>> const& rooms);
  void dial();
  void received(std::string const& text, bool binary);
  void greeted();
  void transaction(Frame frame);
  void ended(net::WebSocketEnd const& end);
  void drop(std::string const& why);
  void ping();
  void back_fill();
  void read_next();
  void was_read(std::string const& room, std::vector<Event> events, History::End end);
  void take_read(std::string const& room, std::vector<Event> events, History::End end, bool fresh,
                 std::vector<Event> const& came);
  void read_later();

  Parts parts_;
  Settings const& settings_;
  Inbox& inbox_;
  Counters& counters_;
  SourceHandler handler_;
  History history_;
  net::Backoff backoff_;
  std::unique_ptr<net::WebSocket> socket_;
  std::uint64_t link_ = 0;  // which connection: answers go to the one that asked
  bool open_ = false, greeted_ = false, noticed_ = false, stopped_ = false;
  core::Time greeted_at_{};
  std::int64_t last_ping_ = 0, awaited_ping_ = 0;
  ports::Loop::TimerId hello_timer_ = 0, ping_timer_ = 0, pong_timer_ = 0, fill_timer_ = 0, unread_timer_ = 0,
                       dial_timer_ = 0;
  std::map<std::string, Unread> unread_;
  std::size_t reading_ = 0;  // of them
  Alive alive_;
};

// "wss://host/base/_matrix/client/unstable/fi.mau.as_sync" of "https://host/base/".
std::string as_sync_url(std::string const& base);

}  // namespace matrix
