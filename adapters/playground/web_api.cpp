#include "adapters/playground/web_api.hpp"

#include <algorithm>
#include <cmath>

#include "adapters/playground/form.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxCalls = 10'000;

}  // namespace

Arguments Arguments::from(net::HttpRequestIn const& request, bool ignores_json) {
  Arguments out;
  for (auto const& [key, value] : request.query) out.values_.set(key, value);
  auto const type = request.header("Content-Type").value_or("");
  if (type.starts_with("application/json")) {
    if (type.find("charset") == std::string_view::npos) out.warning = "missing_charset";
    if (!request.body.empty() && !ignores_json) {
      auto const parsed = core::parse_json(request.body, {.max_bytes = 4u << 20});
      if (!parsed) {
        out.error = "invalid_json";
      } else if (!parsed->is_object()) {
        out.error = "json_not_object";
      } else {
        for (auto const& [key, value] : *parsed->if_object()) out.values_.set(key, value);
      }
    }
  } else if (type.starts_with("application/x-www-form-urlencoded")) {
    read_form(request.body, out.values_);
  } else if (!request.body.empty()) {
    out.error = type.starts_with("multipart/form-data") ? "invalid_form_data" : "invalid_post_type";
  }
  out.body_token = out.values_["token"].text();
  out.values_.if_object()->erase("token");
  return out;
}

std::string Arguments::text(std::string_view key) const {
  auto const& value = values_[key];
  if (auto const* number = value.if_int()) return std::to_string(*number);
  return value.text();
}

bool Arguments::flag(std::string_view key, bool otherwise) const {
  auto const& value = values_[key];
  if (value.is_null()) return otherwise;
  if (auto const* flag = value.if_bool()) return *flag;
  auto const word = text(key);
  return word == "true" || word == "1";
}

std::int64_t Arguments::number(std::string_view key, std::int64_t otherwise) const {
  auto const word = text(key);
  if (word.empty() || word.size() > 9 ||
      !std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return otherwise;
  }
  return std::stoll(word);
}

Json Arguments::nested(std::string_view key, bool* bad) const {
  auto const& value = values_[key];
  auto const* text = value.if_string();
  if (text == nullptr) return value;
  auto parsed = core::parse_json(*text, {.max_bytes = 4u << 20});
  if (!parsed) {
    if (bad != nullptr) *bad = true;
    return {};
  }
  return *std::move(parsed);
}

Json Arguments::recorded() const {
  Json out = values_;
  for (auto const* key : {"blocks", "attachments", "metadata", "view", "files"}) {
    if (has(key)) out.set(key, nested(key));
  }
  return out;
}

Answer Answer::ok(Json members) {
  members.set("ok", true);
  return {std::move(members)};
}

Answer Answer::error(std::string_view word) { return {Json::object({{"ok", false}, {"error", word}})}; }

Answer Answer::error(std::string_view word, std::vector<BlockProblem> const& problems) {
  auto answer = error(word);
  Json messages = Json::array(), errors = Json::array();
  for (auto const& problem : problems) {
    messages.push(problem.text());
    errors.push(problem.message + " [json-pointer:" + problem.pointer + "]");
  }
  if (word == "invalid_blocks") answer.body.set("errors", errors);
  answer.body.set("response_metadata", Json::object({{"messages", messages}}));
  return answer;
}

Answer Answer::missing(std::string_view argument) {
  auto answer = error("invalid_arguments");
  answer.body.set(
      "response_metadata",
      Json::object({{"messages", Json::array({"[ERROR] missing required field: " + std::string(argument)})}}));
  return answer;
}

WebApi::WebApi(SlackContext& context, SlackStore& store, People& people, SocketHub& hub)
    : context_(context), store_(store), people_(people), hub_(hub) {}

