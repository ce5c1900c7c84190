// Teams on the page: its state and controls are the stand-in's own, which names people by their keys.
#include <algorithm>

#include "adapters/playground/chat_face.hpp"
#include "adapters/playground/teams_stand_in.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::string_view kPeopleDo[] = {"click", "say", "forget-view", "submit-dialog", "close-dialog", "dismiss"};

class TeamsFace final : public ChatFace {
 public:
  explicit TeamsFace(TeamsStandIn& teams) : teams_(teams) {}

  std::string_view platform() const override { return "teams"; }
  Json state(std::string const& account) override {
    auto state = teams_.state(key_of(account));
    // A mention names a person by any of three ids.
    auto people = Json::array();
    for (auto const& one : teams_.world().people) {
      people.push(Json::object({{"key", one.key},
                                {"id", one.id},
                                {"object_id", one.aad_object_id},
                                {"email", one.email},
                                {"name", one.name}}));
    }
    return state.set("people", people);
  }
  std::optional<net::HttpResponse> act(std::string_view what, std::string const& account,
                                       Json const& arguments) override {
    if (std::find(std::begin(kPeopleDo), std::end(kPeopleDo), what) == std::end(kPeopleDo)) return std::nullopt;
    auto as = arguments;
    as.set("user", key_of(account));
    // What only a hostile client could do is for tests, by /control/.
    for (auto const* name : {"patch", "force", "old_client", "taps"}) as.if_object()->erase(name);
    return teams_.control(what, as);
  }
  net::HttpResponse control(std::string_view what, Json const& arguments) override {
    return teams_.control(what, arguments);
  }
  bool only_looks(std::string_view what) const override { return TeamsStandIn::only_looks(what); }
  std::uint64_t on_change(std::function<void()> fn) override { return teams_.on_change(std::move(fn)); }
  void forget(std::uint64_t observer) override { teams_.forget(observer); }

 private:
  std::string key_of(std::string const& account) const {
    auto const* person = teams_.world().person(account);
    return person == nullptr ? account : person->key;
  }

  TeamsStandIn& teams_;
};

}  // namespace

std::unique_ptr<ChatFace> make_face(TeamsStandIn& teams) { return std::make_unique<TeamsFace>(teams); }

}  // namespace playground
