#include "adapters/playground/teams_tap.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace playground {
namespace {

constexpr std::size_t kMaxHead = 64u << 10;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void put_frame(unsigned opcode, bool final, std::string_view payload, std::string& into) {
  into += static_cast<char>((final ? 0x80u : 0u) | opcode);
  if (payload.size() < 126) {
    into += static_cast<char>(payload.size());
  } else if (payload.size() < 65'536) {
    into += static_cast<char>(126);
    into += static_cast<char>(payload.size() >> 8);
    into += static_cast<char>(payload.size() & 0xFF);
  } else {
    into += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8) into += static_cast<char>((payload.size() >> shift) & 0xFF);
  }
  into += payload;
}

}  // namespace

TeamsTap::TeamsTap(std::shared_ptr<TapSettings const> settings, std::uint64_t number, std::uint64_t seed, Report report)
    : settings_(std::move(settings)),
      ticket_(std::to_string(number)),
      random_(seed * 1'000'003 + number),
      report_(std::move(report)) {}

void TeamsTap::from_client(std::string& bytes) {
  if (!head_done_) {
    head_ += bytes;
    bytes.clear();
    read_head();
    if (!head_done_) return;
    bytes = std::move(head_);
    return;
  }
  if (!open_ || bytes.empty()) return;
  last_frame_ = Clock::now();
  if (frames_.feed(bytes, kPingFrame) > 0 && control_ && settings_->close_on_ping && !over_) {
    over_ = true;
    report_(ticket_, Event::ping);
  }
}

// The request's head goes on once it is whole, since a header is put into it.
void TeamsTap::read_head() {
  auto const end = head_.find("\r\n\r\n");
  if (end == std::string::npos) {
    head_done_ = head_.size() > kMaxHead;  // the server refuses it
    return;
  }
  head_done_ = true;
  auto const text = lower(head_.substr(0, end + 2));
  upgrade_ = text.find("\r\nupgrade: websocket\r\n") != std::string::npos;
  control_ = text.find("sb-hc-action=listen") < text.find("\r\n");
  // Who claims to be a connection of ours without passing here is nobody's business: the first header counts.
  if (upgrade_) head_.insert(head_.find("\r\n") + 2, std::string(kWireHeader) + ": " + ticket_ + "\r\n");
}

void TeamsTap::from_stand_in(std::string& bytes) {
  if (!upgrade_) return;
  if (!answer_done_) return read_answer(bytes);
  if (open_) cut_into_frames(bytes);
}

void TeamsTap::read_answer(std::string& bytes) {
  answer_ += bytes;
  bytes.clear();
  auto const end = answer_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  answer_done_ = true;
  bytes = std::exchange(answer_, {});
  open_ = bytes.starts_with("HTTP/1.1 101");
  last_frame_ = Clock::now();
  if (open_) {
    auto frames = bytes.substr(end + 4);
    bytes.resize(end + 4);
    cut_into_frames(frames);
    bytes += frames;
    return;
  }
  auto const name = "\r\n" + std::string(kReasonHeader) + ": ";
  auto const at = bytes.find(name);
  if (at == std::string::npos || at > end) return;
  auto const value = at + name.size();
  auto const reason = bytes.substr(value, bytes.find("\r\n", value) - value);
  bytes.erase(at, name.size() + reason.size());
  auto const status = bytes.find(' ') + 5;  // "HTTP/1.1 404 "
  bytes.replace(status, bytes.find("\r\n") - status, reason);
}

// A server's frames carry no mask. Beast has cut messages at 4 KiB already, so a frame fits in memory.
void TeamsTap::cut_into_frames(std::string& bytes) {
  rest_ += bytes;
  bytes.clear();
  while (rest_.size() >= 2) {
    auto const first = static_cast<unsigned char>(rest_[0]);
    std::size_t const length = static_cast<unsigned char>(rest_[1]) & 0x7Fu;
    std::size_t const extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (rest_.size() < 2 + extended) return;
    std::size_t size = extended == 0 ? length : 0;
    for (std::size_t i = 0; i < extended; ++i) size = size << 8 | static_cast<unsigned char>(rest_[2 + i]);
    auto const whole = 2 + extended + size;
    if (rest_.size() < whole) return;
    auto const opcode = first & 0x0Fu;
    auto const payload = std::string_view(rest_).substr(2 + extended, size);
    if (opcode >= 8 || !settings_->fragment) {
      put_frame(opcode, (first & 0x80u) != 0, payload, bytes);
    } else {
      cut_frame(opcode, (first & 0x80u) != 0, payload, bytes);
    }
    rest_.erase(0, whole);
  }
}

void TeamsTap::cut_frame(unsigned opcode, bool final, std::string_view payload, std::string& into) {
  auto const way = random_() % 4;  // as it is; single bytes first; pieces; pieces and an empty last frame
  if (way == 0) return put_frame(opcode, final, payload, into);
  unsigned pieces = 0;
  while (!payload.empty()) {
    std::size_t size = way == 1 && pieces < 16 ? 1 : 1 + static_cast<std::size_t>(random_() % 1'500);
    size = std::min(size, payload.size());
    bool const last = size == payload.size() && way != 3;
    put_frame(opcode, final && last, payload.substr(0, size), into);
    payload.remove_prefix(size);
    opcode = 0;
    ++pieces;
  }
  if (way == 3 || pieces == 0) put_frame(opcode, final, {}, into);
}

bool TeamsTap::over(Clock::time_point now, Clock::time_point& next) {
  if (!open_ || !control_) return false;
  auto const idle = std::chrono::milliseconds(settings_->idle_ms);
  if (!over_ && idle.count() > 0) {
    next = last_frame_ + idle;
    if (now > next) {
      over_ = true;
      report_(ticket_, Event::idle);
    }
  }
  return over_;
}

}  // namespace playground
