#include "config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

namespace config {

Node::Node() = default;
Node::Node(Node const&) = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node const&) = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

namespace {

// yaml-cpp's columns count bytes; editors count characters.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  Place place(YAML::Mark const& mark) const {
    if (mark.line < 0 || mark.column < 0) return {};
    auto const line = std::min(static_cast<std::size_t>(mark.line), starts_.size() - 1);
    return {static_cast<std::uint32_t>(line + 1), column(starts_[line], static_cast<std::size_t>(mark.column))};
  }

  Place place_of_byte(std::size_t offset) const {
    std::size_t line = starts_.size() - 1;
    while (starts_[line] > offset) --line;
    return {static_cast<std::uint32_t>(line + 1), column(starts_[line], offset - starts_[line])};
  }

 private:
  std::uint32_t column(std::size_t start, std::size_t bytes) const {
    std::uint32_t column = 1;
    for (auto const c : text_.substr(start, bytes)) column += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    return column;
  }

  std::string_view text_;
  std::vector<std::size_t> starts_;
};

struct TooDeep {
  YAML::Mark mark;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Lines const& lines, Problems& problems) : lines_(lines), problems_(problems) {}

  void OnDocumentStart(YAML::Mark const&) override {}
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    auto node = make(Node::Kind::null, mark, "", anchor);
    node.text = "~";
    add(std::move(node));
  }
  void OnAlias(YAML::Mark const& mark, YAML::anchor_t) override {
    auto node = make(Node::Kind::refused, mark, "", 0);
    problems_.error(node.place, "an alias (*name) is not allowed",
                    "write the value out: what is read is what is meant");
    add(std::move(node));
  }
  void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                std::string const& value) override {
    auto node = make(Node::Kind::scalar, mark, tag, anchor);
    node.text = value;
    node.quoted = tag == "!";  // yaml-cpp's mark of a scalar that is not plain
    add(std::move(node));
  }
  void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(Node::Kind::sequence, mark, tag, anchor), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(Node::Kind::map, mark, tag, anchor), mark);
  }
  void OnMapEnd() override { close(); }

  std::optional<Node> root;

 private:
  struct Frame {
    Node node;
    std::optional<Node> key;                               // of a map, once it was read
    std::unordered_map<std::string, std::uint32_t> lines;  // of a map: where each key stands
    bool counts = true;                                    // as a level of its own
  };

  Node make(Node::Kind kind, YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor) {
    Node node;
    node.kind = kind;
    node.place = lines_.place(mark);
    if (anchor != 0)
      problems_.error(node.place, "an anchor (&name) is not allowed", "write the value out where it is needed");
    if (!tag.empty() && tag != "?" && tag != "!")
      problems_.error(node.place, "a tag (!name) is not allowed", "leave it out: each key knows its own type");
    return node;
  }

  void open(Node node, YAML::Mark const& mark) {
    // yaml-cpp takes a "[" that is never closed for a key and tells of a map around it, at the same place.
    bool const counts = frames_.empty() || !(frames_.back().node.place == node.place);
    if (depth_ + (counts ? 1U : 0U) > kMaxConfigDepth || frames_.size() >= 2 * kMaxConfigDepth) throw TooDeep{mark};
    depth_ += counts ? 1U : 0U;
    frames_.push_back({std::move(node), std::nullopt, {}, counts});
  }

  void close() {
    auto node = std::move(frames_.back().node);
    depth_ -= frames_.back().counts ? 1U : 0U;
    frames_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (frames_.empty()) {
      root = std::move(node);
      return;
    }
    auto& frame = frames_.back();
    if (frame.node.kind == Node::Kind::sequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      frame.key = std::move(node);
    } else {
      add_member(frame, std::move(*frame.key), std::move(node));
      frame.key.reset();
    }
  }

  void add_member(Frame& frame, Node key, Node value) {
    if (key.kind == Node::Kind::refused) return;
    if (key.kind != Node::Kind::scalar) {
      problems_.error(key.place, "a key must be a plain word", "write it as text");
      return;
    }
    if (!key.quoted && key.text == "<<") {
      problems_.error(key.place, "a merge key (<<) is not allowed", "write the keys out");
      return;
    }
    auto const [first, fresh] = frame.lines.emplace(key.text, key.place.line);
    if (!fresh) {
      problems_.error(
          key.place,
          "the key " + shown(key.text) + " stands here twice (first in line " + std::to_string(first->second) + ")",
          "remove one of them");
      return;
    }
    if (value.kind == Node::Kind::null) value.place = key.place;  // yaml-cpp names the next token's place
    frame.node.members.emplace_back(std::move(key), std::move(value));
  }

  Lines const& lines_;
  Problems& problems_;
  std::vector<Frame> frames_;
  std::size_t depth_ = 0;
};

// The offset of the first byte that is no text of ours: malformed UTF-8 (RFC 3629), or a control character other than
// tab and line ends. npos when all is well.
std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto const at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U; };
    auto const byte = at(i);
    std::size_t length = 1;
    if (byte < 0x80) {
      if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) return i;
    } else {
      if (byte < 0xC2 || byte > 0xF4) return i;
      length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
      auto const second = at(i + 1);
      if ((byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F) || (byte == 0xF0 && second < 0x90) ||
          (byte == 0xF4 && second > 0x8F))
        return i;
      for (std::size_t k = 1; k < length; ++k) {
        if ((at(i + k) & 0xC0) != 0x80) return i;
      }
    }
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<Node> parse_yaml(std::string_view text, Problems& problems) {
  if (text.size() > kMaxConfigBytes) {
    problems.error({}, "the file has more than 1 MiB, which is the limit", "is this the right file?");
    return std::nullopt;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark some editors write
  Lines const lines(text);
  if (auto const bad = first_bad_byte(text); bad != std::string_view::npos) {
    problems.error(lines.place_of_byte(bad), "the file is no UTF-8 text: there is a byte or control character here",
                   "save it as UTF-8");
    return std::nullopt;
  }
  TreeBuilder builder(lines, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || !builder.root) {
      problems.error({}, "the file is empty", "start with \"version: 1\"; config/examples/minimal.yaml is a beginning");
      return std::nullopt;
    }
    Problems ignored("");
    TreeBuilder second(lines, ignored);
    if (parser.HandleNextDocument(second)) {
      problems.error(second.root ? second.root->place : Place{}, "a second document (---) begins here",
                     "one file is one configuration");
      return std::nullopt;
    }
  } catch (TooDeep const& deep) {
    problems.error(lines.place(deep.mark), "the nesting is deeper than " + std::to_string(kMaxConfigDepth) + " levels",
                   "no key needs that");
    return std::nullopt;
  } catch (YAML::Exception const& e) {
    // yaml-cpp's messages are fixed sentences, at most with a name of an anchor or directive in them.
    problems.error(lines.place(e.mark), "this is no valid YAML: " + e.msg, "look at quotes, colons and indentation");
    return std::nullopt;
  } catch (std::exception const&) {
    problems.error({}, "this is no valid YAML", "look at quotes, colons and indentation");
    return std::nullopt;
  }
  return std::move(builder.root);
}

}  // namespace config
