// A WebSocket's server by hand.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <string>

#include "tests/unit/net/support.hpp"

namespace net_test {

// What a server answers to this head of an upgrade (RFC 6455 section 4.2.2), with `more` lines of its own.
inline std::string upgrade_answer(std::string const& head, std::string const& more = {}) {
  auto const at = head.find("Sec-WebSocket-Key: ") + 19;
  auto const key = head.substr(at, head.find("\r\n", at) - at) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<unsigned char const*>(key.data()), key.size(), digest);
  unsigned char accept[64];
  auto const size = EVP_EncodeBlock(accept, digest, SHA_DIGEST_LENGTH);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         std::string(reinterpret_cast<char*>(accept), static_cast<std::size_t>(size)) + "\r\n" + more + "\r\n";
}

// The upgrade done by hand, so that the peer can then do as it likes.
inline Socket accept_upgrade(net::Io& io, RawListener const& listener) {
  auto peer = accept(io, listener);
  peer.write(upgrade_answer(read_head(io, peer)));
  return peer;
}

}  // namespace net_test
