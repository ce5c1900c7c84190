#include "bot/api/views.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <set>

#include "bot/core/digest.hpp"
#include "bot/core/plain_text.hpp"
#include "bot/core/text.hpp"

namespace api {

using core::Errc;
using core::Json;
using core::make_error;

namespace {

constexpr std::size_t kMaxReason = 2000;  // characters

core::Error bad(std::string text) { return make_error(Errc::bad_input, std::move(text)); }

core::Result<std::string> optional_text(Json const& json, std::string const& key) {
  auto const& value = json[key];
  if (value.is_null()) return std::string();
  auto const* text = value.if_string();
  if (!text) return bad("The member \"" + key + "\" must be a string.");
  return *text;
}

// Parameters may come as JSON strings or whole numbers; everything inside is text.
core::Result<std::map<std::string, std::string>> text_map(Json const& json, std::string const& key) {
  std::map<std::string, std::string> map;
  auto const& value = json[key];
  if (value.is_null()) return map;
  auto const* object = value.if_object();
  if (!object) return bad("The member \"" + key + "\" must be an object.");
  for (auto const& [name, item] : *object) {
    if (!core::is_name(name))
      return bad("The member \"" + key + "\" has a name that is none of ours; use a-z, 0-9, '_', '-' and '.'.");
    if (auto const* text = item.if_string())
      map[name] = *text;
    else if (auto const* number = item.if_int())
      map[name] = std::to_string(*number);
    else
      return bad("\"" + key + "." + name + "\" must be a string or a whole number.");
  }
  return map;
}

core::Result<std::vector<core::Exhibit>> attachments(Json const& json, core::Time now) {
  std::vector<core::Exhibit> exhibits;
  auto const& value = json["attachments"];
  if (value.is_null()) return exhibits;
  auto const* array = value.if_array();
  if (!array || array->size() > 20) return bad("The member \"attachments\" must be a list of at most 20.");
  std::size_t total = 0;
  std::set<std::string> names;
  for (auto const& item : *array) {
    auto const name = item["name"].text(), type = item["media_type"].text("application/octet-stream");
    if (!core::is_name(name) || !names.insert(name).second)
      return bad("Each attachment needs a \"name\" of its own made of a-z, 0-9, '_', '-' and '.'.");
    for (auto const& [key, member] : *item.if_object()) {
      if (key != "name" && key != "media_type" && key != "data")
        return bad("The member \"" + core::printable_ascii(key, 64) + "\" of attachment " + name + " is unknown.");
    }
    if (auto const& given = item["media_type"];
        !(given.is_null() || given.if_string()) || type.size() > 100 || core::has_control(type))
      return bad("The \"media_type\" of attachment " + name + " can't be used.");
    auto const* data = item["data"].if_string();
    if (!data) return bad("Attachment " + name + " has no \"data\" in base64.");
    auto bytes = decode_base64(*data);
    if (!bytes) return bad("Attachment " + name + ": " + bytes.error().message);
    total += bytes->size();
    if (total > kMaxAttachmentBytes)
      return make_error(Errc::too_large, "The attachments together are larger than 1 MiB.");
    if (!core::make_text(*bytes))
      return bad("Attachment " + name +
                 " is no text, so nobody could judge it: attach UTF-8 (or UTF-16 with a byte order mark).");
    exhibits.push_back({.name = name,
                        .collector = "attachment",
                        .media_type = type,
                        .bytes = std::move(*bytes),
                        .total_bytes = 0,
                        .started = now});
    exhibits.back().total_bytes = exhibits.back().bytes.size();
  }
  return exhibits;
}

}  // namespace

core::Result<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return bad("this is no base64: its length is no multiple of four.");
  std::string bytes(text.size() / 4 * 3, '\0');
  if (text.empty()) return bytes;
  auto const padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  auto const content = text.substr(0, text.size() - padding);
  bool const clean = std::ranges::all_of(
      content, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/'; });
  if (!clean) return bad("this is no base64: it holds other characters.");
  auto const length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return bad("this is no base64.");
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

core::Result<core::Asked> parse_ask(std::string_view body, core::Actor const& requester, core::Time now) {
  auto const json = core::parse_json(body, {.max_bytes = 2 << 20, .max_string = 2 << 20});
  if (!json) return bad("The body can't be read: " + json.error().message + ".");
  auto const* object = json->if_object();
  if (!object) return bad("The body must be a JSON object.");
  static std::set<std::string, std::less<>> const kKnown{"runbook",         "parameters", "reason",      "initiator",
                                                         "idempotency_key", "channels",   "attachments", "labels"};
  for (auto const& [key, value] : *object) {
    if (!kKnown.contains(key)) return bad("The member \"" + core::printable_ascii(key, 64) + "\" is unknown.");
  }
  core::Asked ask{.requester = requester, .initiator = {}, .runbook = {}, .reason = {}};
  auto runbook = optional_text(*json, "runbook"), reason = optional_text(*json, "reason"),
       initiator = optional_text(*json, "initiator"), key = optional_text(*json, "idempotency_key");
  for (auto const* part : {&runbook, &reason, &initiator, &key}) {
    if (!*part) return part->error();
  }
  if (runbook->empty()) return bad("The member \"runbook\" is missing.");
  // Looked at here as well: else a reused key would be answered before what is wrong with the body.
  if (core::count_code_points(*reason) > kMaxReason)
    return bad("The member \"reason\" is longer than 2,000 characters.");
  if (core::count_code_points(*initiator) > 64)
    return bad("The member \"initiator\" is longer than 64 characters: it is a person's key.");
  if (key->size() > 200) return bad("The member \"idempotency_key\" is longer than 200 bytes.");
  auto parameters = text_map(*json, "parameters"), labels = text_map(*json, "labels");
  if (!parameters) return parameters.error();
  if (!labels) return labels.error();
  for (auto const& [name, value] : *labels) {
    if (value.size() > 200 || core::has_control(value))
      return bad("The label " + name + " is longer than 200 bytes or holds control characters.");
  }
  auto files = attachments(*json, now);
  if (!files) return files.error();
  if (auto const& channels = (*json)["channels"]; !channels.is_null()) {
    auto const* array = channels.if_array();
    if (!array || array->empty() || array->size() > 50)
      return bad("The member \"channels\" must be a list of channel names.");
    for (auto const& item : *array) {
      auto const* name = item.if_string();
      if (!name) return bad("The member \"channels\" must be a list of channel names.");
      if (std::ranges::find(ask.channels, *name) == ask.channels.end()) ask.channels.push_back(*name);
    }
  }
  ask.runbook = std::move(*runbook);
  ask.reason = std::move(*reason);
  ask.initiator = std::move(*initiator);
  ask.idempotency_key = std::move(*key);
  ask.body_digest = core::digest_of(core::dump(*json));
  ask.parameters = std::move(*parameters);
  ask.labels = std::move(*labels);
  ask.attachments = std::move(*files);
  ask.origin = {.platform = "api", .account = {}, .channel = {}};
  return ask;
}

core::Result<std::string> parse_cancel(std::string_view body) {
  if (body.empty()) return std::string();
  auto const json = core::parse_json(body);
  auto const* object = json ? json->if_object() : nullptr;
  if (!object) return bad("The body must be a JSON object like {\"reason\": \"…\"}.");
  for (auto const& [key, value] : *object) {
    if (key != "reason") return bad("The member \"" + core::printable_ascii(key, 64) + "\" is unknown.");
  }
  auto reason = optional_text(*json, "reason");
  if (!reason || reason->empty()) return reason;
  if (core::has_control(*reason, "\n") || core::count_code_points(*reason) > kMaxReason)
    return bad("The reason is at most 2,000 characters without control characters other than newline.");
  return reason;
}

bool may_read(core::State const& state, core::RequestState const& request, core::Actor const& caller) {
  if (caller == request.requester) return true;
  if (caller.kind != core::Actor::Kind::person) return false;
  if (caller.key == request.initiator) return true;
  auto const* person = state.rules.person(caller.key);
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = request.pinned ? &*request.pinned : runbook ? state.rules.policy_of(*runbook) : nullptr;
  return person && policy && std::ranges::any_of(policy->approve, [&](core::Need const& need) {
           return person->groups.contains(need.group);
         });
}

Json request_view(core::State const& state, core::RequestState const& request) {
  auto json = Json::object({{"id", request.id.str()},
                            {"case", request.id.case_id().str()},
                            {"state", core::to_string(request.phase)},
                            {"url", "/v1/requests/" + request.id.str()}});
  json.set("runbook", request.runbook).set("requester", request.requester.str()).set("reason", request.reason);
  Json::Object parameters;
  for (auto const& [name, value] : request.parameters) parameters.emplace(name, value);
  json.set("parameters", std::move(parameters))
      .set("initiator", request.initiator.empty() ? Json() : Json(request.initiator));
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = request.pinned ? &*request.pinned : runbook ? state.rules.policy_of(*runbook) : nullptr;
  Json::Array needs, votes;
  if (policy) {
    for (auto const& need : core::tally(*policy, state.rules, request.behind(), request.votes).needs)
      needs.push_back(Json::object({{"group", need.group}, {"count", need.count}, {"have", need.have}}));
  }
  for (auto const& vote : core::effective_votes(request.votes)) {
    votes.push_back(Json::object({{"person", vote.person},
                                  {"verdict", core::to_string(vote.verdict)},
                                  {"at", core::format_time(vote.at)},
                                  {"platform", vote.platform}}));
  }
  json.set("needs", std::move(needs)).set("votes", std::move(votes));
  json.set("binding", request.binding.empty() ? Json() : Json(request.binding));
  json.set("expires_at", request.bound ? Json(core::format_time(request.bound->expires_at)) : Json());
  Json decision, run;
  if (request.decision) {
    Json::Array by;
    for (auto const& person : request.decision->by) by.push_back(person);
    if (by.empty()) by.push_back(request.decision->actor.str());
    decision = Json::object({{"verdict", request.decision->verdict},
                             {"by", std::move(by)},
                             {"at", core::format_time(request.decision->at)},
                             {"reason", request.decision->reason}});
  }
  if (request.run) {
    auto const time = [](std::optional<core::Time> const& at) { return at ? Json(core::format_time(*at)) : Json(); };
    run = Json::object({{"state", core::to_string(request.phase)},
                        {"cause", request.run->cause.empty() ? Json() : Json(request.run->cause)},
                        {"exit_code", request.run->exit_code ? Json(*request.run->exit_code) : Json()},
                        {"started_at", time(request.run->started_at)},
                        {"finished_at", time(request.run->finished_at)}});
  }
  if (auto const place = core::queue_place(state, request))
    run = Json::object({{"state", "waiting"},
                        {"position", std::uint64_t{place->position}},
                        {"behind", place->behind ? Json(place->behind->str()) : Json()}});
  json.set("decision", std::move(decision))
      .set("run", std::move(run))
      .set("ledger_path", request.id.folder())
      .set("commit", request.last_commit.empty() ? Json() : Json(request.last_commit));
  return json;
}

}  // namespace api
