#include "bot/triggers/webhook_auth.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>
#include <stdexcept>

#include "bot/core/digest.hpp"
#include "bot/net/bearer.hpp"
#include "bot/net/http_message.hpp"

namespace triggers {
namespace {

constexpr std::size_t kMinSecret = 16, kMinDifferent = 6, kMinBesideRuns = 12;

std::string hmac_hex(std::string_view secret, std::string_view first, std::string_view second) {
  std::string joined;
  joined.reserve(first.size() + second.size());
  joined.append(first).append(second);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  auto const* bytes = reinterpret_cast<unsigned char const*>(joined.data());
  if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, joined.size(), digest.data(), &length))
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// Takes these words out; whether there were any.
bool without(std::string& text, std::span<char const* const> words) {
  auto const size = text.size();
  for (std::string_view const word : words) {
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word)) text.erase(at, word.size());
  }
  return text.size() != size;
}

}  // namespace

std::optional<std::string_view> only_header(WebhookHeaders const& headers, std::string_view name) {
  auto const found = net::find_header(headers, name);
  auto const wanted = lower(name);
  auto const many = std::ranges::count_if(headers, [&](auto const& header) { return lower(header.first) == wanted; });
  return many == 1 ? found : std::nullopt;
}

std::string signature_of(WebhookAuth const& auth, WebhookHeaders const& headers) {
  auto const given = only_header(headers, auth.signature_header);
  if (!given || !given->starts_with(auth.signature_prefix)) return {};
  return lower(given->substr(auth.signature_prefix.size()));
}

bool authentic(WebhookAuth const& auth, WebhookHeaders const& headers, std::string_view body, core::Time now) {
  if (!auth.token_sha256.empty() || auth.secret.empty()) {
    // Costs what a signature does, or a clock would tell which sources have a secret and which names are none (T45).
    static_cast<void>(hmac_hex("no secret at all", "", body));
    if (auth.token_sha256.empty()) return false;
    auto const token = net::bearer_token(only_header(headers, "authorization"));
    return core::equal_in_constant_time(core::sha256_hex(token.value_or("")), auth.token_sha256) && token;
  }
  std::string signed_first;
  bool fresh = true;
  if (!auth.timestamp_header.empty()) {
    auto const stamp = only_header(headers, auth.timestamp_header);
    std::int64_t seconds = 0;
    fresh = stamp && !stamp->empty() && stamp->size() <= 12;
    if (fresh) {
      auto const [end, error] = std::from_chars(stamp->data(), stamp->data() + stamp->size(), seconds);
      fresh = error == std::errc() && end == stamp->data() + stamp->size() && seconds >= 0;
    }
    auto const off = now - core::Time(std::chrono::seconds(seconds));
    fresh = fresh && off <= auth.window && off >= -auth.window;
    signed_first = std::string(stamp.value_or("")) + ".";
  }
  auto const wanted = hmac_hex(auth.secret, signed_first, body);
  return core::equal_in_constant_time(signature_of(auth, headers), wanted) && fresh;
}

std::optional<std::string> why_weak_secret(std::string_view secret) {
  if (secret.empty()) return "is empty";
  if (secret.size() < kMinSecret) return "has fewer than 16 bytes";
  // Who left these in says that the rest is an example's, too.
  static constexpr std::array<std::string_view, 16> kInstructions{
      "replaceme",    "replace-me", "replace_me",  "replace-with", "replace_with", "replace-this",
      "replace_this", "changeme",   "change-me",   "change_me",    "change-this",  "change_this",
      "your-",        "your_",      "placeholder", "insert"};
  // These may name what a secret is for; what is left beside them may be one.
  static constexpr std::array kNames{"webhook", "secret", "token", "default", "password", "example"};
  static constexpr std::array kRuns{"12345678", "deadbeef", "qwerty"};
  auto rest = lower(secret);
  if (std::ranges::any_of(kInstructions, [&](auto word) { return rest.find(word) != std::string::npos; }))
    return "holds what stands in examples to be replaced, like \"changeme\"";
  if (without(rest, kNames)) {
    std::erase_if(rest, [](char c) { return std::string_view("-_. :/").find(c) != std::string_view::npos; });
    if (rest.size() < kMinSecret) return "is little more than words that stand in examples, like \"webhook-secret\"";
  }
  auto different = rest;
  if (without(different, kRuns) && different.size() < kMinBesideRuns)
    return "is little more than what stands in examples, like \"12345678\"";
  if (std::set<char>(rest.begin(), rest.end()).size() < kMinDifferent)
    return "is hardly more than one character repeated";
  return std::nullopt;
}

}  // namespace triggers
