// Matrix for ChatFloor, over either transport. alice, bob and carol have accounts; mallory is in the room.
#pragma once

#include "adapters/playground/matrix_stand_in.hpp"
#include "tests/support/chat_floor.hpp"

namespace support {

class MatrixFloor final : public ChatFloor {
 public:
  enum class Transport { sync, websocket };
  MatrixFloor(net::Io& io, Transport transport);

  static constexpr char const* kTick = "\xE2\x9C\x85";          // ✅
  static constexpr char const* kCross = "\xE2\x9D\x8C";         // ❌
  static constexpr char const* kQuestionMark = "\xE2\x9D\x93";  // ❓
  static constexpr char const* kAgain = "\xF0\x9F\x94\x81";     // 🔁
  playground::MatrixStandIn& stand_in() { return matrix_; }

  std::string platform() const override { return "matrix"; }
  std::string section(Secret const& secret) const override;
  std::string channel() const override { return "\"" + matrix_.world().room_id + "\""; }
  std::string account(std::string const& person) const override;

  std::vector<Copy> copies(std::string const& id) const override;
  std::vector<Copy> replies(std::string const& id) const override;
  std::vector<std::string> told(std::string const& person) const override;
  std::vector<std::pair<std::string, std::string>> rings() const override;
  std::map<std::string, int> standing() const override;
  std::vector<std::string> findings() const override { return matrix_.findings(); }

  std::optional<Act> click(std::string const& person, std::string const& id, std::string const& verb) override;
  bool acknowledged(Act const&) const override { return false; }  // nobody is told
  bool heard(Act const& act) override;
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
  void deliver_twice(int) override {}  // its events have one delivery each; again() and replay_all() repeat them

  bool connected() const override;
  std::uint64_t connections() const override;
  void cut() override { matrix_.cut_sockets(); }
  void spoil_post(Trouble trouble) override;
  bool posts_soon_after(Trouble) const override { return true; }
  void spoil_update(Trouble trouble) override;
  bool make(Outsider kind, std::string const& person) override;
  void hide_accounts(bool hidden) override;
  void revoke() override;
  void renew(Secret const& secret) override;
  std::size_t calls() const override;
  std::size_t saying(std::string_view words) const override;

 private:
  bool by_bot(core::Json const& message) const;
  std::vector<core::Json> everything() const;  // the room's messages and those of the cards' threads
  // Until the bot has answered a command that came after everything that was done so far: events are taken in order.
  bool settle();
  bool send_again(std::vector<std::string> const& events);

  playground::MatrixStandIn matrix_;
  Transport transport_;
  std::map<Act, bool> heard_;
};

}  // namespace support
