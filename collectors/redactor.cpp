#include "collectors/redactor.hpp"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "bot/core/ids.hpp"
#include "collectors/private_keys.hpp"
#include "collectors/secret_patterns.hpp"
#include "collectors/text_views.hpp"

namespace collectors {
namespace {

constexpr std::size_t kBlock = 64 << 10;       // text is filtered in blocks of whole lines of about this size
constexpr std::int64_t kSetMemory = 32 << 20;  // of the automaton that finds which kinds occur at all
constexpr std::int64_t kPatternMemory = 4 << 20;
constexpr std::size_t kMaxExpression = 1000;
constexpr int kMaxDepth = 2;   // encodings within encodings
constexpr int kMaxPasses = 4;  // blanking may uncover something (a value within a value); more has never been seen

RE2::Options options(std::int64_t memory) {
  RE2::Options result(RE2::Latin1);  // bytes: evidence need not be UTF-8
  result.set_log_errors(false);
  result.set_never_nl(true);
  result.set_max_mem(memory);
  return result;
}

struct Kind {
  std::string name;
  std::unique_ptr<RE2> expression;
  int group = 0;
  Finder find = nullptr;
};

struct Found {
  Extent where;
  std::size_t kind = 0;
};

}  // namespace

struct Redactor::Impl {
  std::vector<Kind> kinds;  // [0] is private keys, which has no expression
  std::unique_ptr<RE2::Set> any;

  core::Result<void> add(std::string name, std::string const& expression, int group, Finder find) {
    Kind kind{std::move(name), std::make_unique<RE2>(expression, options(kPatternMemory)), group, find};
    std::string why;
    if (!kind.expression->ok()) why = kind.expression->error();
    if (why.empty() && any->Add(expression, &why) < 0 && why.empty()) why = "it is too large";
    if (!why.empty()) {
      return core::make_error(core::Errc::bad_input, "Secret pattern " + kind.name + " can't be used: " + why + ".");
    }
    kinds.push_back(std::move(kind));
    return {};
  }

  void search_block(std::string_view text, Extent block, std::vector<Found>& found) const;
  void search_kind(std::size_t index, std::string_view text, std::vector<Found>& found, std::size_t offset) const;
  std::vector<Found> search(std::string_view text) const;
  void search_views(std::string_view text, int depth, std::vector<Found>& found) const;
  void search_next_lines(std::string_view text, std::vector<Found>& found) const;
};

void Redactor::Impl::search_kind(std::size_t index, std::string_view text, std::vector<Found>& found,
                                 std::size_t offset) const {
  auto const& kind = kinds[index];
  re2::StringPiece groups[2];
  Extent line{0, 0};
  bool have_line = false;
  for (std::size_t at = 0; at <= text.size();) {
    if (!kind.expression->Match({text.data(), text.size()}, at, text.size(), RE2::UNANCHORED, groups, kind.group + 1)) {
      return;
    }
    auto const& group = groups[kind.group];
    auto const match_end = static_cast<std::size_t>(groups[0].data() - text.data()) + groups[0].size();
    if (groups[0].empty() || group.data() == nullptr || group.empty()) {
      at = std::max(match_end, at) + (groups[0].empty() ? 1 : 0);
      continue;
    }
    std::optional<Extent> secret{{static_cast<std::size_t>(group.data() - text.data()), 0}};
    secret->end = secret->begin + group.size();
    if (kind.find != nullptr) {
      if (!have_line || secret->begin >= line.end) {  // looked up once a line, however many matches it has
        auto const before = secret->begin == 0 ? std::string_view::npos : text.rfind('\n', secret->begin - 1);
        line.begin = before == std::string_view::npos ? 0 : before + 1;
        line.end = std::min(text.find('\n', secret->begin), text.size());
        have_line = true;
      }
      secret = kind.find(text.substr(line.begin, line.end - line.begin),
                         {secret->begin - line.begin, secret->end - line.begin});
      if (secret) secret = Extent{secret->begin + line.begin, secret->end + line.begin};
    }
    at = match_end;
    if (secret) {
      found.push_back({{secret->begin + offset, secret->end + offset}, index});
      at = std::max(at, secret->end);
    }
  }
}

void Redactor::Impl::search_block(std::string_view text, Extent block, std::vector<Found>& found) const {
  auto const part = text.substr(block.begin, block.end - block.begin);
  std::vector<int> hits;
  RE2::Set::ErrorInfo error{};
  if (!any->Match({part.data(), part.size()}, &hits, &error)) {
    if (error.kind == RE2::Set::kNoError) return;
    hits.resize(kinds.size() - 1);  // the automaton ran out of memory: ask each pattern by itself
    std::iota(hits.begin(), hits.end(), 0);
  }
  for (int const hit : hits) search_kind(static_cast<std::size_t>(hit) + 1, part, found, block.begin);
}

std::vector<Found> Redactor::Impl::search(std::string_view text) const {
  std::vector<Found> found;
  for (auto const& block : find_private_keys(text)) found.push_back({block, 0});
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.size();
    if (end - at > kBlock) {
      auto const feed = text.find('\n', at + kBlock);
      if (feed != std::string_view::npos) end = feed + 1;
    }
    search_block(text, {at, end}, found);
    at = end;
  }
  return found;
}

