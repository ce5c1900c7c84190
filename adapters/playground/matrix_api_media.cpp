// Media: uploaded by anybody with an account, downloaded with a token alone.
#include "adapters/playground/matrix_api.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxMediaBytes = 256u << 20;  // of all that one stand-in holds
constexpr std::size_t kMaxShownText = 64u << 10;

net::HttpResponse fine(Json body = Json(Json::Object{})) { return json_response(body); }

[[noreturn]] void not_found(net::HttpRequestIn const& http) {
  throw MatrixError{404, "M_NOT_FOUND", "Not found '" + http.target.substr(0, http.target.find('?')) + "'"};
}

// A file name becomes part of a header.
std::string safe_name(std::string_view name) {
  std::string out;
  for (char const c : name) {
    auto const byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F || c == '"' || c == ';' || c == '\\' ? '_' : c;
  }
  return out;
}

}  // namespace

MatrixApi::Answer MatrixApi::media_config(std::shared_ptr<Request> const&) {
  return fine(Json::object({{"m.upload.size", std::uint64_t{context_.options.max_upload_bytes}}}));
}

MatrixApi::Answer MatrixApi::upload(std::shared_ptr<Request> const& request) {
  auto const& body = request->http.body;
  if (body.size() > context_.options.max_upload_bytes)
    throw MatrixError{413, "M_TOO_LARGE", "Upload request body is too large"};
  if (media_bytes_ + body.size() > kMaxMediaBytes)
    throw MatrixError{500, "M_UNKNOWN", "The stand-in holds no more media."};
  auto const id = context_.random_text(24);
  media_[id] = {request->who.user,
                std::string(request->http.header("Content-Type").value_or("application/octet-stream")),
                request->query("filename"), body, true};
  media_bytes_ += body.size();
  return fine(Json::object({{"content_uri", "mxc://" + context_.world().server_name + "/" + id}}));
}

MatrixApi::Answer MatrixApi::create_media(std::shared_ptr<Request> const& request) {
  auto const id = context_.random_text(24);
  media_[id].owner = request->who.user;
  return fine(Json::object({{"content_uri", "mxc://" + context_.world().server_name + "/" + id},
                            {"unused_expires_at", context_.now_ms() + std::int64_t{24} * 3'600'000}}));
}

MatrixApi::Answer MatrixApi::fill_media(std::shared_ptr<Request> const& request) {
  auto const found = media_.find(request->parts[1]);
  if (request->parts[0] != context_.world().server_name || found == media_.end())
    throw MatrixError{404, "M_NOT_FOUND", "Unknown media ID"};
  auto& medium = found->second;
  if (medium.owner != request->who.user)
    throw MatrixError{403, "M_FORBIDDEN", "Only the creator of the media ID can upload to it"};
  if (medium.filled) throw MatrixError{409, "M_CANNOT_OVERWRITE_MEDIA", "Media ID already has content"};
  auto const& body = request->http.body;
  if (body.size() > context_.options.max_upload_bytes)
    throw MatrixError{413, "M_TOO_LARGE", "Upload request body is too large"};
  medium.type = std::string(request->http.header("Content-Type").value_or("application/octet-stream"));
  medium.name = request->query("filename");
  medium.bytes = body;
  medium.filled = true;
  media_bytes_ += body.size();
  return fine();
}

MatrixApi::Answer MatrixApi::download(std::shared_ptr<Request> const& request) {
  auto const& parts = request->parts;
  if (parts[0] != context_.world().server_name)
    throw MatrixError{403, "M_FORBIDDEN", "Federation denied with " + parts[0] + "."};
  auto const found = media_.find(parts[1]);
  if (found == media_.end()) not_found(request->http);
  auto const& medium = found->second;
  if (!medium.filled) throw MatrixError{504, "M_NOT_YET_UPLOADED", "Media has not been uploaded yet"};
  auto const name = safe_name(parts.size() > 2 ? parts[2] : medium.name);
  bool const text = medium.type.starts_with("text/plain");
  return net::HttpResponse{200,
                           {{"Content-Type", text ? "text/plain; charset=UTF-8" : medium.type},
                            {"Content-Disposition",
                             std::string(text ? "inline" : "attachment") + (name.empty() ? "" : "; filename=" + name)},
                            {"Content-Security-Policy", "sandbox; default-src 'none';"},
                            {"X-Content-Type-Options", "nosniff"}},
                           medium.bytes};
}

// enable_authenticated_media, Synapse's default: the old address finds nothing.
MatrixApi::Answer MatrixApi::old_download(std::shared_ptr<Request> const&) {
  throw MatrixError{404, "M_NOT_FOUND", "Not found"};
}

Json MatrixApi::media() const {
  Json out(Json::Object{});
  for (auto const& [id, medium] : media_) {
    out.set("mxc://" + context_.world().server_name + "/" + id,
            Json::object({{"type", medium.type}, {"name", medium.name}, {"size", std::uint64_t{medium.bytes.size()}}}));
  }
  return out;
}

Json MatrixApi::texts() const {
  Json out(Json::Object{});
  for (auto const& [id, medium] : media_) {
    if (!medium.filled || !medium.type.starts_with("text/plain") || medium.bytes.size() > kMaxShownText) continue;
    if (!core::parse_json(core::dump(Json(medium.bytes)))) continue;  // no UTF-8
    out.set("mxc://" + context_.world().server_name + "/" + id, medium.bytes);
  }
  return out;
}

}  // namespace playground
