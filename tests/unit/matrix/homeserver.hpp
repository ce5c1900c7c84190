// A homeserver as far as the adapter sees one: rooms with one timeline, /sync with long polls, /messages, transactions,
// one account. On a clock that the test moves; what the test says goes wrong goes wrong.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/matrix/adapter.hpp"
#include "tests/support/virtual_loop.hpp"

namespace matrix_fakes {

using core::Json;
using namespace std::chrono_literals;

inline constexpr char const* kRoom = "!inc:example.org";
inline constexpr char const* kBot = "@countersign:example.org";

struct Homeserver : net::HttpClient {
  explicit Homeserver(ports::Loop& to);
  ~Homeserver() override;

  struct Seen {
    core::Time at;
    std::string method, path;  // decoded, without query
    std::map<std::string, std::string> query;
    Json body;
    std::string authorization, url, media_type;
    std::string bytes;  // of a body that is no JSON
  };
  using Answer = net::Result<net::HttpResponse>;
  // What the next calls whose "METHOD path" contains a text are answered with, instead of what the server would do;
  // with `acts` it does it all the same.
  struct Fault {
    std::string where;
    Answer answer;
    bool acts = false;
    core::Duration delay{};
    bool own = false;  // instead of `answer`: the server's own, as it is when asked
  };
  struct Room {
    std::vector<Json> timeline;
    std::vector<std::size_t> order;  // of each event in the whole server
    std::map<std::string, Json> state;
    std::set<std::string> members;
    // As the bot left: what it may still read, for ever. A room that it never was in shows it nothing.
    std::optional<std::map<std::string, Json>> left;
    bool invited = false;
  };

  // --- the test's side
  std::string say(std::string const& sender, std::string const& type, Json content, std::string const& room = kRoom,
                  std::optional<std::string> state_key = {}, Json more = {});
  std::string react(std::string const& sender, std::string const& event, std::string const& key = "\u2705",
                    std::string const& room = kRoom);
  std::string redact(std::string const& sender, std::string const& event);
  std::string text(std::string const& sender, std::string const& body, std::string const& thread = {});
  void join(std::string const& user, std::string const& room = kRoom);
  void fault(std::string where, Answer answer, bool acts = false, core::Duration delay = {});
  // The next such call is answered as the server would now, but that much later.
  void slow(std::string where, core::Duration delay);
  static Answer refusal(unsigned status, std::string const& errcode, Json more = Json::object({}));
  static Answer broken(bool sent_maybe);
  std::vector<Seen> calls(std::string const& where) const;
  // Contents of what the bot sent of one type, in order.
  std::vector<Json> sent(std::string const& type = "m.room.message") const;

  // --- the bot's side
  CallId request(net::HttpRequest request, Done done) override;
  void cancel(CallId) override {}

  ports::Loop& loop;
  std::vector<Seen> seen;
  std::deque<Fault> faults;
  std::map<std::string, Room> rooms;
  std::string token = "secret-token", account = kBot;
  std::map<std::string, std::string> transactions;
  std::map<std::string, Json> filter;
  std::set<std::string> known_tokens;
  std::size_t stream = 0, last_event = 0, logins = 0, last_upload = 0, upload_limit = 50'000'000;
  bool forget_positions = false;  // every `since` is refused

 private:
  static std::string decode(std::string const& text);
  static net::HttpResponse ok(Json const& body);
  static net::HttpResponse no(unsigned status, std::string const& errcode);
  void answer(Done const& done, net::HttpResponse response);

  void handle(Seen const& call, CallId id, Done const& done);
  void in_room(Seen const& call, Done const& done);

  // Tokens: "t7": after the seventh event of the server.
  static std::size_t position(std::string const& token, std::size_t otherwise);
  Json messages(Room const& room, Seen const& call) const;

  struct Poll {
    std::size_t since = 0;
    std::size_t limit = 10;
    Done done;
  };
  std::map<CallId, Poll> polls;
  CallId last_call = 0;

  void sync(Seen const& call, CallId id, Done const& done);
  void wake();
  Json sync_answer(Poll const& poll, bool initial) const;
};

}  // namespace matrix_fakes
