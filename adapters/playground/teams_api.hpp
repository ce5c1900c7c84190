// What the bot calls: OpenID metadata, the token endpoint, the Bot Connector's REST routes. Internal to this folder.
// Source: learn.microsoft.com, "Bot Connector REST API reference", "Rate limiting for bots", "OAuth 2.0 client
// credentials flow".
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/teams_keys.hpp"
#include "adapters/playground/teams_people.hpp"
#include "adapters/playground/teams_store.hpp"
#include "bot/net/http_server.hpp"

namespace playground {

class TeamsApi {
 public:
  TeamsApi(TeamsContext& context, TeamsKeys& keys, TeamsStore& store, TeamsPeople& people);

  // False: it is none of these.
  bool handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void expire_tokens() { tokens_.clear(); }

  std::deque<TeamsCall> calls;
  std::deque<TeamsFault> faults;

 private:
  // A path of the Connector's, taken apart.
  struct Route {
    std::string call;  // as in TeamsFault; "?" if there is none
    TeamsAddress where{};
    std::string activity{}, member{};
  };
  struct Query {
    net::HttpRequestIn const& request;
    Route const& route;
    core::Json const& body;
  };
  using Act = std::function<net::HttpResponse()>;

  static std::optional<Route> route_of(std::string const& method, std::string const& path);
  void run(TeamsCall record, std::shared_ptr<net::Responder> const& responder, Act act);
  TeamsFault* next_fault(std::string_view call);
  net::HttpResponse fault_answer(TeamsFault const& fault);
  net::HttpResponse answer(unsigned status, core::Json const& body);
  net::HttpResponse error(unsigned status, std::string_view code, std::string_view message);
  net::HttpResponse token(net::HttpRequestIn const& request, std::string const& tenant);
  net::HttpResponse connector(Query const& query);
  std::optional<net::HttpResponse> over_limit(Route const& route);
  // Nothing, or why the bot may not use this conversation; `found` is set where it may.
  std::optional<net::HttpResponse> closed(TeamsAddress const& where, TeamsConversation const*& found);

  // teams_api_messages.cpp
  net::HttpResponse create(Query const& query);
  net::HttpResponse create_personal(core::Json const& body);
  net::HttpResponse send(Query const& query);
  net::HttpResponse update(Query const& query);
  net::HttpResponse erase(Query const& query);
  std::optional<net::HttpResponse> bad_activity(core::Json const& activity);
  std::optional<net::HttpResponse> not_ours(Query const& query, TeamsMessage*& found);
  net::HttpResponse post(TeamsAddress const& where, core::Json const& activity, std::string const& only_for);

  // teams_api_people.cpp
  net::HttpResponse members(Query const& query);
  net::HttpResponse paged_members(Query const& query);
  net::HttpResponse member(Query const& query);
  net::HttpResponse team(Query const& query);
  net::HttpResponse channels(Query const& query);
  core::Json member_json(TeamsPerson const& person, bool with_object_id);

  TeamsContext& context_;
  TeamsKeys& keys_;
  TeamsStore& store_;
  TeamsPeople& people_;
  std::map<std::string, core::Time, std::less<>> tokens_;            // good until
  std::map<std::string, std::deque<core::Time>, std::less<>> sent_;  // by thread and kind: when
  std::uint64_t last_call_ = 0;
};

}  // namespace playground
