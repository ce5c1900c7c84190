// Sessions, filters, /sync and profiles.
#include <algorithm>

#include "adapters/playground/matrix_api.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

net::HttpResponse fine(Json body = Json(Json::Object{})) { return json_response(body); }

std::optional<std::int64_t> whole_number(std::string const& text) {
  if (text.empty() || text.size() > 12 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(text);
}

// The parts of a filter that a wrong type would make useless; Synapse validates all of it by a schema.
void check_filter(Json const& filter) {
  auto bad = [](std::string const& what) { throw MatrixError{400, "M_UNKNOWN", what + " is not of the right type"}; };
  if (!filter["room"].is_null() && !filter["room"].is_object()) bad("room");
  for (auto const* part : {"timeline", "state", "ephemeral", "account_data"}) {
    auto const& one = filter["room"][part];
    if (!one.is_null() && !one.is_object()) bad(part);
    for (auto const* list : {"types", "not_types", "senders", "not_senders", "rooms", "not_rooms"}) {
      if (!one[list].is_null() && !one[list].is_array()) bad(list);
    }
  }
}

}  // namespace

MatrixApi::Answer MatrixApi::versions(std::shared_ptr<Request> const&) {
  auto list = Json::array();
  for (auto const* one : {"v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
                          "v1.12", "v1.13", "v1.14", "v1.15"}) {
    list.push(one);
  }
  return fine(Json::object({{"versions", list},
                            {"unstable_features", Json::object({{"org.matrix.msc3981", true},
                                                                {"fi.mau.msc2659.stable", true},
                                                                {"io.element.e2ee_forced.private", false}})}}));
}
MatrixApi::Answer MatrixApi::well_known(std::shared_ptr<Request> const&) {
  return fine(Json::object({{"m.homeserver", Json::object({{"base_url", context_.origin + "/"}})}}));
}
MatrixApi::Answer MatrixApi::login_flows(std::shared_ptr<Request> const&) { return fine(accounts_.flows()); }
MatrixApi::Answer MatrixApi::login(std::shared_ptr<Request> const& request) {
  return fine(accounts_.login(request->http, request->body));
}
MatrixApi::Answer MatrixApi::refresh(std::shared_ptr<Request> const& request) {
  return fine(accounts_.refresh(request->body));
}
MatrixApi::Answer MatrixApi::register_user(std::shared_ptr<Request> const& request) {
  return fine(accounts_.register_user(request->http, request->body));
}
MatrixApi::Answer MatrixApi::logout(std::shared_ptr<Request> const& request) {
  accounts_.logout(request->who, /*all=*/false);
  return fine();
}
MatrixApi::Answer MatrixApi::logout_all(std::shared_ptr<Request> const& request) {
  accounts_.logout(request->who, /*all=*/true);
  return fine();
}
MatrixApi::Answer MatrixApi::whoami(std::shared_ptr<Request> const& request) {
  auto out = Json::object({{"user_id", request->who.user}, {"is_guest", false}});
  if (!request->who.device.empty()) out.set("device_id", request->who.device);
  return fine(out);
}
MatrixApi::Answer MatrixApi::capabilities(std::shared_ptr<Request> const&) {
  auto available = Json(Json::Object{});
  for (int version = 1; version <= 12; ++version) available.set(std::to_string(version), "stable");
  return fine(Json::object(
      {{"capabilities", Json::object({{"m.room_versions", Json::object({{"default", "12"}, {"available", available}})},
                                      {"m.change_password", Json::object({{"enabled", true}})},
                                      {"m.get_login_token", Json::object({{"enabled", false}})}})}}));
}
MatrixApi::Answer MatrixApi::devices(std::shared_ptr<Request> const& request) {
  auto list = Json::array();
  for (auto const& [device, name] : accounts_.devices(request->who.user)) {
    list.push(Json::object({{"user_id", request->who.user},
                            {"device_id", device},
                            {"display_name", name.empty() ? Json() : Json(name)},
                            {"last_seen_ts", Json()},
                            {"last_seen_ip", Json()}}));
  }
  return fine(Json::object({{"devices", list}}));
}
MatrixApi::Answer MatrixApi::put_device(std::shared_ptr<Request> const& request) {
  auto const& device = request->parts[0];
  bool const known = accounts_.devices(request->who.user).contains(device);
  // Making a device so is an application service's way (client-server API 1.17).
  if (!known && !request->who.service) throw MatrixError{404, "M_NOT_FOUND", "No device found"};
  accounts_.add_device(request->who.user, device, request->body["display_name"].text());
  return json_response(Json(Json::Object{}), known ? 200 : 201);
}

Json MatrixApi::filter_of(MatrixRequester const& who, std::string const& text) const {
  if (text.empty()) return Json(Json::Object{});
  if (text.starts_with('{')) {
    auto parsed = core::parse_json(text);
    if (!parsed) throw MatrixError{400, "M_NOT_JSON", "Invalid filter JSON"};
    check_filter(*parsed);
    return *std::move(parsed);
  }
  auto const id = whole_number(text);
  if (!id) throw MatrixError{400, "M_INVALID_PARAM", "Invalid filter ID"};
  auto const found = filters_.find(who.user);
  if (found == filters_.end() || static_cast<std::size_t>(*id) >= found->second.size())
    throw MatrixError{400, "M_INVALID_PARAM", "No such filter"};
  return found->second[static_cast<std::size_t>(*id)];
}

