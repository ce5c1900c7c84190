// The one door for activities, whichever way they came: cheap checks, the token, then the bytes, then what they mean.
// Every request is answered, and always within the time that Teams gives. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/teams/deliveries.hpp"
#include "adapters/teams/directory.hpp"
#include "adapters/teams/interactions.hpp"
#include "adapters/teams/token_check.hpp"
#include "bot/net/http_server.hpp"
#include "bot/sparingly.hpp"

namespace teams {

// Of a request: the body of an activity, and room for one header of 16 KiB.
inline constexpr std::size_t kMaxRequestBody = kMaxActivityBytes;

struct InboundRequest {
  std::string method, path;  // path: "/api/messages", without a query
  net::Headers headers;
  std::string body;
};

class Inbound {
 public:
  using Answer = std::function<void(net::HttpResponse)>;

  Inbound(Parts const& parts, Settings const& settings, TokenCheck& tokens, Directory& directory,
          Interactions& interactions, Counters& counters);

  // What the head of a request decides before its body is read: refused, or a stranger's, which has room of its own,
  // for as long as the keys at hand say that nobody vouches for it.
  net::Admission admit(net::HttpRequestIn const& head);
  // `answer` runs once, at once or later.
  void handle(InboundRequest request, Answer answer);
  void stop() { alive_.end(); }

 private:
  void vouched(InboundRequest const& request, Vouched const& by, core::Time deadline, Answer const& answer);
  void refuse(Answer const& answer, unsigned status, std::string const& why);

  Parts parts_;
  Settings const& settings_;
  TokenCheck& tokens_;
  Directory& directory_;
  Interactions& interactions_;
  Counters& counters_;
  Deliveries deliveries_;
  std::size_t busy_ = 0;
  ports::Sparingly refusals_;
  Alive alive_;
};

}  // namespace teams
