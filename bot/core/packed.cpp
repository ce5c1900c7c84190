#include "bot/core/packed.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"

namespace core {

namespace {

// A number of up to 64 bits, seven in each byte, the least first.
void put_number(std::vector<char>& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_bytes(std::vector<char>& out, std::string_view bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

unsigned nibble(char hex) { return static_cast<unsigned>(hex <= '9' ? hex - '0' : hex - 'a' + 10); }

constexpr std::size_t kDigestBytes = 32;

// Its length and one more, then its bytes; a digest is 0 and its 32 bytes.
void put_text(std::vector<char>& out, std::string_view text) {
  if (!is_digest(text)) {
    put_number(out, text.size() + 1);
    return put_bytes(out, text);
  }
  out.push_back(0);
  for (auto at = text.size() - 2 * kDigestBytes; at < text.size(); at += 2)
    out.push_back(static_cast<char>(nibble(text[at]) << 4 | nibble(text[at + 1])));
}

void put_texts(std::vector<char>& out, std::set<std::string> const& texts) {
  put_number(out, texts.size());
  for (auto const& text : texts) put_text(out, text);
}

// What was put above; it was written here and needs no checks.
class Reader {
 public:
  explicit Reader(std::vector<char> const& from, std::size_t at = 0) : from_(from.data()), at_(at), end_(from.size()) {}
  bool done() const noexcept { return at_ == end_; }
  std::size_t at() const noexcept { return at_; }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      auto const byte = static_cast<unsigned char>(from_[at_++]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string_view bytes(std::size_t length) {
    at_ += length;
    return {from_ + at_ - length, length};
  }
  std::string text() {
    if (auto const length = number(); length != 0) return std::string(bytes(length - 1));
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "sha256:";
    out.reserve(out.size() + 2 * kDigestBytes);
    for (char const c : bytes(kDigestBytes)) {
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
    return out;
  }
  std::set<std::string> texts() {
    std::set<std::string> out;
    for (auto left = number(); left > 0; --left) out.insert(out.end(), text());
    return out;
  }

 private:
  char const* from_;
  std::size_t at_, end_;
};

Vote read_vote(Reader& from) {
  Vote vote;
  vote.person = from.text();
  vote.verdict = static_cast<Verdict>(from.number());
  vote.at = Time(Duration(static_cast<std::int64_t>(from.number())));
  vote.platform = from.text();
  vote.account = from.text();
  vote.note = from.text();
  vote.via = from.text();
  vote.rendering = from.text();
  vote.envelope = from.text();
  vote.groups = from.texts();
  vote.number = static_cast<std::uint32_t>(from.number());
  vote.repeats = from.texts();
  return vote;
}

// Room for one more and a little besides: doubling would leave half of it empty.
void make_room(std::vector<char>& bytes, std::size_t more) {
  if (bytes.capacity() - bytes.size() < more) bytes.reserve(bytes.size() + more + bytes.size() / 4);
}

std::size_t shared_length(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

Json PackedJson::operator*() const { return parse_json(text_, {.max_bytes = 8 << 20, .max_string = 4 << 20}).value(); }

void Votes::push_back(Vote const& vote) {
  std::vector<char> one;
  one.reserve(256);
  put_text(one, vote.person);
  put_number(one, static_cast<std::uint64_t>(vote.verdict));
  put_number(one, static_cast<std::uint64_t>(vote.at.time_since_epoch().count()));
  for (auto const* text : {&vote.platform, &vote.account, &vote.note, &vote.via, &vote.rendering, &vote.envelope})
    put_text(one, *text);
  put_texts(one, vote.groups);
  put_number(one, vote.number);
  put_texts(one, vote.repeats);
  // A field that is added and forgotten here and in read_vote() does not compile.
  auto const& [person, verdict, at, platform, account, note, via, rendering, envelope, groups, number, repeats] = vote;
  static_cast<void>(person);
  make_room(bytes_, one.size());
  last_ = static_cast<std::uint32_t>(bytes_.size());
  bytes_.insert(bytes_.end(), one.begin(), one.end());
  ++count_;
}

std::vector<Vote> Votes::all() const {
  std::vector<Vote> out;
  out.reserve(count_ + std::size_t{1});  // who asks often adds one more
  for (Reader from(bytes_); !from.done();) out.push_back(read_vote(from));
  return out;
}

Vote Votes::back() const {
  Reader from(bytes_, last_);
  return read_vote(from);
}

// --- TextSet: of each text how much of the one before it begins it, the length of the rest, the rest.

struct TextSet::Place {
  std::size_t at = 0, after = 0;  // the first text that is not less, and where the next one begins; both the end: none
  std::string before, there;      // the text before it, and that text itself
};

TextSet::Place TextSet::find(std::string_view text) const {
  Place place;
  for (Reader from(bytes_); !from.done();) {
    place.at = from.at();
    auto const shared = from.number();
    auto const rest = from.bytes(from.number());
    place.after = from.at();
    place.there.assign(place.before, 0, shared).append(rest);
    if (place.there >= text) return place;
    std::swap(place.before, place.there);
  }
  place.at = place.after = bytes_.size();
  place.there.clear();
  return place;
}

TextSet::TextSet(std::set<std::string> const& texts) : count_(static_cast<std::uint32_t>(texts.size())) {
  std::string_view before;
  for (std::string_view const text : texts) {
    auto const shared = shared_length(before, text);
    put_number(bytes_, shared);
    put_number(bytes_, text.size() - shared);
    put_bytes(bytes_, text.substr(shared));
    before = text;
  }
  bytes_.shrink_to_fit();
}

bool TextSet::contains(std::string_view text) const {
  auto const place = find(text);
  return place.at < bytes_.size() && place.there == text;
}

void TextSet::insert(std::string_view text) {
  auto const place = find(text);
  bool const last = place.at == bytes_.size();
  if (!last && place.there == text) return;
  std::vector<char> piece;
  auto const put = [&](std::string_view before, std::string_view one) {
    auto const shared = shared_length(before, one);
    put_number(piece, shared);
    put_number(piece, one.size() - shared);
    put_bytes(piece, one.substr(shared));
  };
  put(place.before, text);
  if (!last) put(text, place.there);
  make_room(bytes_, piece.size());
  auto const at = bytes_.begin() + static_cast<std::ptrdiff_t>(place.at);
  bytes_.insert(bytes_.erase(at, at + static_cast<std::ptrdiff_t>(place.after - place.at)), piece.begin(), piece.end());
  ++count_;
}

std::set<std::string> TextSet::all() const {
  std::set<std::string> out;
  std::string text;
  for (Reader from(bytes_); !from.done();) {
    text.resize(from.number());
    text.append(from.bytes(from.number()));
    out.insert(out.end(), text);
  }
  return out;
}

}  // namespace core
