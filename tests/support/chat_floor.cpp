#include "tests/support/chat_floor.hpp"

#include "bot/process/sanitized.hpp"
#include "tests/support/matrix_floor.hpp"
#include "tests/support/slack_floor.hpp"
#include "tests/support/teams_floor.hpp"

namespace support {

bool wait_on(net::Io& io, std::function<bool()> const& done, std::chrono::milliseconds limit) {
  // A sanitizer makes the service some twenty times as slow, and the machine may be busy besides.
  auto const until = std::chrono::steady_clock::now() + (process::kSanitized ? 6 * limit : limit);
  bool reached = done();
  while (!reached && std::chrono::steady_clock::now() < until) {
    // Shared: on a machine that stood still the limit may pass first, and the timer runs in a later round.
    auto const tick = std::make_shared<bool>(false);
    io.call_after(10ms, [tick] { *tick = true; });
    io.run_until([&tick] { return *tick; }, 1s);
    reached = done();
  }
  return reached;
}

std::optional<Copy> ChatFloor::card(std::string const& id) const {
  auto const all = copies(id);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

bool ChatFloor::shows(std::string const& id, std::string_view words) const {
  auto const found = card(id);
  return found && found->text.find(words) != std::string::npos;
}

bool ChatFloor::press(std::string const& person, std::string const& id, std::string const& verb) {
  auto const act = click(person, id, verb);
  return act && wait([&] { return heard(*act); });
}

bool ChatFloor::wait_connected() {
  return wait([this] { return connected(); }, 20s);
}

std::unique_ptr<ChatFloor> make_floor(net::Io& io, Platform platform, playground::StandInOptions const& slack) {
  switch (platform) {
    case Platform::slack: return std::make_unique<SlackFloor>(io, slack);
    case Platform::teams: return std::make_unique<TeamsFloor>(io);
    case Platform::matrix_sync: return std::make_unique<MatrixFloor>(io, MatrixFloor::Transport::sync);
    case Platform::matrix_websocket: return std::make_unique<MatrixFloor>(io, MatrixFloor::Transport::websocket);
  }
  return nullptr;
}

}  // namespace support
