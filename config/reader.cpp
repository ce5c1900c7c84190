#include "config/reader.hpp"

#include <algorithm>

#include "bot/core/ids.hpp"

namespace config {

namespace {

constexpr char const* kNameForm = "names are a-z, 0-9, '.', '_', '-', at most 64 characters";

bool is_variable(std::string_view text) {
  if (text.empty() || text.size() > 128 || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

char const* kind_name(Node const& node) {
  switch (node.kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::scalar: return "a single value";
    case Node::Kind::sequence: return "a list";
    case Node::Kind::map: return "a map";
    case Node::Kind::refused: break;
  }
  return "something refused";
}

// "runbooks.x.policy must be a name, but is a list"
void wrong_kind(Reading& reading, Node const& node, std::string const& path, std::string_view wanted) {
  if (node.kind == Node::Kind::refused) return;
  if (node.kind == Node::Kind::null) {
    reading.problems.error(node.place, path + " is empty; it must be " + std::string(wanted),
                           "give it a value or leave the key out");
    return;
  }
  reading.problems.error(node.place, path + " must be " + std::string(wanted) + ", but is " + kind_name(node));
}

std::string join(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string suggestion(std::string_view word, std::vector<std::string> const& candidates, std::string_view otherwise) {
  auto const near = nearest(word, candidates);
  return near.empty() ? std::string(otherwise) : "did you mean \"" + near + "\"?";
}

}  // namespace

core::Result<std::uint64_t> parse_size(std::string_view text) {
  auto const bad =
      core::make_error(core::Errc::bad_input, "is no size; write a whole number and a unit: 512B, 64KiB, 1MiB or 2GiB");
  std::size_t at = 0;
  std::uint64_t count = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at < 12)
    count = count * 10 + static_cast<std::uint64_t>(text[at++] - '0');
  if (at == 0) return bad;
  auto const unit = text.substr(at);
  unsigned shift = 0;
  if (unit == "KiB") {
    shift = 10;
  } else if (unit == "MiB") {
    shift = 20;
  } else if (unit == "GiB") {
    shift = 30;
  } else if (unit != "B") {
    return bad;
  }
  if (count > (static_cast<std::uint64_t>(kMaxExact) >> shift)) return bad;
  return count << shift;
}

std::string format_size(std::uint64_t bytes) {
  for (auto const& [shift, unit] : {std::pair{30U, "GiB"}, {20U, "MiB"}, {10U, "KiB"}}) {
    if (bytes >> shift > 0 && bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + unit;
  }
  return std::to_string(bytes) + "B";
}

std::optional<std::string> read_text(Reading& reading, Node const& node, std::string const& path,
                                     TextRule const& rule) {
  if (node.kind != Node::Kind::scalar) {
    wrong_kind(reading, node, path, "a text");
    return std::nullopt;
  }
  if (node.text.empty() && !rule.empty) {
    reading.problems.error(node.place, path + " is empty", "give it a value or leave the key out");
    return std::nullopt;
  }
  if (node.text.size() > rule.max_bytes) {
    reading.problems.error(node.place, path + " has " + std::to_string(node.text.size()) + " bytes; the limit is " +
                                           std::to_string(rule.max_bytes));
    return std::nullopt;
  }
  for (char const c : node.text) {
    auto const byte = static_cast<unsigned char>(c);
    bool const break_or_tab = c == '\n' || c == '\t';
    if ((byte < 0x20 && !(rule.lines && break_or_tab)) || byte == 0x7F) {
      reading.problems.error(
          node.place, path + (break_or_tab ? " must stand on one line, without tabs" : " holds a control character"));
      return std::nullopt;
    }
  }
  return node.text;
}

std::optional<core::Duration> read_duration(Reading& reading, Node const& node, std::string const& path) {
  auto const text = read_text(reading, node, path);
  if (!text) return std::nullopt;
  auto const value = core::parse_duration(*text);
  if (value) return *value;
  reading.problems.error(node.place, path + ": " + shown(*text) + " is no duration",
                         "write a number and a unit: 250ms, 10s, 5m, 2h, 1d or 1h30m");
  return std::nullopt;
}

Map::Map(Reading& reading, Node const& node, Section const& section, std::string path)
    : reading_(reading), place_(node.place), path_(std::move(path)) {
  auto const& own = path_.empty() ? std::string("the file") : path_;
  if (node.kind != Node::Kind::map) {
    wrong_kind(reading_, node, own, "a map of keys");
    return;
  }
  node_ = &node;
  std::vector<std::string> usable;
  for (auto const& key : section.keys) {
    if (!key.later) usable.emplace_back(key.name);
  }
  for (auto const& [key, value] : node.members) {
    auto const known = std::ranges::find_if(section.keys, [&word = key.text](Key const& k) { return k.name == word; });
    if (known == section.keys.end()) {
      reading_.problems.error(key.place, "unknown key " + shown(key.text) + " in " + own,
                              suggestion(key.text, usable, "known here: " + join(usable)));
    } else if (known->later) {
      reading_.problems.error(key.place, path_ + ": \"" + key.text + "\" is not in this release",
                              "remove it; this release knows: " + join(usable));
    }
  }
  for (auto const& key : section.keys) {
    if (key.required && !find(key.name))
      reading_.problems.error(place_, own + " lacks the key \"" + std::string(key.name) + "\"",
                              key.choice.empty() ? "add it" : std::string(key.choice));
  }
}

Node const* Map::find(std::string_view key) const {
  if (!node_) return nullptr;
  for (auto const& [name, value] : node_->members) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

Place Map::place(std::string_view key) const {
  auto const* node = find(key);
  return node ? node->place : place_;
}

void Map::error(std::string_view key, std::string message, std::string hint) const {
  reading_.problems.error(place(key), path(key) + " " + std::move(message), std::move(hint));
}

bool Map::text(std::string_view key, std::string& out, TextRule const& rule) const {
  auto const* node = find(key);
  if (!node) return false;
  auto value = read_text(reading_, *node, path(key), rule);
  if (!value) return false;
  out = std::move(*value);
  return true;
}

bool Map::name(std::string_view key, std::string& out) const {
  std::string value;
  if (!text(key, value)) return false;
  if (!core::is_name(value)) {
    error(key, "is " + shown(value) + ", which is no name", kNameForm);
    return false;
  }
  out = std::move(value);
  return true;
}

bool Map::absolute_path(std::string_view key, std::string& out) const {
  std::string value;
  if (!text(key, value)) return false;
  if (!value.starts_with('/')) {
    error(key, "is " + shown(value) + ", which is no absolute path", "begin it with \"/\"");
    return false;
  }
  out = std::move(value);
  return true;
}

bool Map::boolean(std::string_view key, bool& out) const {
  auto const* node = find(key);
  if (!node) return false;
  if (node->kind == Node::Kind::scalar && !node->quoted && (node->text == "true" || node->text == "false")) {
    out = node->text == "true";
    return true;
  }
  if (node->kind == Node::Kind::scalar) {
    error(key, "is " + shown(node->text) + ", which is neither true nor false", "write true or false, without quotes");
  } else {
    wrong_kind(reading_, *node, path(key), "true or false");
  }
  return false;
}

bool Map::integer(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most) const {
  auto const* node = find(key);
  if (!node) return false;
  if (node->kind != Node::Kind::scalar) {
    wrong_kind(reading_, *node, path(key), "a whole number");
    return false;
  }
  auto digits = std::string_view(node->text);
  bool const negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  bool const plain = !node->quoted && !digits.empty() && digits.size() <= 16 &&
                     digits.find_first_not_of("0123456789") == std::string_view::npos &&
                     (digits.size() == 1 || digits.front() != '0');
  if (!plain) {
    error(key, "is " + shown(node->text) + ", which is no whole number", "write decimal digits, without quotes");
    return false;
  }
  std::int64_t value = 0;
  for (char const c : digits) value = value * 10 + (c - '0');
  if (negative) value = -value;
  if (value < least || value > most) {
    error(key, "is " + node->text + "; it must be between " + std::to_string(least) + " and " + std::to_string(most));
    return false;
  }
  out = value;
  return true;
}

bool Map::uint32(std::string_view key, std::uint32_t& out, std::uint32_t least, std::uint32_t most) const {
  std::int64_t value = 0;
  if (!integer(key, value, least, most)) return false;
  out = static_cast<std::uint32_t>(value);
  return true;
}

bool Map::duration(std::string_view key, core::Duration& out, core::Duration least, core::Duration most) const {
  auto const* node = find(key);
  if (!node) return false;
  auto const value = read_duration(reading_, *node, path(key));
  if (!value) return false;
  if (*value < least || *value > most) {
    error(key, "is " + shown(node->text) + "; it must be between " + core::format_duration(least) + " and " +
                   core::format_duration(most));
    return false;
  }
  out = *value;
  return true;
}

bool Map::size(std::string_view key, std::uint64_t& out, std::uint64_t least, std::uint64_t most) const {
  std::string value;
  if (!text(key, value)) return false;
  auto const bytes = parse_size(value);
  if (!bytes) {
    error(key, "is " + shown(value) + ", which is no size", "write a whole number and a unit: 512B, 64KiB, 1MiB, 2GiB");
    return false;
  }
  if (*bytes < least || *bytes > most) {
    error(key, "is " + shown(value) + "; it must be between " + format_size(least) + " and " + format_size(most));
    return false;
  }
  out = *bytes;
  return true;
}

// Nothing that stands here is ever repeated in a message: it may be the secret itself, also as a key.
bool Map::secret(std::string_view key, Secret& out) const {
  auto const* node = find(key);
  if (!node || node->kind == Node::Kind::refused) return false;
  std::string const way_out = "write {env: NAME} or {file: /path}; the value itself never stands in this file";
  auto const names = [&](std::string_view kind) {
    return std::ranges::any_of(node->members, [&](auto const& member) { return member.first.text == kind; });
  };
  if (node->kind == Node::Kind::map && node->members.size() == 2 && names("env") && names("file")) {
    error(key, "names both a variable and a file", "give env or file, not both");
    return false;
  }
  if (node->kind != Node::Kind::map || node->members.size() != 1) {
    error(key, "is a secret and must be a reference", way_out);
    return false;
  }
  auto const& [kind, value] = node->members.front();
  if ((kind.text != "env" && kind.text != "file") || value.kind != Node::Kind::scalar) {
    error(key, "is a secret and must be a reference", way_out);
    return false;
  }
  if (kind.text == "env") {
    bool const fine = !value.text.empty() && value.text.size() <= 128 &&
                      !(value.text[0] >= '0' && value.text[0] <= '9') && std::ranges::all_of(value.text, [](char c) {
                        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                      });
    if (!fine) {
      reading_.problems.error(value.place, path(key) + ".env is no name of an environment variable",
                              "use capital letters, digits and '_'; name the variable, not the value");
      return false;
    }
    out = Secret::from_env(value.text);
    return true;
  }
  bool const fine = value.text.starts_with('/') && value.text.size() <= kMaxTextBytes &&
                    std::ranges::none_of(value.text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (!fine) {
    reading_.problems.error(value.place, path(key) + ".file is no absolute path",
                            "begin it with \"/\"; name the file, not its content");
    return false;
  }
  out = Secret::from_file(value.text);
  return true;
}

std::optional<std::size_t> Map::word(std::string_view key, std::vector<std::string> const& words) const {
  std::string value;
  if (!text(key, value)) return std::nullopt;
  auto const found = std::ranges::find(words, value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  error(key, "is " + shown(value) + "; it must be one of: " + join(words), suggestion(value, words, ""));
  return std::nullopt;
}

std::vector<Node> const& Map::items(std::string_view key) const {
  static std::vector<Node> const kNone;
  auto const* node = find(key);
  if (!node) return kNone;
  if (node->kind != Node::Kind::sequence) {
    wrong_kind(reading_, *node, path(key), "a list, as in [a, b]");
    return kNone;
  }
  if (node->items.size() > kMaxListItems) {
    error(key, "has more than " + std::to_string(kMaxListItems) + " items");
    return kNone;
  }
  return node->items;
}

bool Map::texts(std::string_view key, std::vector<std::string>& out, TextRule const& rule) const {
  bool fine = has(key);
  each_item(key, [&](Node const& item, std::string const& item_path) {
    auto value = read_text(reading_, item, item_path, rule);
    fine = fine && value;
    if (value) out.push_back(std::move(*value));
  });
  return fine;
}

bool Map::names(std::string_view key, std::vector<std::string>& out) const {
  bool fine = has(key);
  each_item(key, [&](Node const& item, std::string const& item_path) {
    auto value = read_text(reading_, item, item_path);
    if (value && !core::is_name(*value)) {
      reading_.problems.error(item.place, item_path + " is " + shown(*value) + ", which is no name", kNameForm);
      value.reset();
    } else if (value && std::ranges::find(out, *value) != out.end()) {
      reading_.problems.error(item.place, path(key) + " names " + shown(*value) + " twice", "remove one of them");
      value.reset();
    }
    fine = fine && value;
    if (value) out.push_back(std::move(*value));
  });
  return fine;
}

bool Map::name_set(std::string_view key, std::set<std::string>& out) const {
  std::vector<std::string> list;
  bool const fine = names(key, list);
  out.insert(list.begin(), list.end());
  return fine;
}

std::vector<std::pair<Node, Node> const*> Map::named_members(std::string_view key) const {
  std::vector<std::pair<Node, Node> const*> members;
  auto const* node = find(key);
  if (!node) return members;
  if (node->kind != Node::Kind::map) {
    wrong_kind(reading_, *node, path(key), "a map of names");
    return members;
  }
  for (auto const& member : node->members) {
    if (core::is_name(member.first.text)) {
      members.push_back(&member);
    } else {
      reading_.problems.error(member.first.place, path(key) + ": " + shown(member.first.text) + " is no name",
                              kNameForm);
    }
  }
  return members;
}

std::map<std::string, std::string> Map::text_map(std::string_view key, KeyRule rule) const {
  std::map<std::string, std::string> values;
  auto const* node = find(key);
  if (!node) return values;
  if (node->kind != Node::Kind::map) {
    wrong_kind(reading_, *node, path(key), "a map, as in {key: value}");
    return values;
  }
  for (auto const& [name, value] : node->members) {
    if (rule == KeyRule::name ? !core::is_name(name.text) : !is_variable(name.text)) {
      reading_.problems.error(name.place, path(key) + ": " + shown(name.text) + " is no name",
                              rule == KeyRule::name ? kNameForm : "variables are A-Z, a-z, 0-9 and '_'");
      continue;
    }
    auto text = read_text(reading_, value, path(key) + "." + name.text, {.empty = true});
    if (text) values.emplace(name.text, std::move(*text));
  }
  return values;
}

}  // namespace config
