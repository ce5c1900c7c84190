#include "bot/core/json_reader.hpp"

#include "bot/core/digest.hpp"

namespace core {

ObjectReader::ObjectReader(Json const& json, std::string place) : object_(json.if_object()), place_(std::move(place)) {
  if (!object_) fail("it is no object");
}

void ObjectReader::fail(std::string const& why) const { throw Failure(make_error(Errc::corrupt, place_ + ": " + why)); }

Json const& ObjectReader::member(std::string const& key) {
  auto const found = object_->find(key);
  if (found == object_->end()) fail("the member \"" + key + "\" is missing");
  seen_.insert(key);
  return found->second;
}

bool ObjectReader::has(std::string const& key) const {
  auto const found = object_->find(key);
  return found != object_->end() && !found->second.is_null();
}

void ObjectReader::schema(std::int64_t number) {
  if (integer("schema") != number)
    fail("its schema is not " + std::to_string(number) + "; a newer Countersign wrote it");
}

std::string ObjectReader::text(std::string const& key) {
  auto const* value = member(key).if_string();
  if (!value) fail("\"" + key + "\" is no string");
  return *value;
}

std::string ObjectReader::text_or_null(std::string const& key) {
  return member(key).is_null() ? std::string() : text(key);
}

std::string ObjectReader::digest(std::string const& key) {
  auto value = text(key);
  if (!is_digest(value)) fail("\"" + key + "\" is no digest");
  return value;
}

std::int64_t ObjectReader::signed_integer(std::string const& key) {
  auto const* value = member(key).if_int();
  if (!value) fail("\"" + key + "\" is no whole number");
  constexpr std::int64_t kMaxExact = (std::int64_t{1} << 53) - 1;  // RFC 8785 section 3.2.2.3
  if (*value > kMaxExact || *value < -kMaxExact) fail("\"" + key + "\" is beyond 2^53");
  return *value;
}

std::int64_t ObjectReader::integer(std::string const& key) {
  auto const value = signed_integer(key);
  if (value < 0) fail("\"" + key + "\" is negative");
  return value;
}

std::optional<std::int64_t> ObjectReader::integer_or_null(std::string const& key) {
  if (member(key).is_null()) return std::nullopt;
  return integer(key);
}

bool ObjectReader::boolean(std::string const& key) {
  auto const* value = member(key).if_bool();
  if (!value) fail("\"" + key + "\" is neither true nor false");
  return *value;
}

Time ObjectReader::time(std::string const& key) {
  auto const value = parse_time(text(key));
  if (!value) fail("\"" + key + "\": " + value.error().message);
  return *value;
}

std::size_t ObjectReader::word(std::string const& key, std::initializer_list<std::string_view> words) {
  auto const value = text(key);
  std::size_t index = 0;
  for (auto const candidate : words) {
    if (candidate == value) return index;
    ++index;
  }
  fail("\"" + key + "\" has a value that this release does not know");
}

std::vector<std::string> ObjectReader::texts(std::string const& key) {
  auto const* array = member(key).if_array();
  if (!array) fail("\"" + key + "\" is no list");
  std::vector<std::string> result;
  for (auto const& item : *array) {
    auto const* value = item.if_string();
    if (!value) fail("\"" + key + "\" holds something that is no string");
    result.push_back(*value);
  }
  return result;
}

std::set<std::string> ObjectReader::text_set(std::string const& key) {
  auto const list = texts(key);
  return {list.begin(), list.end()};
}

std::map<std::string, std::string> ObjectReader::text_map(std::string const& key) {
  auto const* object = member(key).if_object();
  if (!object) fail("\"" + key + "\" is no object");
  std::map<std::string, std::string> result;
  for (auto const& [name, item] : *object) {
    auto const* value = item.if_string();
    if (!value) fail("\"" + key + "\" holds something that is no string");
    result.emplace(name, *value);
  }
  return result;
}

Json const& ObjectReader::any(std::string const& key) { return member(key); }

ObjectReader ObjectReader::object(std::string const& key) { return {member(key), place_ + ": " + key}; }

std::optional<ObjectReader> ObjectReader::nullable_object(std::string const& key) {
  auto const& value = member(key);
  if (value.is_null()) return std::nullopt;
  return ObjectReader(value, place_ + ": " + key);
}

std::vector<ObjectReader> ObjectReader::objects(std::string const& key) {
  auto const* array = member(key).if_array();
  if (!array) fail("\"" + key + "\" is no list");
  std::vector<ObjectReader> result;
  for (std::size_t i = 0; i < array->size(); ++i)
    result.emplace_back((*array)[i], place_ + ": " + key + "[" + std::to_string(i) + "]");
  return result;
}

void ObjectReader::done() const {
  for (auto const& [key, value] : *object_) {
    if (!seen_.contains(key)) fail("the member \"" + key.substr(0, 64) + "\" is unknown");
  }
}

}  // namespace core
