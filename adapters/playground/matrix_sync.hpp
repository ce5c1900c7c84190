// /sync of the Matrix stand-in: what is new for whom, long polls, filters and gaps. Internal to this folder.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_accounts.hpp"
#include "adapters/playground/matrix_context.hpp"
#include "adapters/playground/matrix_store.hpp"

namespace playground {

// A RoomEventFilter (client-server API, "Filtering").
struct MatrixFilter {
  core::Json json{};

  bool passes(MatrixEvent const& event) const;
  std::int64_t limit(std::int64_t otherwise, std::int64_t most) const;
  bool lazy() const { return json["lazy_load_members"].boolean(); }
};

// "s34_1_0": after the event with position 34; "t33-34_0" in /messages. Nothing: no token.
std::optional<std::int64_t> parse_matrix_token(std::string_view text);
std::string matrix_sync_token(std::int64_t position);
std::string matrix_page_token(std::int64_t position);

class MatrixSync {
 public:
  MatrixSync(MatrixContext& context, MatrixStore& store) : context_(context), store_(store) {}

  struct Question {
    MatrixRequester who;
    std::optional<std::int64_t> since{};
    core::Json filter{};
    bool full_state = false;
    net::Duration timeout{0};
    std::string asked{};  // `timeout` as it came: another one makes it another question
  };
  // `answer` runs once, now or later, or never if `connected` says that nobody waits any more.
  void ask(Question question, std::function<bool()> connected, std::function<void(core::Json)> answer);
  void wake();                                       // something came
  std::size_t waiting(std::string_view user) const;  // long polls under way
  void forget_answers();                             // kept answers: a restart

  std::function<core::Json(std::string_view user, std::string_view room)> unread_counts{};

 private:
  struct Waiting {
    std::uint64_t id = 0;
    Question question;
    std::string key;
    std::function<bool()> connected;
    std::function<void(core::Json)> answer;
    net::Io::TimerId timer = 0;
  };
  struct Timeline {
    std::vector<MatrixEvent const*> events;
    bool limited = false;
    std::int64_t before = 0;  // prev_batch
  };
  struct Kept {
    std::int64_t upto = 0;
    core::Time at{};
  };
  core::Json build(Question const& question, std::int64_t upto);
  static bool empty(core::Json const& answer) { return answer["rooms"].is_null(); }
  Timeline timeline(Question const& question, MatrixRoom const& room, std::int64_t since, std::int64_t upto,
                    bool fresh) const;
  core::Json joined(Question const& question, MatrixRoom const& room, std::int64_t upto);
  core::Json left(Question const& question, MatrixRoom const& room, std::int64_t upto);
  core::Json invited(MatrixRoom const& room, std::string const& user) const;
  core::Json state(Question const& question, MatrixRoom const& room, Timeline const& shown, bool fresh,
                   std::int64_t upto);
  static bool is_linear(MatrixRoom const& room, Timeline const& shown, std::int64_t since);
  core::Json room_json(Question const& question, Timeline const& shown, core::Json state, bool fresh) const;

  MatrixContext& context_;
  MatrixStore& store_;
  std::list<Waiting> waiting_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, std::set<std::string>> known_members_;  // by user, device and room: sent with lazy loading
  std::uint64_t last_id_ = 0;
  bool waking_ = false;
};

}  // namespace playground