MatrixApi::Answer MatrixApi::put_filter(std::shared_ptr<Request> const& request) {
  if (request->parts[0] != request->who.user)
    throw MatrixError{403, "M_FORBIDDEN", "Cannot create filters for other users"};
  check_filter(request->body);
  auto& list = filters_[request->who.user];
  // The same filter has the same id.
  auto found = std::find(list.begin(), list.end(), request->body);
  if (found == list.end()) {
    if (list.size() >= 1'000) throw MatrixError{500, "M_UNKNOWN", "The stand-in keeps no more filters."};
    found = list.insert(list.end(), request->body);
  }
  return fine(Json::object({{"filter_id", std::to_string(found - list.begin())}}));
}
MatrixApi::Answer MatrixApi::get_filter(std::shared_ptr<Request> const& request) {
  if (request->parts[0] != request->who.user)
    throw MatrixError{403, "M_FORBIDDEN", "Cannot get filters for other users"};
  auto const id = whole_number(request->parts[1]);
  auto const& list = filters_[request->who.user];
  if (!id) throw MatrixError{400, "M_INVALID_PARAM", "Invalid filter_id"};
  if (static_cast<std::size_t>(*id) >= list.size()) throw MatrixError{404, "M_NOT_FOUND", "No such filter"};
  return fine(list[static_cast<std::size_t>(*id)]);
}

MatrixApi::Answer MatrixApi::sync(std::shared_ptr<Request> const& request) {
  // Synapse 1.163 doesn't serve an application service, nor its user with a token of its own.
  bool const its_user = context_.world().separate() && request->who.user == context_.world().service_user.id;
  if (request->who.service || its_user) throw MatrixError{500, "M_UNKNOWN", "Internal server error"};
  MatrixSync::Question question;
  question.who = request->who;
  auto const timeout = request->query("timeout", "0"), since = request->query("since");
  auto const ms = whole_number(timeout);
  if (!ms) throw MatrixError{400, "M_INVALID_PARAM", "Query parameter timeout must be an integer"};
  question.timeout = net::Duration{*ms};
  question.asked = timeout;
  if (request->http.query_value("since")) {
    question.since = parse_matrix_token(since);
    if (!question.since) throw MatrixError{400, "M_UNKNOWN", "Invalid stream token"};
  }
  question.filter = filter_of(request->who, request->query("filter"));
  question.full_state = request->query("full_state") == "true";
  if (request->query("set_presence", "online") == "online" && request->who.user == context_.world().bot.id)
    context_.find("A bot's /sync without set_presence=offline shows it as online.");
  sync_.ask(
      std::move(question), [responder = request->responder] { return responder->connected(); },
      [request](Json body) { request->finish(json_response(body)); });
  return std::nullopt;
}

MatrixApi::Answer MatrixApi::profile(std::shared_ptr<Request> const& request) {
  if (!accounts_.exists(request->parts[0])) throw MatrixError{404, "M_UNKNOWN", "No row found (profiles)"};
  return fine(Json::object({{"displayname", accounts_.name(request->parts[0])}}));
}
MatrixApi::Answer MatrixApi::displayname(std::shared_ptr<Request> const& request) { return profile(request); }
MatrixApi::Answer MatrixApi::put_displayname(std::shared_ptr<Request> const& request) {
  auto const& user = request->parts[0];
  if (user != request->who.user) throw MatrixError{400, "M_FORBIDDEN", "Cannot set another user's displayname"};
  auto const name = request->body["displayname"].text();
  accounts_.rename(user, name);
  for (auto const& [id, room] : store_.rooms()) {
    if (!room.joined(user)) continue;
    MatrixDraft draft{id, "m.room.member", user};
    draft.state_key = user;
    draft.content = Json::object({{"membership", "join"}, {"displayname", name}});
    store_.put(std::move(draft));
  }
  return fine();
}

// mautrix-wsproxy has no /ping.
MatrixApi::Answer MatrixApi::ping_service(std::shared_ptr<Request> const& request) {
  if (!request->who.service || request->parts[0] != context_.world().service_id)
    throw MatrixError{403, "M_FORBIDDEN", "Appservice is not allowed to ping as another."};
  throw MatrixError{502, "M_BAD_STATUS", "HTTP 404 Not Found",
                    Json::object({{"status", 404}, {"body", "404 page not found\n"}})};
}
MatrixApi::Answer MatrixApi::keys_query(std::shared_ptr<Request> const&) {
  auto const none = Json(Json::Object{});
  return fine(Json::object({{"device_keys", none},
                            {"failures", none},
                            {"master_keys", none},
                            {"self_signing_keys", none},
                            {"user_signing_keys", none}}));
}
MatrixApi::Answer MatrixApi::accepted(std::shared_ptr<Request> const&) { return fine(); }
MatrixApi::Answer MatrixApi::receipt(std::shared_ptr<Request> const& request) {
  auto const* event = store_.event(request->parts[2]);
  if (event != nullptr && event->room == request->parts[0]) {
    auto& position = read_upto[{request->who.user, event->room}];
    position = std::max(position, event->position);
  }
  return fine();
}

}  // namespace playground
