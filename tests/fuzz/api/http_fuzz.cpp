// The reading half of a server connection (T62): the bytes of a peer, in whatever pieces, through Beast's parser and
// our checks. The verdict may not depend on the pieces; what passes is framed in one way; limits hold.
#include <cstdlib>
#include <string>
#include <vector>

#include "bot/net/http_reader.hpp"
#include "bot/net/http_target.hpp"

namespace {

using net::detail::HttpReader;

constexpr net::detail::HttpLimits kLimits{
    .header_bytes = 1024, .target_bytes = 256, .header_fields = 20, .body_bytes = 128};

void must(bool holds) {
  if (!holds) std::abort();
}

// One line a request, a last one for how it ended.
std::vector<std::string> read(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> seen;
  std::string waiting;
  HttpReader reader(kLimits);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    waiting += bytes.substr(at, piece);
    for (bool moved = true; moved;) {
      auto const used = reader.put(waiting);
      must(used <= waiting.size());
      waiting.erase(0, used);
      moved = used != 0 && !waiting.empty();
      if (reader.state() == HttpReader::State::refused) {
        must(reader.status() == 400 || reader.status() == 413 || reader.status() == 414 || reader.status() == 431);
        seen.push_back(std::to_string(reader.status()));
        return seen;
      }
      if (reader.state() == HttpReader::State::ready) {
        auto const& message = reader.message();
        must(message.target().size() <= kLimits.target_bytes);
        must(reader.body_bound() <= kLimits.body_bytes);
        must(message.count("Content-Length") + message.count("Transfer-Encoding") <= 1);
        must(message.version() == 10 || message.count("Host") == 1);
        reader.go_on();
        moved = true;
      }
      if (reader.state() == HttpReader::State::done) {
        auto const message = reader.take();
        must(message.body().size() <= kLimits.body_bytes);
        auto const target = net::detail::parse_target({message.target().data(), message.target().size()});
        if (target) must(target->path.find('\0') == std::string::npos && target->path.starts_with('/'));
        seen.push_back(std::string(message.target()) + "\n" + message.body());
        reader = HttpReader(kLimits);
        moved = !waiting.empty();
      }
    }
    must(waiting.size() <= kLimits.header_bytes + piece);  // what is not taken is the beginning of a head
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  std::string const bytes(data, data + size);
  auto const whole = read(bytes, size == 0 ? 1 : size);
  must(read(bytes, 1) == whole);
  must(read(bytes, 13) == whole);
  return 0;
}