std::map<std::string, WebApi::Entry, std::less<>> const& WebApi::methods() {
  static std::map<std::string, Entry, std::less<>> const kMethods{
      {"api.test", {&WebApi::api_test, 0, false, false}},
      {"auth.test", {&WebApi::auth_test, 0, false, false}},
      {"apps.connections.open", {&WebApi::open_connection, 50, false, true}},
      {"chat.postMessage", {&WebApi::post_message, 0, false, false}},
      {"chat.postEphemeral", {&WebApi::post_ephemeral, 100, false, false}},
      {"chat.update", {&WebApi::update, 50, false, false}},
      {"chat.delete", {&WebApi::remove, 50, false, false}},
      {"chat.getPermalink", {&WebApi::permalink, 0, true, false}},
      {"reactions.add", {&WebApi::add_reaction, 50, false, false}},
      {"conversations.info", {&WebApi::conversation_info, 50, true, false}},
      {"conversations.open", {&WebApi::conversation_open, 50, false, false}},
      {"conversations.members", {&WebApi::conversation_members, 100, true, false}},
      {"conversations.list", {&WebApi::conversation_list, 20, true, false}},
      {"conversations.history", {&WebApi::history, 50, true, false}},
      {"conversations.replies", {&WebApi::replies, 50, true, false}},
      {"users.info", {&WebApi::user_info, 100, true, false}},
      {"users.lookupByEmail", {&WebApi::user_by_email, 50, true, false}},
      {"users.list", {&WebApi::user_list, 20, true, false}},
      {"usergroups.list", {&WebApi::usergroup_list, 20, true, false}},
      {"usergroups.users.list", {&WebApi::usergroup_users, 20, true, false}},
      {"bots.info", {&WebApi::bot_info, 50, true, false}},
      {"team.info", {&WebApi::team_info, 50, true, false}},
      {"files.getUploadURLExternal", {&WebApi::upload_url, 100, true, false}},
      {"files.completeUploadExternal", {&WebApi::complete_upload, 100, true, false}},
      {"files.info", {&WebApi::file_info, 100, true, false}},
      {"views.open", {&WebApi::open_view, 100, false, false}},
      {"views.push", {&WebApi::push_view, 100, false, false}},
      {"views.update", {&WebApi::update_view, 100, false, false}},
  };
  return kMethods;
}

unsigned WebApi::take(std::string const& name, double per_second, double burst) {
  auto const now = context_.now();
  auto [at, fresh] = buckets_.try_emplace(name, Bucket{burst, now});
  auto& bucket = at->second;
  auto const seconds = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(burst, bucket.tokens + seconds * per_second);
  bucket.at = now;
  if (bucket.tokens < 1) return std::max(1u, static_cast<unsigned>(std::ceil((1 - bucket.tokens) / per_second)));
  bucket.tokens -= 1;
  return 0;
}

Fault* WebApi::next_fault(std::string_view method) {
  for (auto& fault : faults) {
    if (fault.times == 0 || (fault.method != "*" && fault.method != method)) continue;
    if (fault.skip > 0) {
      --fault.skip;
      return nullptr;
    }
    if (fault.times > 0) --fault.times;
    return &fault;
  }
  return nullptr;
}

std::string WebApi::check_token(Entry const& entry, Arguments const& arguments,
                                net::HttpRequestIn const& request) const {
  auto const header = request.header("Authorization").value_or("");
  auto const from_header = header.starts_with("Bearer ") ? std::string(header.substr(7)) : std::string();
  if (entry.app_token && from_header.empty() && !arguments.body_token.empty()) return "insecure_request";
  auto const token = from_header.empty() ? arguments.body_token : from_header;
  if (token.empty()) return "not_authed";
  auto const& world = context_.options.world;
  auto const& right = entry.app_token ? world.app_token : world.bot_token;
  auto const& other = entry.app_token ? world.bot_token : world.app_token;
  if (token == right) return {};
  return token == other ? "not_allowed_token_type" : "invalid_auth";
}

Answer WebApi::call(std::string_view name, Arguments const& arguments, net::HttpRequestIn const& request) {
  auto const found = methods().find(name);
  bool const hidden = !context_.options.files && name.starts_with("files.");
  if (found == methods().end() || hidden) return Answer::error("unknown_method");
  host_ = request.header("Host").value_or("127.0.0.1");
  if (!arguments.error.empty()) return Answer::error(arguments.error);
  if (name != "api.test") {
    if (auto const word = check_token(found->second, arguments, request); !word.empty()) return Answer::error(word);
  }
  return (this->*found->second.method)(arguments);
}

