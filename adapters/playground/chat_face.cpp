#include "adapters/playground/chat_face.hpp"

#include <algorithm>
#include <vector>

#include "adapters/playground/matrix_stand_in.hpp"
#include "adapters/playground/slack_stand_in.hpp"
#include "adapters/playground/teams_stand_in.hpp"

namespace playground {

using core::Json;

namespace {

// What only a hostile or an old client could do is for tests, by /control/.
constexpr char const* kNotByHand[] = {"patch", "force", "value", "old_client", "taps", "html", "msgtype"};

// Every stand-in has the same controls; they differ in what people do there and in how they name a person.
template <class StandIn>
class Face : public ChatFace {
 public:
  Face(StandIn& stand_in, std::string_view platform, std::vector<std::string_view> by_hand)
      : stand_in_(stand_in), platform_(platform), by_hand_(std::move(by_hand)) {}

  std::string_view platform() const override { return platform_; }
  Json state(std::string const& account) override { return stand_in_.state(user_of(account)); }
  std::optional<net::HttpResponse> act(std::string_view what, std::string const& account,
                                       Json const& arguments) override {
    if (std::find(by_hand_.begin(), by_hand_.end(), what) == by_hand_.end()) return std::nullopt;
    auto as = arguments;
    as.set("user", user_of(account));
    for (auto const* name : kNotByHand) as.if_object()->erase(name);
    return stand_in_.control(what, as);
  }
  net::HttpResponse control(std::string_view what, Json const& arguments) override {
    return stand_in_.control(what, arguments);
  }
  bool only_looks(std::string_view what) const override { return StandIn::only_looks(what); }
  std::uint64_t on_change(std::function<void()> fn) override { return stand_in_.on_change(std::move(fn)); }
  void forget(std::uint64_t observer) override { stand_in_.forget(observer); }

 protected:
  virtual std::string user_of(std::string const& account) const { return account; }
  StandIn& stand_in_;

 private:
  std::string_view platform_;
  std::vector<std::string_view> by_hand_;
};

// People have keys here; the account is the Entra object id.
class TeamsFace final : public Face<TeamsStandIn> {
 public:
  explicit TeamsFace(TeamsStandIn& teams)
      : Face(teams, "teams", {"click", "say", "forget-view", "submit-dialog", "close-dialog", "dismiss"}) {}

  Json state(std::string const& account) override {
    auto state = Face::state(account);
    // A mention names a person by any of three ids.
    auto people = Json::array();
    for (auto const& one : stand_in_.world().people) {
      people.push(Json::object({{"key", one.key},
                                {"id", one.id},
                                {"object_id", one.aad_object_id},
                                {"email", one.email},
                                {"name", one.name}}));
    }
    return state.set("people", people);
  }

 private:
  std::string user_of(std::string const& account) const override {
    auto const* person = stand_in_.world().person(account);
    return person == nullptr ? account : person->key;
  }
};

}  // namespace

std::unique_ptr<ChatFace> make_face(SlackStandIn& slack) {
  std::vector<std::string_view> const by_hand{"click", "submit", "close", "slash", "say", "dismiss"};
  return std::make_unique<Face<SlackStandIn>>(slack, "slack", by_hand);
}
std::unique_ptr<ChatFace> make_face(TeamsStandIn& teams) { return std::make_unique<TeamsFace>(teams); }
std::unique_ptr<ChatFace> make_face(MatrixStandIn& matrix) {
  std::vector<std::string_view> const by_hand{"react", "unreact", "say"};
  return std::make_unique<Face<MatrixStandIn>>(matrix, "matrix", by_hand);
}

}  // namespace playground
