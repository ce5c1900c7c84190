// Reading JSON. Apart from writing it: RapidJSON's vector code may be used here, but its writer's leaves U+001A to
// U+001F unescaped (writer.h compares with 0x19), so this macro must never reach that.
#if defined(__SSE2__) && !defined(RAPIDJSON_SSE2)
#define RAPIDJSON_SSE2
#endif
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "bot/core/json.hpp"
#include "bot/core/json_without.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

constexpr std::size_t kReaderStack = 1024;             // bytes; a string is read onto it
constexpr std::size_t kCopied = std::size_t{1} << 18;  // bytes; longer texts are read where they stand

// Builds the value while the reader runs; returning false stops the reader.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  Builder(JsonLimits const& limits, std::string_view left_out) : limits_(limits), left_out_(left_out) {}

  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(Json(value)); }
  bool Int(int value) { return add(Json(value)); }
  bool Uint(unsigned value) { return add(Json(std::uint32_t{value})); }
  bool Int64(std::int64_t value) { return add(Json(value)); }
  bool Uint64(std::uint64_t value) {
    // RapidJSON calls this for every positive number beyond 32 bits.
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return add(Json(static_cast<std::int64_t>(value)));
    // Beyond int64 it can't be one of our numbers; a double keeps the magnitude for whoever only passes it on.
    return add(Json(static_cast<double>(value)));
  }
  bool Double(double value) {
    // RapidJSON lets 7E308 pass as infinity, which no JSON can be written of.
    if (!std::isfinite(value)) return refuse(Errc::bad_input, "a number is too large");
    return add(Json(value));
  }
  bool String(char const* text, rapidjson::SizeType length, bool) {
    if (length > limits_.max_string)
      return refuse(Errc::too_large,
                    "a string is longer than the limit of " + std::to_string(limits_.max_string) + " bytes");
    if (!nul_ok(text, length) || !whole(text, length)) return false;
    return add(leaving_ ? Json() : Json(std::string(text, length)));
  }
  bool StartObject() { return leaving_ ? open_left_out() : open(Json(Json::Object())); }
  bool Key(char const* text, rapidjson::SizeType length, bool) {
    if (length > limits_.max_key)
      return refuse(Errc::too_large, "a key is longer than the limit of " + std::to_string(limits_.max_key) + " bytes");
    if (!nul_ok(text, length) || !whole(text, length)) return false;
    if (leaving_) return true;
    std::string_view const key(text, length);
    leaving_ = !left_out_.empty() && key == left_out_;
    auto const [member, fresh] = stack_.back()->if_object()->try_emplace(std::string(key));
    if (!fresh) return refuse(Errc::bad_input, "the key \"" + one_line(key, 64) + "\" stands twice in one object");
    member_ = &member->second;
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return leaving_ ? open_left_out() : open(Json(Json::Array())); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  Json root;
  std::optional<Error> error;

 private:
  bool refuse(Errc code, std::string why) {
    error = make_error(code, std::move(why));
    return false;
  }
  bool nul_ok(char const* text, std::size_t length) {
    if (limits_.allow_nul || std::string_view(text, length).find('\0') == std::string_view::npos) return true;
    return refuse(Errc::bad_input, "a string contains a NUL character");
  }
  // bad_byte() has seen the bytes, but RapidJSON writes "\udc00" without a leading half as ED B0 80, which is no
  // UTF-8.
  bool whole(char const* text, std::size_t length) {
    for (std::string_view rest(text, length);;) {
      auto const at = rest.find('\xED');
      if (at == std::string_view::npos) return true;
      rest.remove_prefix(at + 1);
      if (!rest.empty() && static_cast<unsigned char>(rest.front()) >= 0xA0)
        return refuse(Errc::bad_input, "a string contains half a surrogate pair");
    }
  }
  Json* place(Json value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    if (auto* array = stack_.back()->if_array()) return &array->emplace_back(std::move(value));
    *member_ = std::move(value);
    return member_;
  }
  bool count() {
    if (++values_ > limits_.max_values)
      return refuse(Errc::too_large, "it has more than " + std::to_string(limits_.max_values) + " values");
    return true;
  }
  bool add(Json value) {
    if (!count()) return false;
    if (!leaving_) return place(std::move(value)), true;
    if (inside_ == 0) leave_out();
    return true;
  }
  bool may_open() {
    if (!count()) return false;
    if (stack_.size() + inside_ < limits_.max_depth) return true;
    return refuse(Errc::too_large, "it is nested deeper than " + std::to_string(limits_.max_depth) + " levels");
  }
  bool open(Json container) { return may_open() && (stack_.push_back(place(std::move(container))), true); }
  bool open_left_out() { return may_open() && (++inside_, true); }
  bool close() {
    if (!leaving_) return stack_.pop_back(), true;
    if (--inside_ == 0) leave_out();
    return true;
  }
  void leave_out() {
    leaving_ = false;
    place(Json());
  }

  JsonLimits limits_;
  std::vector<Json*> stack_;  // stable: only the innermost container grows while it is on top
  Json* member_ = nullptr;    // where the value of the last key goes
  std::size_t values_ = 0;
  std::string_view left_out_;
  bool leaving_ = false;    // what comes next, or is being read, stands under that key
  std::size_t inside_ = 0;  // containers of it that are open
};