net::HttpResponse WebApi::to_response(Answer const& answer, Arguments const& arguments) {
  auto body = answer.body;
  if (!arguments.warning.empty()) {
    body.set("warning", arguments.warning);
    auto metadata = body["response_metadata"];
    metadata.set("warnings", Json::array({arguments.warning}));
    body.set("response_metadata", metadata);
  }
  if (context_.options.extra_fields && context_.chance(4)) body.set("x_cache", "miss");
  return {200,
          {{"Content-Type", "application/json; charset=utf-8"},
           {"x-slack-req-id", context_.random_text(32)},
           {"x-oauth-scopes", context_.options.world.scopes}},
          core::dump(body)};
}

void WebApi::handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const name = request.path.substr(std::string_view("/api/").size());
  auto const known = methods().find(name);
  bool const is_known = known != methods().end();
  auto const arguments = Arguments::from(request, is_known && known->second.ignores_json);
  calls.push_back({name, arguments.recorded(), 0, {}, context_.now()});
  if (calls.size() > kMaxCalls) calls.pop_front();
  auto& record = calls.back();

  auto answer_with = [this, responder](ApiCall* call, net::HttpResponse response) {
    if (call != nullptr) call->status = response.status;
    responder->respond(std::move(response));
    static_cast<void>(this);
  };
  auto limited = [](unsigned seconds) {
    return net::HttpResponse{
        429,
        {{"Content-Type", "application/json; charset=utf-8"}, {"Retry-After", std::to_string(seconds)}},
        R"({"ok":false,"error":"ratelimited"})"};
  };
  auto act = [&] {
    auto const answer = call(name, arguments, request);
    record.answer = answer.body;
    return to_response(answer, arguments);
  };

  if (is_known) {
    unsigned wait = 0;
    if (context_.options.limit_tiers && known->second.per_minute > 0) {
      auto const rate = known->second.per_minute;
      wait = take(name, rate / 60.0, rate);
    }
    if (wait == 0 && context_.options.limit_posts && name == "chat.postMessage") {
      wait = take("post " + arguments.text("channel"), 1.0, 4.0);
    }
    if (wait > 0) return answer_with(&record, limited(wait));
  }
  auto const* planned = next_fault(name);
  if (planned == nullptr) return answer_with(&record, act());
  auto const fault = *planned;
  auto const failed = net::HttpResponse{fault.status, {{"Content-Type", "text/html"}}, "<html>something broke</html>"};
  // There is no answer to cut before a head was sent: an announced body that ends too early is what the client sees.
  auto cut = [&] {
    static_cast<void>(responder->start_stream({200, {{"Content-Type", "application/json"}}, "{"}, {}));
  };
  auto hang = [&] { context_.after(std::chrono::hours(24), [responder] { static_cast<void>(responder); }); };
  switch (fault.kind) {
    case Fault::Kind::status: return answer_with(&record, failed);
    case Fault::Kind::status_after_done: act(); return answer_with(&record, failed);
    case Fault::Kind::cut: return cut();
    case Fault::Kind::cut_after_done: act(); return cut();
    case Fault::Kind::hang: return hang();
    case Fault::Kind::hang_after_done: act(); return hang();
    case Fault::Kind::rate_limit: return answer_with(&record, limited(fault.retry_after));
    case Fault::Kind::error: return answer_with(&record, to_response(Answer::error(fault.error), arguments));
    case Fault::Kind::slow_answer: {
      context_.after(fault.delay, [response = act(), responder] { responder->respond(response); });
      return;
    }
    case Fault::Kind::slow: {
      context_.after(fault.delay, [this, name, arguments, request, responder] {
        responder->respond(to_response(call(name, arguments, request), arguments));
      });
      return;
    }
  }
}

}  // namespace playground
