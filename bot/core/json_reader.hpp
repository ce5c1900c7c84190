// Reads our own stored JSON strictly: every member that is asked for must be there with its type, and none may be left
// over. Readers throw Failure inside and read_strictly() turns that into a Result at the door, so that the reading code
// itself stays a list of fields.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"

namespace core {

class ObjectReader {
 public:
  // `json` must outlive the reader. `place` leads every message: "request.json: steps[2]".
  ObjectReader(Json const& json, std::string place);

  [[noreturn]] void fail(std::string const& why) const;
  void schema(std::int64_t number);        // member `schema` must be this number
  bool has(std::string const& key) const;  // present and not null
  std::string text(std::string const& key);
  std::string text_or_null(std::string const& key);  // "" for null
  std::string digest(std::string const& key);        // "sha256:…"
  std::int64_t integer(std::string const& key);  // ≥ 0; beyond 2^53 - 1 is refused: our formats hold no such number
  std::int64_t signed_integer(std::string const& key);
  std::optional<std::int64_t> integer_or_null(std::string const& key);
  bool boolean(std::string const& key);
  Time time(std::string const& key);
  std::size_t word(std::string const& key, std::initializer_list<std::string_view> words);  // index into `words`
  std::vector<std::string> texts(std::string const& key);
  std::set<std::string> text_set(std::string const& key);
  std::map<std::string, std::string> text_map(std::string const& key);
  Json const& any(std::string const& key);  // any type, null included
  ObjectReader object(std::string const& key);
  std::optional<ObjectReader> nullable_object(std::string const& key);
  std::vector<ObjectReader> objects(std::string const& key);
  Json::Object const& members() const { return *object_; }
  std::string const& place() const { return place_; }
  void done() const;  // refuses members that nobody asked for

 private:
  Json const& member(std::string const& key);

  Json::Object const* object_;
  std::string place_;
  std::set<std::string, std::less<>> seen_;
};

Json actor_json(Actor const& actor);  // {"kind": "person", "key": "bob"}
Actor read_actor(ObjectReader reader);
Limits read_limits(ObjectReader reader);  // rules.cpp
HttpCall read_http_call(ObjectReader reader);

// Runs `read` and turns a Failure into an error of class corrupt.
template <class Read>
auto read_strictly(std::string_view what, Read const& read) -> Result<std::invoke_result_t<Read const&>> {
  try {
    return read();
  } catch (Failure const& failure) {
    return make_error(Errc::corrupt, std::string(what) + " can't be read: " + failure.error().message);
  }
}

}  // namespace core