Error bad_at(std::size_t at, std::string const& what) {
  return make_error(Errc::bad_input, "not valid JSON at byte " + std::to_string(at) + ": " + what);
}

// What no JSON text may hold anywhere: control characters other than its white space, and what is no UTF-8. RapidJSON's
// vector loop overlooks both in strings (U+001A to U+001F of the former), and takes a NUL for the end: another reader
// may see another document.
std::optional<Error> bad_byte(std::string_view bytes) {
  constexpr std::uint64_t kHighs = 0x8080808080808080, kSpaces = 0x2020202020202020;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t eight = kHighs;
    if (at + sizeof eight <= bytes.size()) std::memcpy(&eight, bytes.data() + at, sizeof eight);
    if (((eight | (eight - kSpaces)) & kHighs) == 0) {  // all of them from 0x20 to 0x7F
      at += sizeof eight;
      continue;
    }
    for (auto const end = std::min(at + sizeof eight, bytes.size()); at < end;) {
      auto const byte = static_cast<unsigned char>(bytes[at]);
      if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
        return bad_at(at, byte == 0 ? "a NUL" : "a control character that is not escaped");
      if (byte < 0x80) {
        ++at;
        continue;
      }
      auto const from = at;
      while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) >= 0x80) ++at;
      if (is_utf8(bytes.substr(from, at - from))) continue;
      auto bad = from;
      for (std::size_t length = 2; length <= 4;)
        is_utf8(bytes.substr(bad, length)) ? (bad += length, length = 2) : ++length;
      return bad_at(bad, "bytes that are no UTF-8");
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Json> parse_json(std::string_view bytes, JsonLimits const& limits) {
  return parse_json_without({}, bytes, limits);
}

Result<Json> parse_json_without(std::string_view left_out, std::string_view bytes, JsonLimits const& limits) {
  if (bytes.size() > limits.max_bytes)
    return make_error(Errc::too_large, "the JSON text has " + std::to_string(bytes.size()) + " bytes; the limit is " +
                                           std::to_string(limits.max_bytes));
  if (auto bad = bad_byte(bytes)) return std::move(*bad);
  std::size_t const skipped = bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // RFC 8259 section 8.1: may be ignored
  bytes.remove_prefix(skipped);
  rapidjson::Reader reader(nullptr, kReaderStack);
  Builder builder(limits, left_out);
  // Without kParseFullPrecisionFlag: fractions are passed on at most, and its conversion of "0e88" is undefined
  // (internal/diyfp.h counts the leading zeros of 0). Without kParseValidateEncodingFlag: bad_byte() has looked.
  auto const parsed = [&] {
    if (bytes.size() > kCopied) {
      rapidjson::MemoryStream stream(bytes.data(), bytes.size());
      return reader.Parse<rapidjson::kParseIterativeFlag>(stream, builder);
    }
    // The vector loops end at a NUL and read whole blocks of 16 bytes.
    std::string padded;
    padded.reserve(bytes.size() + 16);
    padded.append(bytes).append(16, '\0');
    rapidjson::StringStream stream(padded.c_str());
    return reader.Parse<rapidjson::kParseIterativeFlag>(stream, builder);
  }();
  if (builder.error) return std::move(*builder.error);
  if (parsed.IsError()) return bad_at(parsed.Offset() + skipped, rapidjson::GetParseError_En(parsed.Code()));
  return std::move(builder.root);
}

}  // namespace core
