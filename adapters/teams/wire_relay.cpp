#include "adapters/teams/wire_relay.hpp"

#include <algorithm>

#include "adapters/teams/wire.hpp"
#include "adapters/teams/wire_fields.hpp"

namespace teams {

namespace {

using core::Errc;
using core::Json;

constexpr std::size_t kMaxTarget = 8 * 1024;

core::Result<RelayCommand> read_request(Json const& json) {
  Fields fields("The relay's request");
  RelayRequest out;
  out.id = fields.token(json, "id");
  out.address = fields.token(json, "address", kMaxUrl);
  out.method = fields.token(json, "method", kMaxWord);
  // The SDKs tell a stub by one absence or the other.
  out.stub = json["body"].is_null() || out.method.empty();
  if (out.stub) {
    if (out.address.empty()) fields.refuse("address", "is missing");
    if (fields.wrong()) return fields.error();
    return RelayCommand{std::move(out)};
  }
  out.target = fields.token(json, "requestTarget", kMaxTarget);
  out.body = fields.flag(json, "body");
  auto const& headers = fields.object(json, "requestHeaders");
  if (auto const* members = headers.if_object()) {
    if (members->size() > kMaxRelayHeaders) fields.refuse("requestHeaders", "are too many");
    for (auto const& [name, value] : *members) {
      auto const* text = value.if_string();
      if (!text) {
        fields.refuse("requestHeaders", "holds something that is no text");
        break;
      }
      auto const controls = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
      // No header of HTTP has one. Left out, so that the request is still answered.
      if (std::ranges::any_of(name, controls) || std::ranges::any_of(*text, controls)) continue;
      out.headers.emplace_back(name, *text);
    }
  }
  if (fields.wrong()) return fields.error();
  return RelayCommand{std::move(out)};
}

}  // namespace

core::Result<RelayCommand> parse_relay_command(std::string_view bytes) {
  auto json = core::parse_json(bytes, {.max_bytes = kMaxRelayMessageBytes,
                                       .max_depth = 8,
                                       .max_values = 2'000,
                                       .max_string = 128 * 1024,
                                       .max_key = 8 * 1024});
  if (json.has_error())
    return core::make_error(json.error().code, "The relay's message is refused: " + json.error().message);
  auto const* members = json->if_object();
  if (!members) return core::make_error(Errc::bad_input, "The relay's message is refused: it is no object.");
  if (auto const& request = (*json)["request"]; request.is_object()) return read_request(request);
  if (auto const& accept = (*json)["accept"]; accept.is_object()) {
    Fields fields("The relay's accept");
    RelayAccept out;
    out.id = fields.token(accept, "id");
    out.address = fields.needed(accept, "address", kMaxUrl);
    if (fields.wrong()) return fields.error();
    return RelayCommand{std::move(out)};
  }
  return RelayCommand{RelayUnknown{}};
}

std::string relay_response(std::string const& request_id, unsigned status,
                           std::vector<std::pair<std::string, std::string>> const& headers, bool body) {
  Json listed = Json::object({});
  for (auto const& [name, value] : headers) listed.set(name, value);
  auto const description = status < 300 ? "OK" : status < 500 ? "Refused" : "Failed";
  return core::dump(Json::object({{"response", Json::object({{"requestId", request_id},
                                                             {"statusCode", std::int64_t{status}},
                                                             {"statusDescription", description},
                                                             {"responseHeaders", std::move(listed)},
                                                             {"body", body}})}}));
}

std::string relay_renew_token(std::string const& token) {
  return core::dump(Json::object({{"renewToken", Json::object({{"token", token}})}}));
}

std::string relay_refusal(std::string const& address) {
  return address + "&sb-hc-statusCode=404&sb-hc-statusDescription=Not%20Found";
}

}  // namespace teams
