// What the tests of the whole service say again and again, over the kit: type, read the code, edit the configuration.
#pragma once

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

#include "bot/core/digest.hpp"
#include "bot/core/request.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/service_kit.hpp"

namespace service {

using core::Json;
using support::KitOptions;
using support::ServiceKit;
using namespace std::chrono_literals;

inline bool has(std::string const& text, std::string_view words) { return text.find(words) != std::string::npos; }

inline std::string code(ServiceKit& kit, std::string const& id) {
  return core::code_of(kit.view(id)["binding"].text());
}

inline bool ends_as(ServiceKit& kit, std::string const& id, std::string const& state) {
  bool const reached = kit.wait([&] { return kit.state(id) == state; });
  if (!reached) WARN(id + " is " + kit.state(id) + ", not " + state);
  return reached;
}

inline bool acked(ServiceKit& kit, std::uint64_t interaction) {
  using State = playground::Interaction::State;
  return kit.wait([&] { return kit.slack().interaction(interaction)->state == State::acked; }, 10s);
}

// What "/countersign TEXT" was answered with, in the acknowledgement itself.
inline std::string typed(ServiceKit& kit, std::string const& user, std::string const& text,
                         std::string const& channel = "C0INC") {
  auto const made = kit.slack().slash(user, channel, "/countersign", text);
  REQUIRE(made);
  if (!acked(kit, *made)) return "NOT ACKNOWLEDGED";
  return kit.slack().interaction(*made)->answer["text"].text();
}

inline std::size_t count(ServiceKit const& kit, std::string const& kind, std::string const& request = {}) {
  return kit.entries(kind, request).size();
}

inline std::string read(std::filesystem::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Replaces the one place where `from` stands in the configuration.
inline void edit(ServiceKit const& kit, std::string const& from, std::string const& to) {
  auto text = read(kit.config());
  auto const at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  support::write_file(kit.config(), text);
}

inline bool reload(ServiceKit& kit) {
  auto const before = count(kit, "config.loaded");
  kit.process().send(SIGHUP);
  return kit.wait([&] { return count(kit, "config.loaded") == before + 1; });
}

// Every object of the repository, every log line, everything that Slack was sent: where a secret must not be.
inline std::string all_sinks(ServiceKit& kit) {
  auto text = support::git(kit.ledger(), "cat-file --batch-all-objects --batch --unordered").out;
  text += kit.process().log_text();
  for (auto const& call : kit.slack().calls()) text += core::dump(call.arguments) + "\n";
  return text;
}

// tls.pem and tls.key in the kit's folder: a new certificate for 127.0.0.1 that nobody else signed. Needs openssl.
inline void make_certificate(ServiceKit const& kit, std::string const& name) {
  auto const made =
      support::run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
                   " -addext subjectAltName=IP:127.0.0.1 -keyout '" + (kit / "tls.key").string() + "' -out '" +
                   (kit / "tls.pem").string() + "' 2>&1");
  REQUIRE(made.code == 0);
  std::filesystem::permissions(kit / "tls.key",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// Starts the service with them; its API's address.
inline std::string start_by_tls(ServiceKit& kit) {
  edit(kit, "api: {listen: \"127.0.0.1:0\"",
       "api: {listen: \"127.0.0.1:0\", certificate: \"" + (kit / "tls.pem").string() + "\", key: {file: \"" +
           (kit / "tls.key").string() + "\"}");
  kit.start({.binary = {}, .environment = {}, .wait_ready = false});
  REQUIRE(kit.wait([&] { return kit.process().line("ready").has_value(); }));
  return (*kit.process().line("ready"))["api"].text();
}

}  // namespace service
