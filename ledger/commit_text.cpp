#include "ledger/commit_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "bot/core/digest.hpp"

namespace ledger {

namespace {

constexpr std::string_view kPrefix = "Countersign-";
constexpr std::array<std::string_view, 6> kTrailers{"Seq", "Kind", "Case", "Request", "Actor", "Digest"};

bool printable(char c) { return c >= 0x20 && c < 0x7F; }

std::string hex_of(std::uint32_t value, int digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
  return out;
}

// The code point at the front of `text` and its length; length 0 when these bytes are no UTF-8 (overlong, surrogate,
// beyond U+10FFFF, cut short).
std::pair<std::uint32_t, std::size_t> code_point(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto const first = byte(0);
  std::size_t length = 0;
  std::uint32_t value = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2, value = first & 0x1FU;
  if (first >= 0xE0 && first <= 0xEF) length = 3, value = first & 0x0FU;
  if (first >= 0xF0 && first <= 0xF4) length = 4, value = first & 0x07U;
  if (length == 0 || length > text.size()) return {0, 0};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {0, 0};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  static constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {0, 0};
  return {value, length};
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "name <email> seconds zone", exactly as git writes it.
std::optional<Identity> parse_identity(std::string_view line) {
  auto const open = line.find(" <");
  auto const close = line.find("> ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) return std::nullopt;
  Identity out;
  out.name = line.substr(0, open);
  out.email = line.substr(open + 2, close - open - 2);
  auto const rest = line.substr(close + 2);
  auto const blank = rest.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  auto const seconds = number(rest.substr(0, blank));
  out.zone = rest.substr(blank + 1);
  auto const plain = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return printable(c) && c != '<' && c != '>'; });
  };
  constexpr std::int64_t kEndOfYear9999 = 253'402'300'799;  // RFC 3339 knows no later time, nor does a file of an entry
  if (!seconds || *seconds < 0 || *seconds > kEndOfYear9999 || rest.substr(0, blank) != std::to_string(*seconds) ||
      !plain(out.name) || !plain(out.email) || out.zone.size() != 5)
    return std::nullopt;
  out.seconds = *seconds;
  return out;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  std::string_view peek() const { return rest_.substr(0, rest_.find('\n')); }
  std::string_view next() {
    auto const line = peek();
    rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
    return line;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

void parse_headers(std::string_view head, ParsedCommit& out) {
  Lines lines(head);
  auto const problem = [&](std::string text) { out.problems.push_back(std::move(text)); };
  bool in_order = true;
  auto const header = [&](std::string_view name) -> std::optional<std::string_view> {
    auto const line = lines.peek();
    if (lines.at_end() || !line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ')
      return std::nullopt;
    return lines.next().substr(name.size() + 1);
  };
  auto const id = [&](std::string_view text) {
    auto const parsed = Oid::parse(text);
    if (!parsed) problem("A tree or parent header holds no object id.");
    return parsed.value_or(Oid{});
  };
  auto const identity = [&](std::optional<std::string_view> text, char const* which) {
    if (!text) {
      in_order = false;
      return Identity{};
    }
    auto parsed = parse_identity(*text);
    if (!parsed) problem(std::string("The ") + which + " line is not what git writes.");
    return parsed.value_or(Identity{});
  };
  if (auto const tree = header("tree")) {
    out.tree = id(*tree);
  } else {
    in_order = false;
  }
  while (auto const parent = header("parent")) out.parents.push_back(id(*parent));
  out.author = identity(header("author"), "author");
  out.committer = identity(header("committer"), "committer");
  out.payload.assign(head.substr(0, head.size() - lines.rest().size()));
  if (auto const armor = header("gpgsig")) {
    out.armor = *armor;
    while (!lines.at_end() && lines.peek().starts_with(' ')) {
      out.armor += '\n';
      out.armor += lines.next().substr(1);
    }
  }
  if (!lines.at_end()) {
    problem("There is a header that a ledger commit never has: '" + escape_subject(lines.peek().substr(0, 40)) + "'.");
    out.payload += lines.rest();  // it was signed, whatever it is
  }
  if (!in_order) problem("A header is missing or out of order.");
}

void parse_message(std::string_view message, ParsedCommit& out) {
  auto const problem = [&](char const* text) { out.problems.emplace_back(text); };
  Lines lines(message);
  out.subject = lines.next();
  if (out.subject.empty() || out.subject.size() > kMaxSubject) problem("The subject is empty or too long.");
  if (!std::ranges::all_of(message, [](char c) { return printable(c) || c == '\n'; }))
    problem("The message holds characters other than printable ASCII.");
  if (lines.at_end() || !lines.next().empty()) problem("No empty line follows the subject.");
  if (!message.ends_with('\n')) problem("The message doesn't end in a line feed.");
  std::size_t allowed = 0;
  while (!lines.at_end()) {
    auto const line = lines.next();
    auto const colon = line.find(": ");
    auto const name = line.substr(0, colon);
    if (colon == std::string_view::npos || !name.starts_with(kPrefix) || colon + 2 >= line.size()) {
      problem("The message holds a line that is neither its subject nor a trailer of ours.");
      continue;
    }
    out.trailers.emplace_back(name, line.substr(colon + 2));
    auto const place = std::ranges::find(kTrailers.begin() + static_cast<std::ptrdiff_t>(allowed), kTrailers.end(),
                                         name.substr(kPrefix.size()));
    if (place == kTrailers.end()) {
      problem("A trailer is unknown, repeated or out of order.");
    } else {
      allowed = static_cast<std::size_t>(place - kTrailers.begin()) + 1;
    }
  }
  for (auto const* const name : {"Seq", "Kind", "Actor", "Digest"}) {
    if (out.trailer(name).empty()) problem("A trailer that every entry has is missing.");
  }
}

}  // namespace

std::string escape_subject(std::string_view text) {
  std::string out;
  bool cut = false;
  while (!text.empty()) {
    std::string piece;
    std::size_t used = 1;
    char const c = text.front();
    if (c == '\\') {
      piece = "\\\\";
    } else if (printable(c)) {
      piece = c;
    } else if (auto const [value, length] = code_point(text); length > 0) {
      piece = "\\u{" + hex_of(value, value > 0xFFFF ? 6 : 4) + "}";
      used = length;
    } else if (static_cast<unsigned char>(c) < 0x80) {
      piece = c == '\n'   ? "\\n"
              : c == '\t' ? "\\t"
              : c == '\r' ? "\\r"
                          : "\\x" + hex_of(static_cast<unsigned char>(c), 2);
    } else {
      piece = "\\x" + hex_of(static_cast<unsigned char>(c), 2);
    }
    if (out.size() + piece.size() > kMaxSubject - 3) {
      cut = out.size() + piece.size() > kMaxSubject || text.size() > used;
      if (cut) break;
    }
    out += piece;
    text.remove_prefix(used);
  }
  if (cut) out += "...";
  while (out.ends_with(' ')) out.pop_back();
  out.erase(0, std::min(out.find_first_not_of(' '), out.size()));
  return out.empty() ? "(no subject)" : out;
}

std::string digest_of_files(std::vector<core::File> const& files) {
  std::vector<core::File const*> sorted;
  sorted.reserve(files.size());
  for (auto const& file : files) sorted.push_back(&file);
  std::ranges::sort(sorted, {}, [](core::File const* file) -> std::string const& { return file->path; });
  std::string list;
  for (auto const* const file : sorted) {
    list += file->path;
    list += '\0';
    list += core::sha256_hex(file->bytes);
    list += '\n';
  }
  return core::digest_of(list);
}

std::string compose_commit(core::Entry const& entry, std::uint64_t seq, std::string_view digest, Oid const& tree,
                           std::optional<Oid> const& parent) {
  auto const author = core::author_of(entry.actor);
  auto const seconds = " " +
                       std::to_string(std::chrono::floor<std::chrono::seconds>(entry.time).time_since_epoch().count()) +
                       " +0000\n";
  std::string out = "tree " + tree.hex() + "\n";
  if (parent) out += "parent " + parent->hex() + "\n";
  out += "author " + author.name + " <" + author.email + ">" + seconds;
  out += "committer " + std::string(kCommitterName) + " <" + std::string(kCommitterEmail) + ">" + seconds;
  out += "\n" + escape_subject(entry.subject) + "\n\n";
  auto const trailer = [&out](char const* name, std::string_view value) {
    if (!value.empty()) out.append(kPrefix).append(name).append(": ").append(value).append("\n");
  };
  trailer("Seq", std::to_string(seq));
  trailer("Kind", entry.kind);
  trailer("Case", entry.case_id);
  trailer("Request", entry.request_id);
  trailer("Actor", entry.actor.str());
  trailer("Digest", digest);
  return out;
}

std::string insert_signature(std::string_view text, std::string_view armor) {
  auto const end = text.find("\n\n") + 1;
  std::string out;
  out.reserve(text.size() + armor.size() + 32);
  out += text.substr(0, end);
  out += "gpgsig ";
  for (char const c : armor) {
    out += c;
    if (c == '\n') out += ' ';
  }
  out += '\n';
  out += text.substr(end);
  return out;
}

std::string ParsedCommit::trailer(std::string_view name) const {
  for (auto const& [key, value] : trailers) {
    if (std::string_view(key).substr(kPrefix.size()) == name) return value;
  }
  return {};
}

ParsedCommit parse_commit(std::string_view raw) {
  ParsedCommit out;
  if (raw.find('\0') != std::string_view::npos) out.problems.emplace_back("The commit holds a NUL byte.");
  auto const end = raw.find("\n\n");
  if (end == std::string_view::npos) {
    out.problems.emplace_back("The commit has no message.");
    return out;
  }
  parse_headers(raw.substr(0, end + 1), out);
  out.payload += raw.substr(end + 1);
  parse_message(raw.substr(end + 2), out);
  return out;
}

core::StoredEntry entry_of(ParsedCommit const& commit, Oid const& id) {
  core::StoredEntry out;
  out.commit = id.hex();
  out.seq = static_cast<std::uint64_t>(number(commit.trailer("Seq")).value_or(0));
  out.digest = commit.trailer("Digest");
  out.entry.kind = commit.trailer("Kind");
  out.entry.case_id = commit.trailer("Case");
  out.entry.request_id = commit.trailer("Request");
  out.entry.subject = commit.subject;
  out.entry.time = core::Time(std::chrono::seconds(commit.author.seconds));
  auto const key = [&](std::string_view domain) -> std::optional<std::string> {
    if (!commit.author.email.ends_with(domain)) return std::nullopt;
    return commit.author.email.substr(0, commit.author.email.size() - domain.size());
  };
  if (auto const person = key("@people.invalid")) {
    out.entry.actor = core::Actor::person(*person);
  } else if (auto const robot = key("@robots.invalid")) {
    out.entry.actor = core::Actor::robot(*robot);
  } else if (auto const trigger = key("@triggers.invalid")) {
    out.entry.actor = core::Actor::trigger(*trigger);
  } else if (auto const account = key("@accounts.invalid")) {
    out.entry.actor = core::Actor::unknown(*account);
  } else if (commit.author.email == "service@countersign.invalid") {
    out.entry.actor = core::Actor::service();
  }
  return out;
}

}  // namespace ledger
