// What a stranger's server may do to our side of a WebSocket (T63): the dialer itself, over loopback, hears the
// fuzzer's bytes after a good answer to its upgrade, or as that answer. A decoder of its own, from RFC 6455 alone, says
// which messages there are and whether it ended well; pieces change nothing.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxMessage = 300;  // so that few bytes reach it

void must(bool holds) {
  if (!holds) std::abort();
}

struct Heard {
  bool open = false;
  std::vector<std::pair<std::string, bool>> messages{};
  bool in_good_order = false;
  std::uint16_t close_code = 0;
  friend bool operator==(Heard const&, Heard const&) = default;
};

// --- what RFC 6455 says ---

bool is_text(std::string_view bytes) {  // RFC 3629, table of section 4
  for (std::size_t i = 0; i < bytes.size();) {
    auto const at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U; };
    auto const tail = [&](std::size_t k) { return (at(k) & 0xc0U) == 0x80U; };
    unsigned const c = at(0);
    if (c < 0x80) {
      i += 1;
    } else if (c >= 0xc2 && c < 0xe0 && tail(1)) {
      i += 2;
    } else if (c >= 0xe0 && c < 0xf0 && tail(1) && tail(2) && !(c == 0xe0 && at(1) < 0xa0) &&
               !(c == 0xed && at(1) > 0x9f)) {
      i += 3;
    } else if (c >= 0xf0 && c < 0xf5 && tail(1) && tail(2) && tail(3) && !(c == 0xf0 && at(1) < 0x90) &&
               !(c == 0xf4 && at(1) > 0x8f)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

// Whether more bytes could make text of it: section 8.1 lets the other side fail as soon as none can.
bool begins_text(std::string_view bytes) {
  for (std::size_t cut = 0; cut <= std::min<std::size_t>(3, bytes.size()); ++cut) {
    if (!is_text(bytes.substr(0, bytes.size() - cut))) continue;
    if (cut == 0) return true;
    for (auto const* more : {"\x80", "\xbf", "\x80\x80", "\xbf\x80", "\x80\x80\x80", "\xbf\x80\x80"}) {
      if (is_text(std::string(bytes.substr(bytes.size() - cut)) + more)) return true;
    }
  }
  return false;
}

// Section 7.4: what may stand in a close frame. Of 5000 and beyond nothing is said; 1014 came later.
bool may_close_with(unsigned code) {
  return code >= 3000 || (code >= 1000 && code <= 1013 && code != 1004 && code != 1005 && code != 1006);
}

Heard expected(std::string_view bytes) {
  Heard heard{.open = true};
  std::string message;
  int opcode = 0;  // of the message that is under way; 0: none
  while (bytes.size() >= 2) {
    auto const first = static_cast<unsigned char>(bytes[0]), second = static_cast<unsigned char>(bytes[1]);
    bool const fin = (first & 0x80) != 0;
    int const kind = first & 0x0f;
    if ((first & 0x70) != 0 || (second & 0x80) != 0)
      return heard;  // no extension was agreed on; a server masks nothing
    if (kind > 10 || (kind > 2 && kind < 8)) return heard;
    std::uint64_t length = second;
    std::size_t head = 2;
    if (kind >= 8 && (!fin || length > 125)) return heard;
    if (length >= 126) {
      auto const more = length == 126 ? 2U : 8U;
      if (bytes.size() < head + more) return heard;
      length = 0;
      for (std::size_t i = 0; i < more; ++i) length = (length << 8) | static_cast<unsigned char>(bytes[head + i]);
      if (length < (more == 2 ? 126U : 65536U)) return heard;  // section 5.2: the shortest form
      head += more;
    }
    if (kind < 8 && (kind == 0) != (opcode != 0)) return heard;  // a continuation of nothing, or none where one is due
    if (kind < 8 && length > kMaxMessage - std::min(kMaxMessage, message.size())) return heard;
    if (bytes.size() - head < length) return heard;
    auto const payload = bytes.substr(head, static_cast<std::size_t>(length));
    bytes.remove_prefix(head + payload.size());
    if (kind == 8) {
      if (payload.size() == 1) return heard;
      unsigned code = 0;
      if (payload.size() >= 2) {
        code =
            static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
        if (!may_close_with(code) || !is_text(payload.substr(2))) return heard;
      }
      heard.in_good_order = true;
      heard.close_code = static_cast<std::uint16_t>(code);
      return heard;
    }
    if (kind >= 8) continue;
    if (kind != 0) opcode = kind;
    message += payload;
    if (opcode == 1 && !begins_text(message)) return heard;
    if (!fin) continue;
    if (opcode == 1 && !is_text(message)) return heard;
    heard.messages.emplace_back(message, opcode == 2);
    message.clear();
    opcode = 0;
  }
  return heard;
}

// --- the other side ---

class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    must(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(fd_, 16) == 0);
    must(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url_ = "ws://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  std::string const& url() const { return url_; }
  int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }

 private:
  int fd_;
  std::string url_;
};

std::string accept_key(std::string const& head) {
  auto const at = head.find("Sec-WebSocket-Key: ") + 19;
  auto const key = head.substr(at, head.find("\r\n", at) - at) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH], text[64];
  SHA1(reinterpret_cast<unsigned char const*>(key.data()), key.size(), digest);
  auto const size = EVP_EncodeBlock(text, digest, SHA_DIGEST_LENGTH);
  return {reinterpret_cast<char*>(text), static_cast<std::size_t>(size)};
}

