#include "bot/core/json.hpp"

#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/prettywriter.h>
#include <rapidjson/writer.h>
#if defined(RAPIDJSON_SIMD)
#error "RapidJSON's vector code leaves U+001A to U+001F unescaped: see json_read.cpp"
#endif

#include <algorithm>

namespace core {

struct JsonAccess {
  static auto const& value(Json const& json) { return json.value_; }
  static_assert(std::is_nothrow_move_constructible_v<decltype(Json::value_)>);  // the header promises it
};

namespace {

Json const kNull{};

// Bytes of a card or an entry; RapidJSON begins with 256 and grows by half.
constexpr std::size_t kUsualText = 4 * 1024;

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
            std::vector<Json::Object::value_type const*> sorted;
            for (auto const& entry : value) sorted.push_back(&entry);
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

Json::Json(Json const&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json const&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

bool operator==(Json const& a, Json const& b) { return a.value_ == b.value_; }

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
