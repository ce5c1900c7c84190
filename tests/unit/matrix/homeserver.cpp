#include "tests/unit/matrix/homeserver.hpp"

#include <utility>

namespace matrix_fakes {

Homeserver::Homeserver(ports::Loop& to) : loop(to) {}
Homeserver::~Homeserver() = default;

std::string Homeserver::say(std::string const& sender, std::string const& type, Json content, std::string const& room,
                            std::optional<std::string> state_key, Json more) {
  auto const id = "$event-" + std::to_string(++last_event);
  Json event = Json::object({{"event_id", id},
                             {"type", type},
                             {"sender", sender},
                             {"origin_server_ts", loop.now().time_since_epoch().count()},
                             {"content", std::move(content)},
                             {"unsigned", Json::object({{"age", 5}})}});
  if (state_key) event.set("state_key", *state_key);
  if (auto const* members = more.if_object()) {
    for (auto const& [name, value] : *members) event.set(name, value);
  }
  auto& into = rooms[room];
  if (state_key) {
    into.state[type + '|' + *state_key] = event["content"];
    if (type == "m.room.member") {
      if (event["content"]["membership"].text() == "join") {
        into.members.insert(*state_key);
      } else {
        into.members.erase(*state_key);
      }
      if (*state_key == kBot) {
        into.left.reset();
        if (!into.members.contains(kBot)) into.left = into.state;
      }
    }
  }
  into.timeline.push_back(std::move(event));
  into.order.push_back(++stream);
  wake();
  return id;
}

std::string Homeserver::react(std::string const& sender, std::string const& event, std::string const& key,
                              std::string const& room) {
  return say(
      sender, "m.reaction",
      Json::object({{"m.relates_to", Json::object({{"rel_type", "m.annotation"}, {"event_id", event}, {"key", key}})}}),
      room);
}

std::string Homeserver::redact(std::string const& sender, std::string const& event) {
  for (auto& item : rooms[kRoom].timeline) {
    if (item["event_id"].text() == event) item.set("content", Json::object({}));
  }
  return say(sender, "m.room.redaction", Json::object({}), kRoom, {}, Json::object({{"redacts", event}}));
}

std::string Homeserver::text(std::string const& sender, std::string const& body, std::string const& thread) {
  Json content = Json::object({{"msgtype", "m.text"}, {"body", body}});
  if (!thread.empty()) content.set("m.relates_to", Json::object({{"rel_type", "m.thread"}, {"event_id", thread}}));
  return say(sender, "m.room.message", std::move(content));
}

void Homeserver::join(std::string const& user, std::string const& room) {
  say(user, "m.room.member", Json::object({{"membership", "join"}, {"displayname", user.substr(1, 3)}}), room, user);
}

void Homeserver::fault(std::string where, Answer answer, bool acts, core::Duration delay) {
  faults.push_back({std::move(where), std::move(answer), acts, delay});
}

void Homeserver::slow(std::string where, core::Duration delay) {
  faults.push_back({std::move(where), net::HttpResponse{}, false, delay, /*own=*/true});
}

Homeserver::Answer Homeserver::refusal(unsigned status, std::string const& errcode, Json more) {
  more.set("errcode", errcode).set("error", "said by the test");
  return net::HttpResponse{status, {}, core::dump(more)};
}

Homeserver::Answer Homeserver::broken(bool sent_maybe) {
  return net::make_error(net::Errc::timed_out, "The call took too long.", sent_maybe);
}

std::vector<Homeserver::Seen> Homeserver::calls(std::string const& where) const {
  std::vector<Seen> found;
  for (auto const& call : seen) {
    if ((call.method + ' ' + call.path).find(where) != std::string::npos) found.push_back(call);
  }
  return found;
}

std::vector<Json> Homeserver::sent(std::string const& type) const {
  std::vector<Json> found;
  for (auto const& [name, room] : rooms) {
    for (auto const& event : room.timeline) {
      if (event["sender"].text() == kBot && event["type"].text() == type) found.push_back(event["content"]);
    }
  }
  return found;
}

Homeserver::CallId Homeserver::request(net::HttpRequest request, Done done) {
  auto const id = ++last_call;
  Seen call{loop.now(), request.method, {}, {}, {}, {}, request.url, {}, {}};
  auto const path_at = request.url.find('/', request.url.find("//") + 2);
  auto const mark = request.url.find('?', path_at);
  call.path = decode(request.url.substr(path_at, mark - path_at));
  for (std::size_t at = mark; at != std::string::npos;) {
    auto const end = request.url.find('&', at + 1);
    auto const item = request.url.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    call.query[decode(item.substr(0, item.find('=')))] = decode(item.substr(item.find('=') + 1));
    at = end;
  }
  for (auto const& [name, value] : request.headers) {
    if (name == "Authorization") call.authorization = value;
    if (name == "Content-Type") call.media_type = value;
  }
  if (call.media_type == "application/json") {
    call.body = core::parse_json(request.body).value();
  } else {
    call.bytes = request.body;
  }
  seen.push_back(call);
  for (auto at = faults.begin(); at != faults.end(); ++at) {
    if ((call.method + ' ' + call.path).find(at->where) == std::string::npos) continue;
    auto const fault = *at;
    faults.erase(at);
    if (fault.own) {
      handle(call, id, [this, done, delay = fault.delay](Answer const& answer) {
        loop.call_after(delay, [done, answer] { done(answer); });
      });
      return id;
    }
    if (fault.acts) handle(call, id, {});
    loop.call_after(fault.delay, [done, fault] { done(fault.answer); });
    return id;
  }
  handle(call, id, done);
  return id;
}

std::string Homeserver::decode(std::string const& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

net::HttpResponse Homeserver::ok(Json const& body) { return {200, {}, core::dump(body)}; }

net::HttpResponse Homeserver::no(unsigned status, std::string const& errcode) {
  return {status, {}, core::dump(Json::object({{"errcode", errcode}, {"error", "no"}}))};
}

void Homeserver::answer(Done const& done, net::HttpResponse response) {
  if (done) loop.post([done, response = std::move(response)] { done(response); });
}

void Homeserver::handle(Seen const& call, CallId id, Done const& done) {
  std::string const base = "/_matrix/client/v3/";
  if (call.path == "/_matrix/client/versions")
    return answer(done, ok(Json::object({{"versions", Json::array({"v1.11", "v1.12"})}})));
  if (call.path == base + "login") {
    ++logins;
    token = "made-" + std::to_string(logins);
    return answer(done,
                  ok(Json::object(
                      {{"user_id", account}, {"access_token", token}, {"device_id", call.body["device_id"].text()}})));
  }
  if (call.authorization != "Bearer " + token) return answer(done, no(401, "M_UNKNOWN_TOKEN"));
  if (call.path == base + "account/whoami")
    return answer(done, ok(Json::object({{"user_id", account}, {"device_id", "COUNTERSIGN"}})));
  if (call.path == base + "sync") return sync(call, id, done);
  if (call.path == base + "joined_rooms") {
    Json list = Json::array();
    for (auto const& [name, room] : rooms) {
      if (room.members.contains(kBot)) list.push(name);
    }
    return answer(done, ok(Json::object({{"joined_rooms", std::move(list)}})));
  }
  if (call.path.starts_with(base + "join/")) {
    auto const name = call.path.substr(base.size() + 5);
    if (!rooms[name].invited) return answer(done, no(403, "M_FORBIDDEN"));
    join(kBot, name);
    return answer(done, ok(Json::object({{"room_id", name}})));
  }
  if (call.path == "/_matrix/client/v1/media/config")
    return answer(done, ok(Json::object({{"m.upload.size", std::uint64_t{upload_limit}}})));
  if (call.path == "/_matrix/media/v3/upload")
    return answer(done, ok(Json::object({{"content_uri", "mxc://example.org/media" + std::to_string(++last_upload)}})));
  if (call.path.starts_with(base + "rooms/")) return in_room(call, done);
  answer(done, no(404, "M_UNRECOGNIZED"));
}

void Homeserver::in_room(Seen const& call, Done const& done) {
  auto rest = call.path.substr(std::string("/_matrix/client/v3/rooms/").size());
  auto const name = rest.substr(0, rest.find('/'));
  rest = rest.substr(name.size() + 1);
  auto& room = rooms[name];
  auto const verb = rest.substr(0, rest.find('/'));
  bool const there = room.members.contains(kBot);
  if (!there && !(verb == "state" && room.left)) return answer(done, no(403, "M_FORBIDDEN"));
  if (verb == "joined_members") {
    Json joined = Json::object({});
    for (auto const& user : room.members) joined.set(user, Json::object({{"display_name", "Bot Of Ours"}}));
    return answer(done, ok(Json::object({{"joined", std::move(joined)}})));
  }
  if (verb == "state") {
    auto const type = rest.substr(6, rest.find('/', 6) - 6);
    auto const key = rest.find('/', 6) == std::string::npos ? std::string() : rest.substr(rest.find('/', 6) + 1);
    auto const& state = there ? room.state : *room.left;
    auto const found = state.find(type + '|' + key);
    if (found == state.end()) return answer(done, no(404, "M_NOT_FOUND"));
    return answer(done, ok(found->second));
  }
  if (verb == "event") {
    for (auto const& event : room.timeline) {
      if (event["event_id"].text() == rest.substr(6)) return answer(done, ok(event));
    }
    return answer(done, no(404, "M_NOT_FOUND"));
  }
  if (verb == "messages") return answer(done, ok(messages(room, call)));
  if (verb == "send" || verb == "redact") {
    auto& event = transactions[call.path];
    if (event.empty()) {
      auto const type = verb == "send" ? rest.substr(5, rest.find('/', 5) - 5) : std::string("m.room.redaction");
      Json more = verb == "redact" ? Json::object({{"redacts", rest.substr(7, rest.find('/', 7) - 7)}}) : Json();
      event = say(kBot, type, call.body, name, {}, std::move(more));
    }
    return answer(done, ok(Json::object({{"event_id", event}})));
  }
  answer(done, no(404, "M_UNRECOGNIZED"));
}

std::size_t Homeserver::position(std::string const& token, std::size_t otherwise) {
  return token.empty() ? otherwise : std::stoul(token.substr(1));
}

Json Homeserver::messages(Room const& room, Seen const& call) const {
  auto const get = [&](char const* name) {
    auto const at = call.query.find(name);
    return at == call.query.end() ? std::string() : at->second;
  };
  auto const from = position(get("from"), stream), to = position(get("to"), 0);
  auto const limit = position('n' + get("limit"), 10);
  Json chunk = Json::array();
  std::size_t last = from, taken = 0;
  for (std::size_t i = room.timeline.size(); i-- > 0 && taken < limit;) {
    if (room.order[i] > from || room.order[i] <= to) continue;
    chunk.push(room.timeline[i]);
    last = room.order[i] - 1;
    ++taken;
  }
  Json page = Json::object({{"start", 't' + std::to_string(from)}, {"chunk", std::move(chunk)}});
  if (taken == limit) page.set("end", 't' + std::to_string(last));
  return page;
}

void Homeserver::sync(Seen const& call, CallId id, Done const& done) {
  auto const since = call.query.contains("since") ? call.query.at("since") : std::string();
  if (!since.empty() && forget_positions) return answer(done, no(400, "M_UNKNOWN"));
  auto const limits = core::parse_json(call.query.at("filter")).value();
  Poll poll{position(since, 0), static_cast<std::size_t>(limits["room"]["timeline"]["limit"].integer()), done};
  auto const hold = std::stol(call.query.at("timeout"));
  if (since.empty() || poll.since < stream || hold == 0) return answer(done, ok(sync_answer(poll, since.empty())));
  polls.emplace(id, poll);
  loop.call_after(core::Duration(hold), [this, id] {
    auto const at = polls.find(id);
    if (at == polls.end()) return;
    auto const poll_now = at->second;
    polls.erase(at);
    answer(poll_now.done, ok(sync_answer(poll_now, false)));
  });
}

void Homeserver::wake() {
  for (auto const& [id, poll] : std::exchange(polls, {})) {
    loop.post([this, poll = poll] { poll.done(ok(sync_answer(poll, false))); });
  }
}

Json Homeserver::sync_answer(Poll const& poll, bool initial) const {
  Json joined = Json::object({});
  for (auto const& [name, room] : rooms) {
    if (!room.members.contains(kBot)) continue;
    std::vector<std::size_t> fresh;
    for (std::size_t i = 0; i < room.timeline.size(); ++i) {
      if (room.order[i] > poll.since) fresh.push_back(i);
    }
    if (fresh.empty()) continue;
    bool const limited = fresh.size() > poll.limit || initial;
    if (fresh.size() > poll.limit) fresh.erase(fresh.begin(), fresh.end() - static_cast<std::ptrdiff_t>(poll.limit));
    Json events = Json::array();
    for (auto const i : fresh) events.push(room.timeline[i]);
    joined.set(
        name,
        Json::object({{"timeline", Json::object({{"limited", limited},
                                                 {"prev_batch", 't' + std::to_string(room.order[fresh.front()] - 1)},
                                                 {"events", std::move(events)}})},
                      {"state", Json::object({{"events", Json::array()}})}}));
  }
  return Json::object(
      {{"next_batch", 's' + std::to_string(stream)}, {"rooms", Json::object({{"join", std::move(joined)}})}});
}

}  // namespace matrix_fakes