// `answer` with "@key@" in place of the key that only the upgrade tells, in pieces.
Heard hear(std::string answer, std::size_t piece) {
  static net::Io io;
  static Listener const listener;
  static auto const dialer = net::make_websocket_dialer(io);
  Heard heard;
  bool ended = false;
  net::WebSocketOptions options;
  options.max_message_bytes = kMaxMessage;
  auto const socket = dialer->dial(
      listener.url(), options,
      {[&] { heard.open = true; },
       [&](std::string message, bool binary) {
         must(heard.open && !ended && message.size() <= kMaxMessage && (binary || is_text(message)));
         heard.messages.emplace_back(std::move(message), binary);
       },
       [&](net::WebSocketEnd why) {
         must(!ended && why.close_reason.size() <= 123 && is_text(why.close_reason) && why.http_reason.size() <= 256);
         ended = true;
         heard.in_good_order = !why.error.code;
         heard.close_code = why.close_code;
       }});
  int peer = -1;
  std::string head;
  must(io.run_until(
      [&] {
        if (peer < 0) peer = listener.accept();
        char buffer[4096];
        if (auto const count = peer < 0 ? -1 : ::recv(peer, buffer, sizeof buffer, 0); count > 0)
          head.append(buffer, static_cast<std::size_t>(count));
        return head.ends_with("\r\n\r\n");
      },
      10s));
  if (auto const at = answer.find("@key@"); at != answer.npos) answer.replace(at, 5, accept_key(head));
  for (std::size_t at = 0; at < answer.size() && !ended; at += piece) {
    auto const part = answer.substr(at, piece);
    if (::send(peer, part.data(), part.size(), MSG_NOSIGNAL) < 0) break;  // it has heard enough
    for (int turn = 0; turn < 2; ++turn) {
      bool turned = false;
      io.post([&] { turned = true; });
      must(io.run_until([&] { return turned; }, 10s));
    }
  }
  ::shutdown(peer, SHUT_WR);
  must(io.run_until([&] { return ended; }, 10s));
  linger const at_once{1, 0};  // and no port is kept busy
  ::setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(peer);
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string const bytes(data + 1, data + size);
  auto const piece = std::max<std::size_t>(1 + data[0] / 2, bytes.size() / 64);
  if (data[0] % 2 == 0) {
    auto const good =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: @key@\r\n\r\n" +
        bytes;
    auto const whole = hear(good, good.size());
    must(whole == expected(bytes));
    must(hear(good, piece) == whole);
  } else {
    auto const whole = hear(bytes, bytes.size() + 1);
    must(whole.open || whole.messages.empty());
    must(hear(bytes, piece) == whole);
  }
  return 0;
}
