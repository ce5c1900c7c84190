// Events: sent, redacted, read back one by one, around one another, by relation and by page.
#include <algorithm>

#include "adapters/playground/matrix_api.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::int64_t kMaxPage = 1'000;     // /messages
constexpr std::int64_t kMaxRelations = 100;  // /relations
constexpr int kRecursion = 3;                // MSC3981 in Synapse: levels with recurse=true
constexpr std::size_t kMaxTransactions = 50'000;

net::HttpResponse fine(Json body) { return json_response(body); }
net::HttpResponse event_id(MatrixEvent const& event) { return fine(Json::object({{"event_id", event.id}})); }

std::int64_t limit_of(std::string const& text, std::int64_t otherwise, std::int64_t most) {
  if (text.empty()) return otherwise;
  if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
    throw MatrixError{400, "M_INVALID_PARAM", "Query parameter limit must be an integer"};
  return std::min(std::max<std::int64_t>(std::stoll(text), 0), most);
}

std::optional<std::int64_t> token_of(std::string const& text, char const* name) {
  if (text.empty()) return std::nullopt;
  auto const token = parse_matrix_token(text);
  if (!token) throw MatrixError{400, "M_UNKNOWN", "'" + std::string(name) + "' parameter is invalid"};
  return token;
}

}  // namespace

// The layer in the database: by room, device and txnId, whatever the path (Synapse); errors are not kept.
MatrixApi::Answer MatrixApi::sent(Request const& request, MatrixDraft draft, std::string const& transaction) {
  auto const& who = request.who;
  std::string key;
  if (!who.device.empty() && !transaction.empty()) {
    key = draft.room + " " + who.user + " " + who.device + " " + transaction;
    auto const found = sent_.find(key);
    if (found != sent_.end() && context_.now() - found->second.at < context_.options.transactions_kept)
      return fine(Json::object({{"event_id", found->second.event}}));
    draft.device = who.device;
    draft.transaction = transaction;
  }
  auto const& event = store_.send(std::move(draft));
  if (!key.empty()) {
    if (sent_.size() >= kMaxTransactions) sent_.clear();
    sent_[key] = {event.id, context_.now()};
  }
  return event_id(event);
}

MatrixApi::Answer MatrixApi::send(std::shared_ptr<Request> const& request) {
  auto const& parts = request->parts;
  MatrixDraft draft{parts[0], parts[1], request->who.user, request->body};
  // From room version 11 on a redaction may go this way as well.
  if (draft.type == "m.room.redaction") draft.redacts = draft.content["redacts"].text();
  return sent(*request, std::move(draft), parts[2]);
}

MatrixApi::Answer MatrixApi::redact(std::shared_ptr<Request> const& request) {
  auto const& parts = request->parts;
  MatrixDraft draft{parts[0], "m.room.redaction", request->who.user, Json(Json::Object{})};
  if (auto const* reason = request->body["reason"].if_string()) draft.content.set("reason", *reason);
  auto const* room = store_.room(parts[0]);
  if (room != nullptr && room->redacts_in_content()) draft.content.set("redacts", parts[1]);
  draft.redacts = parts[1];
  return sent(*request, std::move(draft), parts[2]);
}

MatrixApi::Answer MatrixApi::put_state(std::shared_ptr<Request> const& request) {
  auto const& parts = request->parts;
  MatrixDraft draft{parts[0], parts[1], request->who.user, request->body};
  draft.state_key = parts.size() > 2 ? parts[2] : std::string();
  if (draft.type == "m.room.member")
    return event_id(
        set_membership(draft.sender, draft.room, *draft.state_key, draft.content["membership"].text().c_str()));
  // The same content again is the same event.
  auto const* room = store_.room(draft.room);
  auto const* now = room == nullptr ? nullptr : room->state_at(draft.type, *draft.state_key);
  if (now != nullptr && now->content == draft.content && now->sender == draft.sender && room->joined(draft.sender))
    return event_id(*now);
  return event_id(store_.send(std::move(draft)));
}

