// Microsoft Teams for ChatFloor, through the relay. alice, bob and carol have accounts; mallory is in the channel.
#pragma once

#include "adapters/playground/teams_stand_in.hpp"
#include "tests/support/chat_floor.hpp"

namespace support {

class TeamsFloor final : public ChatFloor {
 public:
  explicit TeamsFloor(net::Io& io);

  static constexpr char const* kChannel = "19:incidents@thread.tacv2";
  playground::TeamsStandIn& stand_in() { return teams_; }

  // Approve on that very card, where a request has two; what its client is given: words, or the card with words on top.
  std::string approve_on(std::string const& message, std::string const& person);
  // What this person's client is shown when it looks at that card again.
  std::string look_at(std::string const& message, std::string const& person);

  std::string platform() const override { return "teams"; }
  std::string section(Secret const& secret) const override;
  std::string channel() const override { return std::string("\"") + kChannel + "\""; }
  std::string account(std::string const& person) const override;

  std::vector<Copy> copies(std::string const& id) const override;
  std::vector<Copy> replies(std::string const& id) const override;
  std::vector<std::string> told(std::string const& person) const override;
  std::vector<std::pair<std::string, std::string>> rings() const override;
  std::map<std::string, int> standing() const override;
  std::vector<std::string> findings() const override { return teams_.findings(); }

  std::optional<Act> click(std::string const& person, std::string const& id, std::string const& verb) override;
  bool acknowledged(Act const& act) const override;
  bool told_recorded(Act const& act) const override;
  void double_tap(std::string const& person, std::string const& id) override;
  void explain(std::string const& person, std::string const& id, std::string const& verb,
               std::string const& note) override;
  std::string read_and_approve(std::string const& person, std::string const& id) override;
  std::string typed(std::string const& person, std::string const& text) override;

  std::optional<Act> late_click(std::string const& person, std::string const& id) override;
  std::vector<Forgery> forgeries() const override;
  void forge(std::string const& name, std::string const& person, std::string const& id) override;
  bool again(Act const& act) override;
  std::size_t replay_all() override;
  std::size_t cross_to(ChatFloor& other) override;
  void deliver_twice(int count) override { teams_.duplicate_deliveries(count); }

  bool finds_messages() const override { return false; }

  bool connected() const override;
  std::uint64_t connections() const override { return teams_.upgrades(); }
  void cut() override { teams_.kill_listener(0); }
  void spoil_post(Trouble trouble) override;
  bool posts_soon_after(Trouble trouble) const override { return trouble == Trouble::rate_limit; }
  void spoil_update(Trouble trouble) override;
  bool make(Outsider kind, std::string const& person) override;
  void hide_accounts(bool hidden) override;
  void revoke() override;
  void renew(Secret const& secret) override;
  std::size_t calls() const override;
  std::size_t saying(std::string_view words) const override;

 private:
  std::string typed_once(std::string const& person, std::string const& text);
  std::optional<Act> press_action(std::string const& person, std::string const& message, std::string const& action,
                                  core::Json const& inputs = {}, core::Json const& patch = {}, int taps = 1);
  bool settled(std::uint64_t delivery);
  // A click as its activity, made by hand.
  core::Json activity(std::string const& person, std::string const& message, core::Json const& data) const;
  core::Json own_view(std::string const& person, std::string const& message) const;

  playground::TeamsStandIn teams_;
  mutable std::map<std::string, core::Json> remembered_;  // by request: message and data of its Approve button
};

}  // namespace support
