// The standing Socket Mode connections: opened, renewed without a gap, watched, and told from those of a stranger.
// Loop thread only. docs.slack.dev /apis/events-api/using-socket-mode.
//
// A slot is one standing connection. It holds the link that is in use and, while that is being replaced, the one that
// is being opened; a replaced link goes on reading and acknowledging until the platform closes it, unless its room is
// needed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/slack/web_api.hpp"

namespace slack {

class SocketMode {
 public:
  using LinkId = std::uint64_t;  // never used twice

  struct Handler {
    std::function<void(LinkId link, std::string frame, Envelope envelope)> on_envelope;
    std::function<void(bool connected, std::string detail)> on_state;
    std::function<void(std::string detail)> on_refused{};  // the app token, for good: given up
  };

  // `last`: what another one named its last link, so that no id comes twice.
  SocketMode(Parts const& parts, Settings const& settings, WebApi& api, Counters& counters, Handler handler,
             LinkId last = 0);
  ~SocketMode();

  void start();
  void stop();
  // For good, e.g. because a token is dead.
  void give_up(core::Error const& error);

  // On the link that the envelope came by, or not at all: no other will do. False when that link is gone.
  bool acknowledge(LinkId link, std::string const& envelope, core::Json const& payload);
  // The app as Slack's hello names it; empty before the first one.
  std::string const& app() const { return app_; }
  LinkId last_link() const { return last_; }
  // Another instance takes part in this app's traffic.
  bool foreign() const { return foreign_; }

 private:
  struct Link;
  struct Slot {
    std::shared_ptr<Link> link, next;
    LinkId old = 0;  // the one that was replaced last
    std::unique_ptr<net::Backoff> backoff;
    ports::Loop::TimerId redial = 0;
  };
  static constexpr std::size_t kProbe = ~std::size_t{0};  // the slot of the extra link that looks for strangers

  void dial(std::size_t slot);
  void opened(std::shared_ptr<Link> const& link, WebApi::Outcome const& outcome);
  void started(std::shared_ptr<Link> const& link);
  void received(std::shared_ptr<Link> const& link, std::string frame, bool binary);
  void hello(std::shared_ptr<Link> const& link, Hello const& hello);
  void disconnect(std::shared_ptr<Link> const& link, Disconnect const& disconnect);
  void renew(std::shared_ptr<Link> const& link);
  void retire(std::shared_ptr<Link> const& link);
  static void goodbye(Link& link);
  void goodbye_after(std::shared_ptr<Link> const& link, core::Duration wait);
  bool goodbye_to_oldest();
  void drop(std::shared_ptr<Link> const& link, std::string const& why, core::Duration least = core::Duration{0});
  void ended(std::shared_ptr<Link> const& link, net::WebSocketEnd const& end);
  void forget(Link& link);
  void redial_after(std::size_t slot, core::Duration wait);
  void look_for_strangers(std::shared_ptr<Link> const& link, std::int64_t counted);
  void probe();
  void probe_later();
  bool make_room();
  void set_foreign(bool foreign, std::string const& detail);
  void report();
  std::size_t ready() const;
  std::size_t ours();          // those that Slack may count
  std::size_t surely() const;  // those that it counts unless one is half open

  Parts parts_;
  Settings const& settings_;
  WebApi& api_;
  Counters& counters_;
  Handler handler_;
  std::vector<Slot> slots_;
  std::shared_ptr<Link> probe_;
  ports::Loop::TimerId probe_timer_ = 0;
  std::optional<std::size_t> lent_;                // the slot that stays empty while the probe needs its room
  std::map<LinkId, std::shared_ptr<Link>> links_;  // all that are open or being opened
  std::deque<core::Time> broken_;                  // ends of links that Slack may not have noticed
  LinkId last_ = 0;
  std::string app_, trouble_, foreign_detail_;
  unsigned quiet_looks_ = 0;  // in a row, of those that end the alarm
  bool stopped_ = false, foreign_ = false, suspicious_ = false;
  bool reported_ = false, reported_once_ = false;
  std::string reported_detail_;
  Alive alive_;
};

}  // namespace slack
