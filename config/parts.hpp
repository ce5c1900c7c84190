// The parts of the loader: each reads its sections of the root into the Config; resolve() then checks what only the
// whole can show. All report into the Reading and never throw.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/reader.hpp"

namespace config {

void read_people(Map const& root, Config& config);      // people, robots
void read_chat(Map const& root, Config& config);        // chat, channels
void read_collectors(Map const& root, Config& config);  // collectors
void read_wiring(Map const& root, Config& config);      // evidence, ledger, state, sandbox, api, redact
void read_triggers(Map const& root, Config& config);    // triggers
void read_runbooks(Map const& root, Config& config);    // runbooks
void read_policies(Map const& root, Config& config);    // policies
void resolve(Reading& reading, Config const& config);

// Keys http | tcp | command | expect_status | expect_body of a map, exactly one of the first three.
void read_probe(Map const& map, core::Probe& probe);

// A map of the section step_http. The step's time-out, too, if it stands there.
void read_http_call(Map const& map, core::Step& step);

// The one key of `keys` that the map has; none or several are a problem and nothing.
std::string exactly_one(Map const& map, std::vector<std::string> const& keys);

// Sentences that say why not, or empty. Placeholders count as the text "1".
enum class Scheme { http, websocket };                                        // each also over TLS
std::string why_not_url(std::string_view url, Scheme scheme = Scheme::http);  // without user information
std::string why_not_host_port(std::string_view text);
bool is_loopback_url(std::string_view url);  // of a URL that is one

// An address to listen on: "127.0.0.1:8080", "[::1]:8080", "localhost:0". False: it was reported.
bool read_listen(Map const& map, std::string& host, std::uint16_t& port);
bool is_loopback_host(std::string_view host);                           // as read_listen() gives it
void read_key_file(Map const& map, std::string_view key, Secret& out);  // a secret that must be a file
std::string why_not_pattern(std::string const& re2);
std::set<std::string> named_groups(std::string const& re2);  // none of what is no expression

// A sentence when an argument list hands text with a {{placeholder}} to a program that would run it as code: the `-c`
// of a shell (also behind env, busybox and other wrappers), the `-e` of an interpreter, `env -S`. `index` is the
// argument at fault.
struct CodeArgument {
  std::size_t index = 0;
  std::string why;
};
std::vector<CodeArgument> code_arguments(std::vector<std::string> const& argv);

}  // namespace config
