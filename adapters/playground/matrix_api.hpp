// The client-server API of the Matrix stand-in. Internal to this folder.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/playground/matrix_accounts.hpp"
#include "adapters/playground/matrix_context.hpp"
#include "adapters/playground/matrix_store.hpp"
#include "adapters/playground/matrix_sync.hpp"

namespace playground {

class MatrixApi {
 public:
  MatrixApi(MatrixContext& context, MatrixStore& store, MatrixAccounts& accounts, MatrixSync& sync);

  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  // The next fault for a call of that name, used up; also for the WebSocket.
  std::optional<MatrixFault> next_fault(std::string_view call);
  std::uint64_t record(MatrixCall call);       // gives its number
  MatrixCall* recorded(std::uint64_t number);  // null: dropped since
  // Synapse's order of events in a new room. `id` empty: one of its own. Throws MatrixError.
  MatrixRoom& create_room(std::string id, std::string const& creator, core::Json const& spec);
  MatrixEvent const& set_membership(std::string const& by, std::string const& room, std::string const& whom,
                                    char const* membership, std::string const& reason = {});
  void restart();              // forgets what Synapse keeps in memory alone
  void forget_transactions();  // and what it keeps for a day
  core::Json media() const;    // by content URI: type, name, size
  core::Json texts() const;    // by content URI, of what a client would show: text

  std::vector<MatrixFault> faults;
  std::deque<MatrixCall> calls;
  std::map<std::pair<std::string, std::string>, std::int64_t> read_upto;  // by user and room: position of the receipt

 private:
  struct Request {
    net::HttpRequestIn http;
    std::vector<std::string> parts;  // what stood for each * of the route's path
    MatrixRequester who{};
    core::Json body{};
    std::shared_ptr<net::Responder> responder{};
    std::function<void(net::HttpResponse)> finish{};
    std::uint64_t number = 0;  // in calls

    std::string query(std::string_view name, std::string_view otherwise = {}) const {
      return std::string(http.query_value(name).value_or(otherwise));
    }
  };
  using Answer = std::optional<net::HttpResponse>;  // nothing: finish() is called later
  using Handler = Answer (MatrixApi::*)(std::shared_ptr<Request> const&);
  enum Needs : unsigned { nothing = 0, token = 1, json = 2, limited = 4, once = 8 };
  struct Route {
    char const *method, *path, *call;
    unsigned needs;
    Handler handler;
  };
  static std::vector<Route> const& routes();
  Route const* find_route(net::HttpRequestIn const& http, std::vector<std::string>& parts, bool& other_method) const;
  void run(Route const& route, std::shared_ptr<Request> const& request);
  Answer act(Route const& route, std::shared_ptr<Request> const& request);
  void spoil(MatrixFault const& fault, Route const& route, std::shared_ptr<Request> const& request);
  void check_rate(MatrixRequester const& who);
  std::string once_key(Request const& request) const;

  // matrix_api_session.cpp
  Answer versions(std::shared_ptr<Request> const& request);
  Answer well_known(std::shared_ptr<Request> const& request);
  Answer login_flows(std::shared_ptr<Request> const& request);
  Answer login(std::shared_ptr<Request> const& request);
  Answer refresh(std::shared_ptr<Request> const& request);
  Answer register_user(std::shared_ptr<Request> const& request);
  Answer logout(std::shared_ptr<Request> const& request);
  Answer logout_all(std::shared_ptr<Request> const& request);
  Answer whoami(std::shared_ptr<Request> const& request);
  Answer capabilities(std::shared_ptr<Request> const& request);
  Answer devices(std::shared_ptr<Request> const& request);
  Answer put_device(std::shared_ptr<Request> const& request);
  Answer put_filter(std::shared_ptr<Request> const& request);
  Answer get_filter(std::shared_ptr<Request> const& request);
  Answer sync(std::shared_ptr<Request> const& request);
  Answer profile(std::shared_ptr<Request> const& request);
  Answer displayname(std::shared_ptr<Request> const& request);
  Answer put_displayname(std::shared_ptr<Request> const& request);
  Answer ping_service(std::shared_ptr<Request> const& request);
  Answer keys_query(std::shared_ptr<Request> const& request);
  Answer receipt(std::shared_ptr<Request> const& request);
  Answer accepted(std::shared_ptr<Request> const& request);  // typing: taken and forgotten
  core::Json filter_of(MatrixRequester const& who, std::string const& text) const;

  // matrix_api_events.cpp
  Answer send(std::shared_ptr<Request> const& request);
  Answer redact(std::shared_ptr<Request> const& request);
  Answer put_state(std::shared_ptr<Request> const& request);
  Answer get_state(std::shared_ptr<Request> const& request);
  Answer all_state(std::shared_ptr<Request> const& request);
  Answer event(std::shared_ptr<Request> const& request);
  Answer event_context(std::shared_ptr<Request> const& request);
  Answer relations(std::shared_ptr<Request> const& request);
  Answer messages(std::shared_ptr<Request> const& request);
  Answer sent(Request const& request, MatrixDraft draft, std::string const& transaction);
  // The room, if the user is or was in it; throws else.
  MatrixRoom const& readable(Request const& request, bool must_be_joined = false) const;
  std::int64_t horizon(MatrixRoom const& room, std::string const& user) const;  // of one who has left
  core::Json list(std::vector<MatrixEvent const*> const& events, MatrixRequester const& who, bool bundle) const;

  // matrix_api_rooms.cpp
  Answer create(std::shared_ptr<Request> const& request);
  Answer joined_rooms(std::shared_ptr<Request> const& request);
  Answer joined_members(std::shared_ptr<Request> const& request);
  Answer members(std::shared_ptr<Request> const& request);
  Answer invite(std::shared_ptr<Request> const& request);
  Answer join(std::shared_ptr<Request> const& request);
  Answer join_any(std::shared_ptr<Request> const& request);
  Answer leave(std::shared_ptr<Request> const& request);
  Answer kick(std::shared_ptr<Request> const& request);
  Answer ban(std::shared_ptr<Request> const& request);
  Answer unban(std::shared_ptr<Request> const& request);
  Answer alias(std::shared_ptr<Request> const& request);

  // matrix_api_media.cpp
  Answer media_config(std::shared_ptr<Request> const& request);
  Answer upload(std::shared_ptr<Request> const& request);
  Answer create_media(std::shared_ptr<Request> const& request);
  Answer fill_media(std::shared_ptr<Request> const& request);
  Answer download(std::shared_ptr<Request> const& request);
  Answer old_download(std::shared_ptr<Request> const& request);

  struct Bucket {
    double level = 0;
    core::Time at{};
  };
  struct Medium {
    std::string owner, type, name, bytes;
    bool filled = false;
  };
  struct Sent {
    std::string event;
    core::Time at{};
  };
  struct Once {
    net::HttpResponse response;
    core::Time at{};
  };
  MatrixContext& context_;
  MatrixStore& store_;
  MatrixAccounts& accounts_;
  MatrixSync& sync_;
  std::map<std::string, Bucket> buckets_;                   // by user
  std::map<std::string, Once> once_;                        // by path and device: in memory
  std::map<std::string, Sent> sent_;                        // by room, user, device and txnId: in the database
  std::map<std::string, std::vector<core::Json>> filters_;  // by user
  std::map<std::string, Medium> media_;                     // by media id
  std::map<std::string, core::Time> pause_until_;           // by user and device: Retry-After of the last 429
  std::size_t media_bytes_ = 0;
  std::uint64_t dropped_calls_ = 0;
};

}  // namespace playground
