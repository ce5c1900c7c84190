// Collector `http`: what a page of an allow-listed host says. The host is asked at collecting time, so this is the one
// collector that speaks to others: T50 governs it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "bot/core/allow_list.hpp"
#include "bot/net/dial_rules.hpp"
#include "collectors/collector.hpp"

namespace collectors {

struct HttpSettings {
  std::string url;        // https, or http on loopback; {{label}} behind the host only, percent-encoded when put in
  core::AllowList allow;  // asked about each address, after the name was looked up
  // Null: no Authorization header. Asked at each call, so that a token that was changed is used; it stays out of
  // exhibit, error and log.
  std::function<core::Result<std::string>()> bearer{};
  std::string extra_ca_file{};  // PEM; besides the system's
  core::Duration timeout{10'000};
  std::size_t max_bytes = 64u << 10;
  std::function<net::Result<std::vector<std::string>>(std::string const&)> resolve{};  // for tests: DialRules::resolve
};

// GET, never a redirect (a 3xx is shown as what it is), no content coding. The exhibit begins with the status, tells
// the address that answered, and shows JSON indented. A status of 400 and more is evidence, not an error.
std::unique_ptr<Collector> make_http_collector(HttpSettings settings);

// Puts labels into a URL: each value percent-encoded; "." and ".." are refused where they would be a path's part.
core::Result<std::string> expand_url(std::string_view url, std::map<std::string, std::string> const& labels);

// JSON with line feeds and two blanks a level (32 levels at most are indented), every scalar byte for byte as it was;
// what is no JSON comes back as it is. Pure.
std::string indent_json(std::string_view text);

}  // namespace collectors
