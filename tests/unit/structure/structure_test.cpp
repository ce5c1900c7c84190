// Who may include whom, and who alone may decide: read from the sources themselves.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

namespace fs = std::filesystem;

namespace {

struct Source {
  std::string path, text;  // path relative to the root
};

std::vector<Source> sources() {
  fs::path const root = COUNTERSIGN_SOURCE_DIR;
  std::vector<Source> found;
  for (auto const* top : {"bot", "adapters", "collectors", "ledger", "config"}) {
    for (auto const& entry : fs::recursive_directory_iterator(root / top)) {
      auto const extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      found.push_back({fs::relative(entry.path(), root).generic_string(), text.str()});
    }
  }
  return found;
}

std::vector<std::string> includes(std::string const& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto const hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#' || line.find("include") == std::string::npos) continue;
    auto const start = line.find_first_of("\"<"), end = line.find_first_of("\">", start + 1);
    if (start != std::string::npos && end != std::string::npos)
      names.push_back(line.substr(start + 1, end - start - 1));
  }
  return names;
}

// "bot/net/http.hpp" → "net"; what wires everything is "".
std::string room(std::string const& path) {
  if (path == "bot/ports.hpp" || path == "bot/sparingly.hpp") return "ports";
  if (path.starts_with("bot/cli/") || path == "bot/main.cpp") return "";
  auto const start = path.starts_with("bot/") ? 4U : 0U;
  auto const end = path.find('/', start);
  return end == std::string::npos ? "" : path.substr(start, end - start);
}

}  // namespace

TEST_CASE("each room includes only what it may") {
  std::set<std::string> const worker{"core", "ports", "net", "process"}, chat{"core", "ports", "net"},
      inner{"core", "ports"};
  std::map<std::string, std::set<std::string>> const may{
      {"core", {}},         {"net", {}},          {"process", {}},    {"ports", {"core"}},
      {"ledger", inner},    {"config", inner},    {"engine", inner},  {"collectors", worker},
      {"triggers", worker}, {"runbooks", worker}, {"adapters", chat}, {"api", chat}};
  std::set<std::string> seen;
  for (auto const& source : sources()) {
    auto const from = room(source.path);
    if (from.empty()) continue;
    CAPTURE(source.path);
    REQUIRE(may.contains(from));
    seen.insert(from);
    // The playground is a program of its own, a room that wires stand-ins (adapters/playground).
    if (source.path.starts_with("adapters/playground/")) continue;
    for (auto const& name : includes(source.text)) {
      bool const ours = name.starts_with("bot/") || name.starts_with("adapters/") || name.starts_with("collectors/") ||
                        name.starts_with("ledger/") || name.starts_with("config/");
      if (!ours) continue;
      CAPTURE(name);
      auto const to = room(name);
      CHECK((to == from || may.at(from).contains(to)));
      if (from == "adapters" && to == "adapters")  // no adapter knows another
        CHECK(source.path.substr(0, source.path.find('/', 9)) == name.substr(0, name.find('/', 9)));
    }
  }
  CHECK(seen.size() >= 6);
}

TEST_CASE("no platform has a branch of its own in core, engine or API") {
  std::size_t looked_at = 0;
  for (auto const& source : sources()) {
    bool const neutral = source.path.starts_with("bot/core/") || source.path.starts_with("bot/engine/") ||
                         source.path.starts_with("bot/api/");
    // How a message is digested is data of the ledger's format, written down in ledger/FORMAT.md.
    if (!neutral || source.path == "bot/core/rendering.cpp") continue;
    ++looked_at;
    std::istringstream lines(source.text);
    for (std::string line; std::getline(lines, line);) {
      auto const code = line.substr(0, line.find("//"));
      CAPTURE(source.path, line);
      for (auto const* platform : {"\"slack\"", "\"teams\"", "\"matrix\"", "slack::", "teams::", "matrix::"})
        CHECK(code.find(platform) == std::string::npos);
    }
  }
  CHECK(looked_at > 40);
}

TEST_CASE("Beast and Asio's TLS stay inside bot/net") {
  auto const heavy = [](std::string const& name) {
    return name.starts_with("boost/beast") || name.starts_with("boost/asio/ssl");
  };
  std::set<std::string> inner;  // headers of net that need them: for net alone
  for (auto const& source : sources()) {
    for (auto const& name : includes(source.text)) {
      if (heavy(name) && source.path.starts_with("bot/net/")) inner.insert(source.path);
    }
  }
  for (auto const& source : sources()) {
    if (source.path.starts_with("bot/net/")) continue;
    CAPTURE(source.path);
    for (auto const& name : includes(source.text)) {
      CAPTURE(name);
      CHECK_FALSE(heavy(name));
      CHECK_FALSE(inner.contains(name));
    }
  }
  CHECK_FALSE(inner.empty());
}

TEST_CASE("T1 one place decides an approval, one orders a start") {
  std::set<std::string> approves, orders, starts;
  for (auto const& source : sources()) {
    if (source.path.ends_with(".hpp") || source.path.starts_with("adapters/playground/")) continue;
    if (source.text.find("\"approved\", actor_") != std::string::npos ||
        source.text.find("decide(") != std::string::npos) {
      if (source.text.find("\"approved\"") != std::string::npos && source.text.find("decide(") != std::string::npos)
        approves.insert(source.path);
    }
    if (source.text.find("StartRun{") != std::string::npos) orders.insert(source.path);
    if (source.text.find("runner.run(") != std::string::npos) starts.insert(source.path);
  }
  CHECK(approves == std::set<std::string>{"bot/core/step_vote.cpp"});
  CHECK(orders == std::set<std::string>{"bot/core/step.cpp"});
  CHECK_FALSE(starts.empty());
  for (auto const& path : starts) CHECK(path.starts_with("bot/engine/"));
}

