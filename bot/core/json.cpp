#include "bot/core/json.hpp"

#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "bot/core/json_without.hpp"
#include "bot/core/text.hpp"

namespace core {

struct JsonAccess {
  static auto const& value(Json const& json) { return json.value_; }
};

namespace {

Json const kNull{};

constexpr std::size_t kUsualText =
    4 * 1024;                               // bytes of a card or an entry; RapidJSON begins with 256 and grows by half
constexpr std::size_t kReaderStack = 1024;  // bytes; a string is read onto it

// RFC 8785 section 3.2.3 sorts keys by UTF-16 code units. Bytewise UTF-8 order differs from that only between
// U+E000..U+FFFF (lead bytes EE, EF) and the supplementary planes (lead bytes F0..F4), which sort lower in UTF-16.
bool utf16_less(std::string const& a, std::string const& b) {
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  if (i == a.size() || i == b.size()) return a.size() < b.size();
  auto const ca = static_cast<unsigned char>(a[i]), cb = static_cast<unsigned char>(b[i]);
  bool const supplementary_a = ca >= 0xF0, supplementary_b = cb >= 0xF0;
  if (supplementary_a != supplementary_b && (ca >= 0xEE && cb >= 0xEE)) return supplementary_a;
  return ca < cb;
}

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
  // RapidJSON checks the bytes that it reads, but writes "\udc00" without a leading half as ED B0 80, which is no
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

template <class Writer>
void write(Writer& out, Json const& json, bool canonical_form) {
  std::visit(
      [&](auto const& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          out.Null();
        } else if constexpr (std::is_same_v<T, bool>) {
          out.Bool(value);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          constexpr std::int64_t kMaxExact = (std::int64_t{1} << 53) - 1;  // RFC 8785 section 3.2.2.3
          if (canonical_form && (value > kMaxExact || value < -kMaxExact))
            throw Failure(make_error(Errc::bad_input, "canonical JSON can't hold an integer beyond 2^53"));
          out.Int64(value);
        } else if constexpr (std::is_same_v<T, double>) {
          if (canonical_form) throw Failure(make_error(Errc::bad_input, "canonical JSON of ours holds no fractions"));
          out.Double(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
        } else if constexpr (std::is_same_v<T, Json::Array>) {
          out.StartArray();
          for (auto const& item : value) write(out, item, canonical_form);
          out.EndArray();
        } else {
          out.StartObject();
          auto const member = [&](auto const& entry) {
            out.Key(entry.first.data(), static_cast<rapidjson::SizeType>(entry.first.size()));
            write(out, entry.second, canonical_form);
          };
          auto const has_astral_or_private = [](auto const& entry) {
            return std::ranges::any_of(entry.first, [](char c) { return static_cast<unsigned char>(c) >= 0xEE; });
          };
          if (canonical_form && std::ranges::any_of(value, has_astral_or_private)) {
            std::vector<std::pair<std::string, Json> const*> sorted;
            std::vector<std::pair<std::string, Json>> copies(value.begin(), value.end());
            for (auto const& entry : copies) sorted.push_back(&entry);
            std::ranges::sort(sorted, [](auto const* a, auto const* b) { return utf16_less(a->first, b->first); });
            for (auto const* entry : sorted) member(*entry);
          } else {
            for (auto const& entry : value) member(entry);
          }
          out.EndObject();
        }
      },
      JsonAccess::value(json));
}

}  // namespace

Json Json::object(std::initializer_list<Member> members) {
  Object out;
  for (auto const& member : members) out.emplace(std::move(member.key), std::move(member.value));
  return Json(std::move(out));
}

Json Json::array(std::initializer_list<Item> items) {
  Array out;
  out.reserve(items.size());
  for (auto const& item : items) out.push_back(std::move(item.value));
  return Json(std::move(out));
}

Json const& Json::operator[](std::string_view key) const noexcept {
  if (auto const* object = if_object()) {
    if (auto const found = object->find(key); found != object->end()) return found->second;
  }
  return kNull;
}

Json const& Json::at_index(std::size_t index) const noexcept {
  auto const* array = if_array();
  return array && index < array->size() ? (*array)[index] : kNull;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object();
  std::get<Object>(value_).insert_or_assign(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array();
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string Json::text(std::string_view otherwise) const {
  auto const* value = if_string();
  return value ? *value : std::string(otherwise);
}

std::int64_t Json::integer(std::int64_t otherwise) const noexcept {
  auto const* value = if_int();
  return value ? *value : otherwise;
}

bool Json::boolean(bool otherwise) const noexcept {
  auto const* value = if_bool();
  return value ? *value : otherwise;
}

Result<Json> parse_json(std::string_view bytes, JsonLimits const& limits) {
  return parse_json_without({}, bytes, limits);
}

Result<Json> parse_json_without(std::string_view left_out, std::string_view bytes, JsonLimits const& limits) {
  if (bytes.size() > limits.max_bytes)
    return make_error(Errc::too_large, "the JSON text has " + std::to_string(bytes.size()) + " bytes; the limit is " +
                                           std::to_string(limits.max_bytes));
  // RapidJSON takes a NUL for the end and would leave what follows unread: another reader may see another document.
  if (auto const nul = bytes.find('\0'); nul != std::string_view::npos)
    return make_error(Errc::bad_input, "not valid JSON at byte " + std::to_string(nul) + ": a NUL");
  rapidjson::MemoryStream stream(bytes.data(), bytes.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> input(stream);
  rapidjson::Reader reader(nullptr, kReaderStack);
  Builder builder(limits, left_out);
  // Without kParseFullPrecisionFlag: fractions are passed on at most, and its conversion of "0e88" is undefined
  // (internal/diyfp.h counts the leading zeros of 0).
  auto const parsed =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(input, builder);
  if (builder.error) return std::move(*builder.error);
  if (parsed.IsError())
    return make_error(Errc::bad_input, std::string("not valid JSON at byte ") + std::to_string(parsed.Offset()) + ": " +
                                           rapidjson::GetParseError_En(parsed.Code()));
  return std::move(builder.root);
}

std::string dump(Json const& value) {
  rapidjson::StringBuffer buffer(nullptr, kUsualText);
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  write(writer, value, /*canonical_form=*/false);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string dump_pretty(Json const& value) {
  rapidjson::StringBuffer buffer(nullptr, kUsualText);
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  write(writer, value, /*canonical_form=*/false);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

namespace {

// RFC 8785 section 3.2.2.2 wants lower-case hex in \u00xx; RapidJSON writes upper case. Only those escapes differ.
std::string lower_unicode_escapes(std::string text) {
  for (std::size_t i = 0; i + 5 < text.size(); ++i) {
    if (text[i] != '\\') continue;
    if (text[i + 1] == 'u') {
      for (std::size_t k = i + 2; k < i + 6; ++k) {
        if (text[k] >= 'A' && text[k] <= 'F') text[k] = static_cast<char>(text[k] - 'A' + 'a');
      }
    }
    ++i;  // skip the escaped character, so that an escaped backslash is never taken for an introducer
  }
  return text;
}

}  // namespace

std::string canonical(Json const& value) {
  rapidjson::StringBuffer buffer(nullptr, kUsualText);
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  write(writer, value, /*canonical_form=*/true);
  return lower_unicode_escapes({buffer.GetString(), buffer.GetSize()});
}

}  // namespace core
