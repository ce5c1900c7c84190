// files.*: three steps from bytes to a message that shows them. Source: docs.slack.dev/messaging/working-with-files and
// /reference/methods/files.getUploadURLExternal, files.completeUploadExternal, files.info.
#include <algorithm>

#include "adapters/playground/web_api.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxFiles = 1'000, kMaxFilesBytes = 64u << 20;  // of one stand-in

// Clients may also send a form with one part (RFC 7578), as Slack's own SDK does.
std::string bytes_of(net::HttpRequestIn const& request) {
  auto const type = std::string(request.header("Content-Type").value_or(""));
  auto const at = type.find("boundary=");
  if (!type.starts_with("multipart/form-data") || at == std::string::npos) return request.body;
  auto boundary = type.substr(at + 9);
  if (boundary.size() > 1 && boundary.front() == '"') boundary = boundary.substr(1, boundary.find('"', 1) - 1);
  auto const begin = request.body.find("\r\n\r\n");
  auto const end = begin == std::string::npos ? begin : request.body.find("\r\n--" + boundary, begin + 4);
  return end == std::string::npos ? std::string() : request.body.substr(begin + 4, end - begin - 4);
}

bool is_text(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos && core::parse_json(core::dump(Json(bytes))).has_value();
}

}  // namespace

Answer WebApi::may_write_files() const {
  auto const& scopes = context_.options.world.scopes;
  if (("," + scopes + ",").find(",files:write,") != std::string::npos) return Answer::ok();
  auto answer = Answer::error("missing_scope");
  answer.body.set("needed", "files:write").set("provided", scopes);
  return answer;
}

Answer WebApi::upload_url(Arguments const& arguments) {
  if (auto refused = may_write_files(); !refused.good()) return refused;
  auto const length = arguments.number("length", 0);
  if (arguments.text("filename").empty() || length <= 0) return Answer::missing(length <= 0 ? "length" : "filename");
  if (files_.size() >= kMaxFiles || files_bytes_ + static_cast<std::size_t>(length) > kMaxFilesBytes)
    return Answer::error("storage_limit_reached");
  files_bytes_ += static_cast<std::size_t>(length);
  auto const id = "F0" + context_.random_text(9);
  auto& file = files_[id];
  file.name = arguments.text("filename");
  file.length = static_cast<std::size_t>(length);
  file.ticket = context_.random_text(40);
  return Answer::ok(Json::object({{"upload_url", "http://" + host_ + "/upload/v1/" + file.ticket}, {"file_id", id}}));
}

void WebApi::take_upload(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const text = [&](unsigned status, std::string body) {
    responder->respond({status, {{"Content-Type", "text/plain"}}, std::move(body)});
  };
  if (request.header("Authorization")) context_.find("a token was sent to an upload URL");
  if (auto* fault = next_fault("upload")) return text(fault->status, "something broke");
  auto const ticket = request.path.substr(request.path.rfind('/') + 1);
  auto const found = std::find_if(files_.begin(), files_.end(),
                                  [&](auto const& one) { return !ticket.empty() && one.second.ticket == ticket; });
  if (request.method != "POST" || found == files_.end()) return text(404, "not found");
  auto bytes = bytes_of(request);
  if (bytes.size() != found->second.length) return text(400, "the length is not what was announced");
  found->second.ticket.clear();
  found->second.bytes = std::move(bytes);
  found->second.uploaded = true;
  text(200, "OK - " + std::to_string(found->second.length));
}

Answer WebApi::complete_upload(Arguments const& arguments) {
  if (auto refused = may_write_files(); !refused.good()) return refused;
  bool bad = false;
  auto const list = arguments.nested("files", &bad);
  if (bad || !list.is_array() || list.if_array()->empty()) return Answer::error("invalid_arguments");
  auto channel = arguments.text("channel_id").empty() ? arguments.text("channels") : arguments.text("channel_id");
  if (!channel.empty()) {
    if (auto const word = writable(channel, false); !word.empty()) return Answer::error(word);
  }
  Json named = Json::array();
  std::vector<std::string> ids;
  for (auto const& one : *list.if_array()) {
    auto const id = one["id"].text();
    auto const found = files_.find(id);
    if (found == files_.end() || !found->second.uploaded) return Answer::error("file_not_found");
    found->second.title = one["title"].text(found->second.name);
    named.push(Json::object({{"id", id}, {"title", found->second.title}}));
    ids.push_back(id);
  }
  auto const thread = arguments.text("thread_ts"), comment = arguments.text("initial_comment");
  // Sharing comes later than the answer, and not at all where there is nothing to share it under.
  if (!channel.empty()) {
    context_.after(context_.options.file_share_delay,
                   [this, channel, thread, comment, ids] { share(channel, thread, comment, ids); });
  }
  return Answer::ok(Json::object({{"files", named}}));
}

void WebApi::share(std::string const& channel, std::string const& thread, std::string const& comment,
                   std::vector<std::string> const& ids) {
  if (!thread.empty() && store_.find(channel, thread) == nullptr) return;
  auto const& world = context_.options.world;
  StoredMessage message;
  message.channel = channel;
  message.ours = true;
  Json files = Json::array();
  for (auto const& id : ids) files.push(file_json(id));
  message.body = Json::object({{"user", world.bot_user_id},
                               {"bot_id", world.bot_id},
                               {"app_id", world.app_id},
                               {"team", world.team_id},
                               {"text", re_escape(comment)},
                               {"files", files},
                               {"upload", false}});
  if (!thread.empty()) message.body.set("thread_ts", thread);
  auto const ts = store_.add(std::move(message), false).ts;
  for (auto const& id : ids) files_.at(id).shares.emplace_back(channel, ts);
}

Json WebApi::file_json(std::string const& id) const {
  auto const& file = files_.at(id);
  Json shares(Json::Object{});
  for (auto const& [channel, ts] : file.shares) shares.set(channel, Json::array({Json::object({{"ts", ts}})}));
  return Json::object({{"id", id},
                       {"name", file.name},
                       {"title", file.title},
                       {"mimetype", is_text(file.bytes) ? "text/plain" : "application/octet-stream"},
                       {"size", std::uint64_t{file.bytes.size()}},
                       {"mode", "hosted"},
                       {"is_external", false},
                       {"shares", Json::object({{"public", shares}})}});
}

Answer WebApi::file_info(Arguments const& arguments) {
  auto const id = arguments.text("file");
  if (!files_.contains(id)) return Answer::error("file_not_found");
  return Answer::ok(Json::object({{"file", file_json(id)}}));
}

std::optional<std::string> WebApi::file(std::string const& id) const {
  auto const found = files_.find(id);
  if (found == files_.end() || !found->second.uploaded) return std::nullopt;
  return found->second.bytes;
}

std::optional<std::string> WebApi::text_of(std::string const& id) const {
  auto const bytes = file(id);
  if (!bytes || bytes->size() > kMaxShownText || !is_text(*bytes)) return std::nullopt;
  return bytes;
}

}  // namespace playground
