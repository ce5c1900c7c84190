#include "config/loader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "config/parts.hpp"
#include "config/places.hpp"

namespace config {

namespace {

void read_version(Map const& root) {
  std::int64_t version = 1;
  if (root.integer("version", version, 0, kMaxExact) && version != 1)
    root.error("version", "is " + std::to_string(version) + "; this release reads version 1", "write version: 1");
}

void warn_of_exposed_secrets(Config const& config, Places const& places, Problems& problems) {
  using Readers = Secret::Readers;
  auto const look = [&](Secret const& secret, std::string const& path, Readers readers = Readers::own_group) {
    auto const why = secret.exposure(readers);
    if (!why) return;
    auto const found = places.find(path + "=");
    problems.warning(found == places.end() ? Place{} : found->second, path + ": " + *why,
                     readers == Readers::owner ? "chmod 600" : "chmod 600, or 640, root's, with the service's group");
  };
  look(config.ledger.key, "ledger.key", Readers::owner);  // with another mode it is refused
  look(config.api.key, "api.key");
  for (auto const& [name, collector] : config.collectors) {
    auto const* http = std::get_if<HttpCollector>(&collector.source);
    if (http && http->bearer) look(*http->bearer, "collectors." + name + ".http.bearer");
  }
  for (auto const& [name, trigger] : config.webhook_triggers) {
    if (trigger.secret) look(*trigger.secret, "triggers." + name + ".webhook.secret");
  }
  if (config.chat.slack) {
    look(config.chat.slack->app_token, "chat.slack.app_token");
    look(config.chat.slack->bot_token, "chat.slack.bot_token");
  }
  if (auto const& teams = config.chat.teams) {
    look(teams->app_secret, "chat.teams.app_secret");
    if (teams->relay) look(teams->relay->key, "chat.teams.relay.key");
    if (teams->endpoint) look(teams->endpoint->key, "chat.teams.endpoint.key");
  }
  if (auto const& matrix = config.chat.matrix) {
    if (matrix->access_token) look(*matrix->access_token, "chat.matrix.access_token");
    if (matrix->password) look(*matrix->password, "chat.matrix.password");
    if (matrix->as_token) look(*matrix->as_token, "chat.matrix.as_token");
  }
}

enum class Look { text_only, secret_files };

LoadOutcome load_text(std::string_view text, std::string file_name, Look look) {
  LoadOutcome outcome;
  Problems problems(std::move(file_name));
  if (auto const root_node = parse_yaml(text, problems)) {
    Reading reading{problems, {}};
    collect_places(*root_node, "", reading.places);
    Map const root(reading, *root_node, sections::root, "");
    if (root_node->kind == Node::Kind::map) {
      Config config;
      read_version(root);
      read_people(root, config);
      read_chat(root, config);
      read_collectors(root, config);
      read_wiring(root, config);
      read_runbooks(root, config);
      read_policies(root, config);
      read_triggers(root, config);
      resolve(reading, config);
      if (look == Look::secret_files) warn_of_exposed_secrets(config, reading.places, problems);
      if (!problems.has_errors()) outcome.config = std::move(config);
    }
  }
  outcome.problems = problems.take_sorted();
  return outcome;
}

// What is there, up to the piece in which it grows longer than kMaxConfigBytes. Why not, otherwise.
core::Result<std::string> read_file(std::string const& path) {
  auto const failed = [&](std::string why) { return core::make_error(core::Errc::io, std::move(why)); };
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed(std::string("the file can't be opened: ") + std::strerror(errno));
  struct Close {
    int fd;
    ~Close() { ::close(fd); }
  } const close{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return failed("this is no regular file");
  std::string bytes;
  std::array<char, 16 * 1024> piece;
  while (bytes.size() <= kMaxConfigBytes) {
    auto const got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(std::string("the file can't be read: ") + std::strerror(errno));
    if (got == 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
  return bytes;
}

}  // namespace

LoadOutcome load(std::string_view text, std::string file_name) {
  return load_text(text, std::move(file_name), Look::text_only);
}

LoadOutcome load_file(std::string const& path) {
  auto const text = read_file(path);
  if (text) return load_text(*text, path, Look::secret_files);
  Problems problems(path);
  problems.error({}, text.error().message, "is this the right path, and may this account read it?");
  LoadOutcome outcome;
  outcome.unreadable = core::make_error(text.error().code, "the configuration " + path + ": " + text.error().message);
  outcome.problems = problems.take_sorted();
  return outcome;
}

}  // namespace config
