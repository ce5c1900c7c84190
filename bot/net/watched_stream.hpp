// A Stream that shows its bytes to somebody before Beast has them. Private to net.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "bot/net/stream.hpp"

namespace net::detail {

class WatchedStream : public Stream {
 public:
  explicit WatchedStream(Stream stream) : Stream(std::move(stream)) {}
  void watch(std::function<void(std::string_view)> see) { see_ = std::move(see); }

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto&& handler, Buffers const& into) {
          asio::mutable_buffer first;
          for (auto it = asio::buffer_sequence_begin(into); it != asio::buffer_sequence_end(into); ++it) {
            first = *it;
            if (first.size() != 0) break;
          }
          auto shared = std::make_shared<std::decay_t<decltype(handler)>>(std::forward<decltype(handler)>(handler));
          read_some(first, [shared, first, see = see_](error_code error, std::size_t count) {
            if (see) see({static_cast<char const*>(first.data()), count});
            auto moved = std::move(*shared);
            moved(error, count);
          });
        },
        token, buffers);
  }

 private:
  std::function<void(std::string_view)> see_{};
};

// Beast's customisation points, as Stream's.
inline void teardown(boost::beast::role_type role, WatchedStream& stream, error_code& error) {
  teardown(role, static_cast<Stream&>(stream), error);
}
template <class Handler>
void async_teardown(boost::beast::role_type role, WatchedStream& stream, Handler&& handler) {
  async_teardown(role, static_cast<Stream&>(stream), std::forward<Handler>(handler));
}
inline void beast_close_socket(WatchedStream& stream) { stream.close(); }

}  // namespace net::detail
