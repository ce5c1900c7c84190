// A chat platform as the people in it know it: what stands in the channel, what they do there, what they are told, and
// how its network fails. One floor a platform, over its stand-in; a test that is written against ChatFloor runs on all.
//
// People are named by their keys ("bob"), requests by their ids. Acts of people give an Act, to ask later what became
// of it; nothing where a person could not have done that.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/playground/slack_stand_in.hpp"
#include "bot/core/json.hpp"
#include "bot/net/io.hpp"

namespace support {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

// Serves the loop until `done` or the limit; the last answer of `done`. Nothing sleeps to synchronise.
bool wait_on(net::Io& io, std::function<bool()> const& done, std::chrono::milliseconds limit);

enum class Platform { slack, teams, matrix_sync, matrix_websocket };

// A message of the bot's: a request's in the channel, or one in its thread.
struct Copy {
  std::string message;  // the platform's id
  std::string text;     // all that people read in it
  bool open = false;    // there is something to press
};

// Something a liar can send to the bot past the people's clients.
struct Forgery {
  std::string name;
  bool on_record = true;  // false: to the bot it is nothing at all
};

enum class Trouble { rate_limit, server_error, lost_answer };

// What an account may be that may not decide.
enum class Outsider { guest, deactivated, bot, shared_channel };

class ChatFloor {
 public:
  using Act = std::string;

  explicit ChatFloor(net::Io& io) : io_(io) {}
  virtual ~ChatFloor() = default;
  ChatFloor(ChatFloor const&) = delete;
  ChatFloor& operator=(ChatFloor const&) = delete;

  // --- in the configuration -----------------------------------------------------------------------------------------
  virtual std::string platform() const = 0;  // "slack", "teams", "matrix"
  // The section under `chat:`. `secret` keeps a value in a file of that name and gives the YAML that names it.
  using Secret = std::function<std::string(std::string const& name, std::string const& value)>;
  virtual std::string section(Secret const& secret) const = 0;
  virtual std::string channel() const = 0;                           // #incidents, as YAML
  virtual std::string account(std::string const& person) const = 0;  // as YAML; empty: the person has none

  // --- what is to be seen -------------------------------------------------------------------------------------------
  virtual std::vector<Copy> copies(std::string const& id) const = 0;  // oldest first; more than one is too many
  std::optional<Copy> card(std::string const& id) const;              // the newest
  bool shows(std::string const& id, std::string_view words) const;    // the newest one does
  // What the bot said to all in the request's thread, oldest first: outcomes.
  virtual std::vector<Copy> replies(std::string const& id) const = 0;
  // What was said to this person about something they did, oldest first; answers to commands are not among it.
  virtual std::vector<std::string> told(std::string const& person) const = 0;
  // Whom messages (not updates of them) have notified: message and person's key. Somebody else's name than a key's
  // ("channel", "room") is a notification of many.
  virtual std::vector<std::pair<std::string, std::string>> rings() const = 0;
  // How often each message of the bot's stands there, by its key where the platform keeps one, else by what it says.
  virtual std::map<std::string, int> standing() const = 0;
  virtual std::vector<std::string> findings() const = 0;  // what the real platform would object to

  // --- what people do -----------------------------------------------------------------------------------------------
  virtual std::optional<Act> click(std::string const& person, std::string const& id,
                                   std::string const& verb = "approve") = 0;
  // click(), then until the platform knows that the bot has taken it; false if it never did.
  bool press(std::string const& person, std::string const& id, std::string const& verb = "approve");
  // The platform has the bot's word that it was taken, and not only that it is being looked at.
  virtual bool acknowledged(Act const& act) const = 0;
  // Whoever acted has the bot's word that it counts. False also where its silence says so.
  virtual bool told_recorded(Act const&) const { return false; }
  // The bot has dealt with it. A platform that is not told so is asked in another way, which takes time.
  virtual bool heard(Act const& act) { return acknowledged(act); }
  virtual void double_tap(std::string const& person, std::string const& id) = 0;
  // The way of a vote that needs a note, with this one; or of a question ("ask") with these words.
  virtual void explain(std::string const& person, std::string const& id, std::string const& verb,
                       std::string const& note) = 0;
  // The way of an approval whose message can't show the whole action; gives all that was shown before it.
  virtual std::string read_and_approve(std::string const& person, std::string const& id) = 0;
  // What a command was answered with; "NOT ANSWERED" if it wasn't.
  virtual std::string typed(std::string const& person, std::string const& text) = 0;

  // --- what clients, liars and platforms do -------------------------------------------------------------------------
  // A click by a client that still shows the message as it was when it had buttons. Such a message must have been seen
  // by card() before.
  virtual std::optional<Act> late_click(std::string const& person, std::string const& id) = 0;
  virtual std::vector<Forgery> forgeries() const = 0;
  virtual void forge(std::string const& name, std::string const& person, std::string const& id) = 0;
  virtual bool again(Act const& act) = 0;  // the same delivery once more; false: this platform never does that
  virtual std::size_t replay_all() = 0;    // everything that was ever delivered, once more; how much it was
  // All that people sent the bot here reaches the one there too (of the same platform), which deals with it; how much.
  virtual std::size_t cross_to(ChatFloor& other) = 0;
  virtual void deliver_twice(int count) = 0;          // the next ones, where the platform does that
  virtual bool keeps_clicks() const { return true; }  // that nobody was there to take: they come later

  // Whether the bot can look for a message of its own that it may have posted before a crash.
  virtual bool finds_messages() const { return true; }

  // --- what its administrators do -----------------------------------------------------------------------------------
  // This person's account becomes one of those; false: the platform has none like that.
  virtual bool make(Outsider kind, std::string const& person) = 0;
  // The bot is told no longer what an account is, or is told again.
  virtual void hide_accounts(bool hidden) = 0;

  // --- its network --------------------------------------------------------------------------------------------------
  virtual bool connected() const = 0;
  bool wait_connected();
  virtual std::uint64_t connections() const = 0;  // since the start
  virtual void cut() = 0;                         // every connection breaks
  // The next card, or the next update of one, meets this.
  virtual void spoil_post(Trouble trouble) = 0;
  virtual void spoil_update(Trouble trouble) = 0;
  // Such a card is posted again at once or found; else after a minute in which it may yet appear.
  virtual bool posts_soon_after(Trouble trouble) const = 0;
  // The platform takes the bot's credentials no longer, from the next call on.
  virtual void revoke() = 0;
  // It takes others, which `secret` hears under the names that section() gave them.
  virtual void renew(Secret const& secret) = 0;
  virtual std::size_t calls() const = 0;  // of the bot's API calls, those that carried its credentials
  virtual std::size_t saying(std::string_view words) const = 0;  // messages in the channel that say so

 protected:
  bool wait(std::function<bool()> const& done, std::chrono::milliseconds limit = 10s) {
    return wait_on(io_, done, limit);
  }
  net::Io& io_;
};

std::unique_ptr<ChatFloor> make_floor(net::Io& io, Platform platform, playground::StandInOptions const& slack);

}  // namespace support
