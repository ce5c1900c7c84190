// The playground's page: three chats as one person sees them, beside them the ledger and the demo service. Binds
// 127.0.0.1 alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/playground/cast.hpp"
#include "adapters/playground/chat_face.hpp"
#include "adapters/playground/playground_backend.hpp"
#include "bot/net/io.hpp"

namespace playground {

class PlaygroundServer {
 public:
  // Listens when it returns; port 0: the system chooses. Throws core::Failure if the port is taken. A platform without
  // a face has a column that says so. What it is given must outlive it.
  PlaygroundServer(net::Io& io, std::vector<ChatFace*> chats, std::vector<Person> people, PlaygroundBackend& backend,
                   std::uint16_t port = 0);
  ~PlaygroundServer();
  PlaygroundServer(PlaygroundServer const&) = delete;
  PlaygroundServer& operator=(PlaygroundServer const&) = delete;

  std::uint16_t port() const;
  std::string url() const;  // "http://127.0.0.1:4712/"
  void ledger_changed();    // tells the pages now instead of within a second

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playground
