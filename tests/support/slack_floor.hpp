// Slack for ChatFloor.
#pragma once

#include "tests/support/chat_floor.hpp"

namespace support {

class SlackFloor final : public ChatFloor {
 public:
  SlackFloor(net::Io& io, playground::StandInOptions options);  // erin is in the channel too

  static constexpr char const* kChannel = "C0INC";
  static std::string user(std::string const& person);  // "bob" → "U0BOB"
  playground::SlackStandIn& stand_in() { return slack_; }

  // As stored: the newest message in the channel that names this request; what its button is called there.
  std::optional<core::Json> stored(std::string const& id) const;
  static std::string button_of(core::Json const& message, std::string const& verb);

  std::string platform() const override { return "slack"; }
  std::string section(Secret const& secret) const override;
  std::string channel() const override { return kChannel; }
  std::string account(std::string const& person) const override { return user(person); }

  std::vector<Copy> copies(std::string const& id) const override;
  std::vector<Copy> replies(std::string const& id) const override;
  std::vector<std::string> told(std::string const& person) const override;
  std::vector<std::pair<std::string, std::string>> rings() const override;
  std::map<std::string, int> standing() const override;
  std::vector<std::string> findings() const override { return slack_.findings(); }

  std::optional<Act> click(std::string const& person, std::string const& id, std::string const& verb) override;
  bool acknowledged(Act const& act) const override;
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
  void deliver_twice(int count) override { slack_.duplicate_envelopes(count); }
  bool keeps_clicks() const override { return false; }  // a click without a socket is a warning, and gone

  bool connected() const override { return slack_.sockets().size() == 2; }
  std::uint64_t connections() const override { return slack_.hellos(); }
  void cut() override { slack_.kill_tcp(0); }
  void spoil_post(Trouble trouble) override;
  bool posts_soon_after(Trouble trouble) const override { return trouble != Trouble::server_error; }
  void spoil_update(Trouble trouble) override;
  bool make(Outsider kind, std::string const& person) override;
  void hide_accounts(bool hidden) override;
  void revoke() override;
  void renew(Secret const& secret) override;
  std::size_t calls() const override;
  std::size_t saying(std::string_view words) const override;

 private:
  bool settled(std::uint64_t interaction);
  void submit(std::string const& person, core::Json const& values);

  playground::SlackStandIn slack_;
  mutable std::map<std::string, core::Json> remembered_;  // by request: its message while it had buttons
};

}  // namespace support
