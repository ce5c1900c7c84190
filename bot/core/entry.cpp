#include "bot/core/entry.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace core {

namespace {

bool iequals(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// Letters, digits and a few marks stay; anything else becomes '_': an account id is outside text.
std::string ascii_key(std::string_view text) {
  std::string out;
  for (char const c : text.substr(0, 80)) {
    bool const fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    out += fine ? c : '_';
  }
  return out.empty() ? "nobody" : out;
}

bool ends_with_any(std::string_view path, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view name) {
    return path == name || (path.ends_with(name) && path[path.size() - name.size() - 1] == '/');
  });
}

bool in_folder(std::string_view path, std::string_view folder) {
  return path.find("/" + std::string(folder) + "/") != std::string_view::npos && path.ends_with(".json");
}

}  // namespace

std::string Actor::str() const {
  switch (kind) {
    case Kind::person:
    case Kind::robot: return key;
    case Kind::trigger: return "trigger:" + key;
    case Kind::unknown: return "unknown";
    case Kind::service: return "countersign";
  }
  return "unknown";
}

Signature author_of(Actor const& actor) {
  auto const key = ascii_key(actor.key);
  switch (actor.kind) {
    case Actor::Kind::person: return {key, key + "@people.invalid"};
    case Actor::Kind::robot: return {key, key + "@robots.invalid"};
    case Actor::Kind::trigger: return {"trigger:" + key, key + "@triggers.invalid"};
    case Actor::Kind::unknown: return {"unknown", key + "@accounts.invalid"};
    case Actor::Kind::service: break;
  }
  return {"countersign", "service@countersign.invalid"};
}

bool is_ledger_path(std::string_view path) {
  if (path.empty() || path.size() > 200) return false;
  std::size_t start = 0;
  while (start <= path.size()) {
    auto const end = std::min(path.find('/', start), path.size());
    auto const part = path.substr(start, end - start);
    if (part.empty() || part.front() == '.' || part.back() == '.' || part.ends_with(".lock") || iequals(part, "git~1"))
      return false;
    for (char const c : part) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') return false;
    }
    start = end + 1;
  }
  return true;
}

bool is_main_file(std::string_view kind, std::string_view path) {
  if (kind.starts_with("vote."))
    return in_folder(path, "votes") || (path.starts_with("service/") && path.ends_with(".json"));
  if (kind == "case.opened") return ends_with_any(path, {"case.json"});
  if (kind == "case.closed") return ends_with_any(path, {"closed.json"});
  if (kind == "evidence.collected") return ends_with_any(path, {"evidence/manifest.json"});
  if (kind == "request.accepted") return ends_with_any(path, {"accepted.json"});
  if (kind == "request.opened") return ends_with_any(path, {"request.json"});
  if (kind == "request.post_intent" || kind == "request.posted") return in_folder(path, "posts");
  if (kind == "question.asked") return in_folder(path, "questions");
  static constexpr std::array<std::string_view, 5> kDecisions{"request.approved", "request.denied", "request.expired",
                                                              "request.cancelled", "request.voided"};
  if (std::ranges::find(kDecisions, kind) != kDecisions.end()) return ends_with_any(path, {"decision.json"});
  if (kind == "run.started") return ends_with_any(path, {"started.json"});
  if (kind == "run.finished") return ends_with_any(path, {"run.json"});
  return path.starts_with("service/") && path.ends_with(".json");
}

}  // namespace core
