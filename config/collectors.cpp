// Section collectors.
#include "bot/core/allow_list.hpp"
#include "config/parts.hpp"

namespace config {

namespace {

using namespace std::chrono_literals;

// A list of absolute paths without placeholders: what is looked at all the time can't depend on a case.
void read_fixed_path(Map const& map, std::string_view key, std::string const& value, Place place,
                     std::string const& path) {
  if (!value.starts_with('/')) {
    map.reading().problems.error(place, path + " is no absolute path", "begin it with \"/\"");
  } else if (value.find("{{") != std::string::npos) {
    map.reading().problems.error(
        place, path + " holds a placeholder, but " + std::string(key) + " is looked at when there is no case yet",
        "write fixed text; a glob may stand for several files");
  }
}

FileCollector read_file(Map const& source) {
  FileCollector file;
  source.absolute_path("path", file.path);
  core::Duration since{};
  if (source.duration("since", since, 1s, 24h * 30)) file.since = since;
  return file;
}

CommandCollector read_command(Map const& source) {
  CommandCollector command;
  source.texts("run", command.run, {.lines = true, .empty = true});
  if (source.has("run") && command.run.empty()) source.error("run", "names no program");
  return command;
}

JournalCollector read_journal(Map const& source) {
  JournalCollector journal;
  source.texts("units", journal.units);
  static std::vector<std::string> const kLevels{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
  if (auto const level = source.word("priority", kLevels)) journal.priority = static_cast<int>(*level);
  core::Duration since{};
  if (source.duration("since", since, 1s, 24h * 30)) journal.since = since;
  source.uint32("lines", journal.lines, 1, 100'000);
  source.absolute_path("path", journal.path);
  if (journal.path.find("{{") != std::string::npos)
    source.error("path", "holds a placeholder, but the journal's folder is one", "write fixed text");
  return journal;
}

// The host and port of a URL that why_not_url() has nothing against.
std::pair<std::string, std::uint16_t> host_of(std::string_view url) {
  bool const tls = url.starts_with("https:");
  auto authority = url.substr(url.find("://") + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  auto const colon = authority.rfind(':');
  bool const has_port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  std::string host(authority.substr(0, has_port ? colon : std::string_view::npos));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  for (auto& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  int const port = has_port ? std::atoi(std::string(authority.substr(colon + 1)).c_str()) : tls ? 443 : 80;
  return {host, static_cast<std::uint16_t>(port)};
}

HttpCollector read_http(Map const& source) {
  HttpCollector http;
  bool sound = source.text("url", http.url);
  if (sound) {
    auto const behind = http.url.find("://");
    auto const path = behind == std::string::npos ? behind : http.url.find_first_of("/?", behind + 3);
    auto why = why_not_url(http.url);
    if (auto const open = http.url.find("{{"); why.empty() && open != std::string::npos && open < path)
      why = "has a placeholder before its path: the host must be fixed text";
    if (why.empty() && http.url.starts_with("http://") && !is_loopback_url(http.url))
      why = "is plain http to another host, which anybody on the way could change; use https";
    sound = why.empty();
    if (!sound) source.error("url", why);
  }
  source.texts("allow", http.allow);
  auto const allow = core::AllowList::parse(http.allow);
  if (!allow) {
    source.error("allow", "is no allow list: " + allow.error().message,
                 "entries look like wiki.example.org, wiki.example.org:8443, 10.0.0.0/8 or 127.0.0.1:9090");
  } else if (source.has("allow") && http.allow.empty()) {
    source.error("allow", "is empty, so nothing could be asked");
  } else if (sound && source.has("allow")) {
    if (auto const [host, port] = host_of(http.url); !allow->may_allow(host, port))
      source.error("allow", "does not allow the host of the URL, " + host + ":" + std::to_string(port));
  }
  if (Secret bearer; source.secret("bearer", bearer)) http.bearer = std::move(bearer);
  source.absolute_path("ca", http.ca);
  return http;
}

ConfigCollector read_config(Map const& source) {
  ConfigCollector config;
  auto const kind = exactly_one(source, {"path", "run"});
  if (kind == "path" && source.text("path", config.path))
    read_fixed_path(source, "path", config.path, source.place("path"), source.path("path"));
  if (kind == "run") {
    source.texts("run", config.run, {.lines = true, .empty = true});
    if (config.run.empty() || config.run.front().empty()) source.error("run", "names no program");
    for (auto const& word : config.run) {
      if (word.find("{{") != std::string::npos)
        source.error("run", "holds a placeholder, but it is run when there is no case yet", "write fixed text");
    }
  }
  return config;
}

ChangesCollector read_changes(Map const& source) {
  ChangesCollector changes;
  source.duration("since", changes.since, 1min, 24h * 30);
  source.boolean("packages", changes.packages);
  source.boolean("units", changes.units);
  source.each_item("files", [&](Node const& item, std::string const& path) {
    auto const value = read_text(source.reading(), item, path);
    if (!value) return;
    read_fixed_path(source, "files", *value, item.place, path);
    changes.files.push_back(*value);
  });
  return changes;
}

}  // namespace

void read_collectors(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("collectors", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::collector, path);
    if (node.kind != Node::Kind::map) return;
    auto const kind = exactly_one(map, {"file", "command", "host", "journal", "http", "config", "changes"});
    if (kind.empty()) return;
    auto const& section = kind == "file"      ? sections::file_collector
                          : kind == "command" ? sections::command_collector
                          : kind == "journal" ? sections::journal_collector
                          : kind == "http"    ? sections::http_collector
                          : kind == "config"  ? sections::config_collector
                          : kind == "changes" ? sections::changes_collector
                                              : sections::host_collector;
    Map const source(reading, *map.find(kind), section, map.path(kind));
    Collector collector{.source = HostCollector{}};
    if (kind == "file") collector.source = read_file(source);
    if (kind == "command") collector.source = read_command(source);
    if (kind == "journal") collector.source = read_journal(source);
    if (kind == "http") collector.source = read_http(source);
    if (kind == "config") collector.source = read_config(source);
    if (kind == "changes") collector.source = read_changes(source);
    source.duration("timeout", collector.timeout, 1ms, 10min);
    source.size("max_bytes", collector.max_bytes, 1, 16 << 20);
    config.collectors.emplace(key, std::move(collector));
  });
}

}  // namespace config