namespace {

// Without comments and texts.
std::string code_of(std::string const& text) {
  std::string code;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
      code += '\n';
    } else if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i) {
        if (text[i] == '\\') ++i;
      }
      code += "\"\"";
    } else {
      code += text[i];
    }
  }
  return code;
}

// Comparisons that end at the first difference, with what is to be a secret's digest or signature on either side.
std::vector<std::string> early_ends(std::string const& code) {
  std::string const equals = R"(\s*(?:==|!=|<=>))", name = R"(\b(?:token_sha256|signature|digest|secret)\b)",
                    call = R"(\b(?:signature_of|hmac_hex|hmac_sha256|sha256_hex)\s*\()";
  static std::regex const pattern(name + equals +                       // digest == …
                                  "|" + call + R"([^;]*\))" + equals +  // hmac_hex(…) == …
                                  "|" + equals + R"(\s*(?:[\w:]+(?:\.|->|::))*(?:)" + call + "|" + name +
                                  R"((?!\s*(?:\.|->|\())))" +  // … == a.digest
                                  R"(|\b(?:memcmp|bcmp|strn?cmp|equal|compare)\s*\([^;]*)" + name + "|" + name +
                                  R"(\s*\.\s*(?:compare|starts_with|ends_with|find|contains)\s*\()");
  std::vector<std::string> found;
  for (std::sregex_iterator at(code.begin(), code.end(), pattern), end; at != end; ++at) found.push_back(at->str());
  return found;
}

}  // namespace

TEST_CASE("T45 what names a token's digest or makes a signature compares it in constant time or not at all") {
  for (auto const* bad :
       {"if (digest == auth.token_sha256) return true;", "return person.token_sha256 == digest;",
        "return wanted != signature_of(auth, headers);", "return hmac_hex(auth.secret, first, body) == given;",
        "return given == auth.signature;", "if (std::memcmp(given.data(), digest.data(), 32) == 0)",
        "return std::ranges::equal(given, signature);", "return core::sha256_hex(token) == row;",
        "return auth.token_sha256.starts_with(given);", "return digest.compare(given) == 0;"}) {
    CAPTURE(bad);
    CHECK_FALSE(early_ends(code_of(bad)).empty());
  }
  for (auto const* good :
       {"return core::equal_in_constant_time(digest, auth.token_sha256) && fits;", "if (auth.token_sha256.empty())",
        "trigger.token_sha256.size() == 64", "auto const way = \"digest == secret\";  // digest == secret"}) {
    CAPTURE(good);
    CHECK(early_ends(code_of(good)).empty());
  }
  std::set<std::string> name_it, compare;
  for (auto const& source : sources()) {
    if (source.path.starts_with("adapters/playground/")) continue;  // a stand-in, whose secrets are in its page
    if (source.path.starts_with("config/")) continue;  // no request comes there; it knows digests that everybody knows
    auto const code = code_of(source.text);
    if (source.path.ends_with(".cpp") && code.find("equal_in_constant_time(") != std::string::npos)
      compare.insert(source.path);
    bool names = false;
    for (auto const* word : {"token_sha256", "signature_of(", "hmac_hex(", "hmac_sha256(", "HMAC("})
      names = names || code.find(word) != std::string::npos;
    if (!names) continue;
    name_it.insert(source.path);
    CAPTURE(source.path);
    CHECK(early_ends(code) == std::vector<std::string>{});
  }
  CHECK(compare == std::set<std::string>{"bot/api/auth.cpp", "bot/core/digest.cpp", "bot/triggers/webhook_auth.cpp"});
  CHECK(name_it.contains("bot/api/auth.cpp"));
  CHECK(name_it.contains("bot/triggers/webhook_auth.cpp"));
  CHECK(name_it.contains("bot/triggers/webhook_trigger.cpp"));
  CHECK(name_it.size() >= 8);
}

TEST_CASE("T73 one encoder of log lines, and only the command line speaks on standard output and error") {
  std::set<std::string> loggers;
  std::size_t looked_at = 0;
  for (auto const& source : sources()) {
    ++looked_at;
    for (auto const& name : includes(source.text)) {
      if (name.starts_with("spdlog/") || name == "syslog.h") loggers.insert(source.path);
    }
    if (source.path.starts_with("bot/cli/") || source.path == "bot/main.cpp") continue;
    CAPTURE(source.path);
    for (auto const* word : {"std::printf", "std::fprintf(stderr", "std::fprintf(stdout", "std::puts", "std::cout",
                             "std::cerr", "std::clog"}) {
      CAPTURE(word);
      CHECK(source.text.find(word) == std::string::npos);
    }
    // The runner has the service's standard error: its lines are of the same encoder.
    if (source.text.find("STDERR_FILENO,") != std::string::npos)
      CHECK(source.text.find("core::log_line(") != std::string::npos);
  }
  CHECK(loggers == std::set<std::string>{"bot/cli/host.cpp"});
  CHECK(looked_at > 100);
}