MatrixRoom const& MatrixApi::readable(Request const& request, bool must_be_joined) const {
  auto const& id = request.parts[0];
  auto const* room = store_.room(id);
  auto const& user = request.who.user;
  auto const* member = room == nullptr ? nullptr : room->state_at("m.room.member", user);
  bool const was = member != nullptr && (room->joined(user) || member->previous_content["membership"].text() == "join");
  if (!was)
    throw MatrixError{403, "M_FORBIDDEN", "User " + user + " not in room " + id + ", and room previews are disabled"};
  if (must_be_joined && !room->joined(user))
    throw MatrixError{403, "M_FORBIDDEN", "User " + user + " not in room " + id};
  return *room;
}

std::int64_t MatrixApi::horizon(MatrixRoom const& room, std::string const& user) const {
  return room.joined(user) ? kNow : room.state_at("m.room.member", user)->position;
}

Json MatrixApi::list(std::vector<MatrixEvent const*> const& events, MatrixRequester const& who, bool bundle) const {
  auto out = Json::array();
  for (auto const* one : events) out.push(store_.shown(*one, {who.user, who.device, false, true, bundle}));
  return out;
}

MatrixApi::Answer MatrixApi::get_state(std::shared_ptr<Request> const& request) {
  auto const& room = readable(*request);
  auto const key = request->parts.size() > 2 ? request->parts[2] : std::string();
  auto const* event = room.state_at(request->parts[1], key, horizon(room, request->who.user));
  if (event == nullptr) throw MatrixError{404, "M_NOT_FOUND", "Event not found."};
  if (request->query("format") != "event") return fine(event->content);
  MatrixReader reader{request->who.user, request->who.device, true, false};
  return fine(store_.shown(*event, reader).set("room_id", room.id));
}

MatrixApi::Answer MatrixApi::all_state(std::shared_ptr<Request> const& request) {
  auto const& room = readable(*request);
  auto out = Json::array();
  for (auto const* one : room.state_events(horizon(room, request->who.user)))
    out.push(store_.shown(*one, {request->who.user, request->who.device, false, false}));
  return fine(std::move(out));
}

MatrixApi::Answer MatrixApi::event(std::shared_ptr<Request> const& request) {
  auto const* event = store_.event(request->parts[1]);
  if (event == nullptr || event->room != request->parts[0] || !store_.may_see(*event, request->who.user))
    throw MatrixError{404, "M_NOT_FOUND", "Event not found."};
  return fine(store_.shown(*event, {request->who.user, request->who.device, false, true, true}));
}

MatrixApi::Answer MatrixApi::event_context(std::shared_ptr<Request> const& request) {
  auto const& room = readable(*request);
  auto const* event = store_.event(request->parts[1]);
  if (event == nullptr || event->room != room.id || !store_.may_see(*event, request->who.user))
    throw MatrixError{404, "M_NOT_FOUND", "Event not found."};
  auto const limit = limit_of(request->query("limit"), 10, 100);
  auto const before_limit = static_cast<std::size_t>(limit / 2),
             after_limit = static_cast<std::size_t>(limit) - before_limit;
  std::vector<MatrixEvent const*> before, after;
  for (auto one = room.events.rbegin(); one != room.events.rend(); ++one) {
    if ((*one)->position < event->position && before.size() < before_limit) before.push_back(one->get());
  }
  auto const last = horizon(room, request->who.user);
  for (auto const& one : room.events) {
    if (one->position > event->position && one->position <= last && after.size() < after_limit)
      after.push_back(one.get());
  }
  auto const start = before.empty() ? event->position - 1 : before.back()->position - 1;
  auto const end = after.empty() ? event->position : after.back()->position;
  auto state = Json::array();
  for (auto const* one : room.state_events(end))
    state.push(store_.shown(*one, {request->who.user, request->who.device, false, false}));
  return fine(
      Json::object({{"event", store_.shown(*event, {request->who.user, request->who.device, false, true, true})},
                    {"events_before", list(before, request->who, true)},
                    {"events_after", list(after, request->who, true)},
                    {"state", state},
                    {"start", matrix_page_token(start)},
                    {"end", matrix_page_token(end)}}));
}