// What the bytes don't show, but another reading of them does.
void Redactor::Impl::search_views(std::string_view text, int depth, std::vector<Found>& found) const {
  auto const look = [&](View const& view, bool shapes_only) {
    if (view.text.empty()) return;
    auto inside = search(view.text);
    if (depth + 1 < kMaxDepth) search_views(view.text, depth + 1, inside);
    for (auto const& one : inside) {
      if (one.where.begin >= one.where.end) continue;
      // Put together, a line's last assignment would run into the next line, and who knows what an operator's own
      // expression does; a token of a known form ends where it ends.
      if (shapes_only && (kinds[one.kind].find != nullptr || one.kind > built_in_patterns().size())) continue;
      found.push_back({view.raw_of(one.where), one.kind});
    }
  };
  look(unescaped(text), false);
  look(joined(text), true);
  for (auto const& run : encoded_runs(text)) {
    auto inside = search(run.text);
    if (inside.empty() && depth + 1 < kMaxDepth) search_views(run.text, depth + 1, inside);
    if (!inside.empty()) found.push_back({run.raw, inside.front().kind});
  }
  search_next_lines(text, found);
}

// "password:" and its value on the line below.
void Redactor::Impl::search_next_lines(std::string_view text, std::vector<Found>& found) const {
  for (std::size_t index = 1; index < kinds.size(); ++index) {
    auto const& kind = kinds[index];
    if (kind.find != &assigned_value) continue;
    re2::StringPiece match;
    for (std::size_t at = 0; at < text.size();) {
      if (!kind.expression->Match({text.data(), text.size()}, at, text.size(), RE2::UNANCHORED, &match, 1)) break;
      auto const end = static_cast<std::size_t>(match.data() - text.data()) + match.size();
      if (auto const value = value_on_next_line(text, end); value.end > value.begin) found.push_back({value, index});
      at = std::max(end, at + 1);
    }
  }
}

core::Result<std::unique_ptr<Redactor>> Redactor::make(std::vector<SecretPattern> const& extra) {
  auto impl = std::make_unique<Impl>();
  impl->any = std::make_unique<RE2::Set>(options(kSetMemory), RE2::UNANCHORED);
  impl->kinds.push_back({"private-key", nullptr, 0, nullptr});
  for (auto const& pattern : built_in_patterns()) {
    if (auto added = impl->add(pattern.name, "(?m)" + std::string(pattern.expression), pattern.group, pattern.find);
        !added) {
      return added.error();
    }
  }
  for (auto const& pattern : extra) {
    auto const refuse = [&](std::string const& why) {
      return core::make_error(
          core::Errc::bad_input,
          "Secret pattern " + (core::is_name(pattern.name) ? pattern.name : std::string("?")) + " " + why + ".");
    };
    if (!core::is_name(pattern.name)) return refuse("needs a name of lower-case letters, digits, '-', '_' and '.'");
    if (pattern.expression.empty() || pattern.expression.size() > kMaxExpression) {
      return refuse("needs an expression of 1 to 1000 bytes");
    }
    auto const expression = "(?m)(?:" + pattern.expression + ")";
    RE2 const probe(expression, options(kPatternMemory));
    if (probe.ok() && RE2::FullMatch("", probe)) return refuse("matches the empty text, so it would match everywhere");
    if (auto added =
            impl->add(pattern.name, expression, probe.ok() && probe.NumberOfCapturingGroups() > 0 ? 1 : 0, nullptr);
        !added) {
      return added.error();
    }
  }
  if (!impl->any->Compile()) {
    return core::make_error(core::Errc::too_large,
                            "The secret patterns together are too large; use fewer or shorter ones.");
  }
  return std::unique_ptr<Redactor>(new Redactor(std::move(impl)));
}

Redactor::Redactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Redactor::~Redactor() = default;

std::uint32_t Redactor::redact(std::string& text) const {
  std::map<std::string, std::uint32_t> by_kind;
  return redact(text, by_kind);
}

std::uint32_t Redactor::redact(std::string& text, std::map<std::string, std::uint32_t>& by_kind) const {
  std::uint32_t count = 0;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    auto found = impl_->search(text);
    impl_->search_views(text, 0, found);
    std::sort(found.begin(), found.end(), [](Found const& a, Found const& b) {
      return std::pair(a.where.begin, a.where.end) < std::pair(b.where.begin, b.where.end);
    });
    std::string out;
    std::size_t copied = 0;
    std::uint32_t blanked = 0;
    for (std::size_t i = 0; i < found.size();) {
      auto where = found[i].where;
      auto const kind = found[i].kind;
      for (++i; i < found.size() && found[i].where.begin < where.end; ++i) {  // overlapping ones are one
        where.end = std::max(where.end, found[i].where.end);
      }
      if (std::string_view(text).substr(where.begin, where.end - where.begin) == kRedacted) continue;
      out.append(text, copied, where.begin - copied).append(kRedacted);
      copied = where.end;
      ++blanked;
      ++by_kind[impl_->kinds[kind].name];
    }
    if (blanked == 0) break;
    out.append(text, copied);
    text = std::move(out);
    count += blanked;
  }
  return count;
}

}  // namespace collectors