MatrixApi::Answer MatrixApi::relations(std::shared_ptr<Request> const& request) {
  auto const& room = readable(*request);
  auto const* parent = store_.event(request->parts[1]);
  if (parent == nullptr || parent->room != room.id) throw MatrixError{404, "M_UNKNOWN", "Unknown parent event."};
  bool const forward = request->query("dir") == "f", recurse = request->query("recurse") == "true";
  auto const limit =
      static_cast<std::size_t>(std::max<std::int64_t>(limit_of(request->query("limit"), 5, kMaxRelations), 1));
  auto const from = token_of(request->query("from"), "from"), to = token_of(request->query("to"), "to");
  std::vector<MatrixEvent const*> found;
  std::vector<std::string> targets{parent->id};
  for (int depth = 0; depth < (recurse ? kRecursion : 1); ++depth) {
    std::vector<std::string> next;
    for (auto const& target : targets) {
      for (auto const* one : store_.relations_of(target)) {
        found.push_back(one);
        next.push_back(one->id);
      }
    }
    targets = std::move(next);
  }
  auto const last = horizon(room, request->who.user);
  std::erase_if(found, [&](MatrixEvent const* one) {
    auto const& parts = request->parts;
    if (parts.size() > 2 && one->relation() != parts[2]) return true;
    if (parts.size() > 3 && one->type != parts[3]) return true;
    if (one->position > last || !store_.may_see(*one, request->who.user)) return true;
    if (from && (forward ? one->position <= *from : one->position > *from)) return true;
    return to && (forward ? one->position > *to : one->position <= *to);
  });
  std::sort(found.begin(), found.end(), [&](auto const* a, auto const* b) {
    return forward ? a->position < b->position : a->position > b->position;
  });
  bool const more = found.size() > limit;
  if (more) found.resize(limit);
  auto out = Json::object({{"chunk", list(found, request->who, true)}});
  if (more) out.set("next_batch", matrix_page_token(forward ? found.back()->position : found.back()->position - 1));
  if (from) out.set("prev_batch", request->query("from"));
  if (recurse) out.set("recursion_depth", kRecursion);
  return fine(std::move(out));
}

MatrixApi::Answer MatrixApi::messages(std::shared_ptr<Request> const& request) {
  MatrixFilter filter;
  if (auto const text = request->query("filter"); !text.empty()) {
    auto parsed = core::parse_json(text);
    if (!parsed || !parsed->is_object())
      throw MatrixError{400, "M_NOT_JSON", "Query parameter filter must be a valid JSON object"};
    filter.json = *std::move(parsed);
  }
  auto const from_text = request->query("from");
  auto const from = token_of(from_text, "from"), to = token_of(request->query("to"), "to");
  auto const& room = readable(*request);
  auto const& user = request->who.user;
  bool const forward = request->query("dir", "f") == "f";
  auto const limit = static_cast<std::size_t>(limit_of(request->query("limit"), 10, kMaxPage));
  auto const last = std::min(horizon(room, user), store_.position());
  auto const start = from.value_or(forward ? 0 : last);
  std::vector<MatrixEvent const*> page;
  auto take = [&](MatrixEvent const& one) {
    if (page.size() < limit && one.position <= last && filter.passes(one) && store_.may_see(one, user))
      page.push_back(&one);
  };
  if (forward) {
    for (auto const& one : room.events) {
      if (one->position > start && (!to || one->position <= *to)) take(*one);
    }
  } else {
    for (auto one = room.events.rbegin(); one != room.events.rend(); ++one) {
      if ((*one)->position <= start && (!to || (*one)->position > *to)) take(**one);
    }
  }
  auto out = Json::object(
      {{"chunk", list(page, request->who, true)},
       {"start", from_text.empty() ? (forward ? matrix_sync_token(0) : matrix_page_token(start)) : from_text}});
  // Synapse names an end whenever there was anything, also when `to` was reached.
  if (!page.empty()) out.set("end", matrix_page_token(forward ? page.back()->position : page.back()->position - 1));
  if (filter.lazy()) {
    std::vector<std::string> senders;
    for (auto const* one : page) senders.push_back(one->sender);
    std::sort(senders.begin(), senders.end());
    senders.erase(std::unique(senders.begin(), senders.end()), senders.end());
    auto state = Json::array();
    for (auto const& one : senders) {
      if (auto const* member = room.state_at("m.room.member", one))
        state.push(store_.shown(*member, {user, request->who.device, false, false}));
    }
    out.set("state", state);
  }
  return fine(std::move(out));
}

}  // namespace playground
