#include "bot/cli/collector_parts.hpp"

#include <type_traits>
#include <utility>

#include "collectors/changes.hpp"
#include "collectors/command.hpp"
#include "collectors/file.hpp"
#include "collectors/host.hpp"
#include "collectors/http.hpp"
#include "collectors/journal.hpp"

namespace cli {

namespace {

using Made = std::unique_ptr<collectors::Collector>;

Made make(config::FileCollector const& file, config::Collector const& all) {
  return collectors::make_file_collector({.path = file.path, .since = file.since, .max_bytes = all.max_bytes});
}

Made make(config::CommandCollector const& command, config::Collector const& all) {
  return collectors::make_command_collector({.argv = command.run, .timeout = all.timeout, .max_bytes = all.max_bytes});
}

Made make(config::HostCollector const&, config::Collector const&) { return collectors::make_host_collector(); }

Made make(config::JournalCollector const& journal, config::Collector const& all) {
  return collectors::make_journal_collector({.units = journal.units,
                                             .priority = journal.priority,
                                             .since = journal.since,
                                             .max_lines = journal.lines,
                                             .max_bytes = all.max_bytes,
                                             .path = journal.path,
                                             .timeout = all.timeout});
}

Made make(config::HttpCollector const& http, config::Collector const& all) {
  collectors::HttpSettings settings{.url = http.url,
                                    .allow = core::AllowList::parse(http.allow).value(),
                                    .extra_ca_file = http.ca,
                                    .timeout = all.timeout,
                                    .max_bytes = all.max_bytes};
  if (http.bearer) {
    settings.bearer = [secret = *http.bearer]() -> core::Result<std::string> {
      auto value = secret.resolve();
      if (!value) return value.error();
      return std::string(value->reveal());
    };
  }
  return collectors::make_http_collector(std::move(settings));
}

Made make(config::ChangesCollector const& changes, config::Collector const& all) {
  return collectors::make_changes_collector({.since = changes.since,
                                             .packages = changes.packages,
                                             .units = changes.units,
                                             .files = changes.files,
                                             .timeout = all.timeout,
                                             .max_bytes = all.max_bytes});
}

collectors::ConfigSettings settings_of(std::string const& key, config::ConfigCollector const& watched,
                                       config::Collector const& all,
                                       std::shared_ptr<collectors::GoodVersions> const& good) {
  return {.key = key,
          .path = watched.path,
          .run = watched.run,
          .timeout = all.timeout,
          .max_bytes = all.max_bytes,
          .good = good};
}

}  // namespace

collectors::Room::Collectors make_collectors(config::Config const& config,
                                             std::shared_ptr<collectors::GoodVersions> const& good) {
  collectors::Room::Collectors result;
  for (auto const& named : config.collectors) {
    auto const& name = named.first;
    auto const& collector = named.second;
    auto made = std::visit(
        [&](auto const& source) -> Made {
          if constexpr (std::is_same_v<std::decay_t<decltype(source)>, config::ConfigCollector>) {
            return collectors::make_config_collector(settings_of(name, source, collector, good));
          } else {
            return make(source, collector);
          }
        },
        collector.source);
    result[name] = {.collector = std::move(made), .timeout = collector.timeout};
  }
  return result;
}

std::vector<collectors::ConfigSettings> watched_configurations(config::Config const& config,
                                                               std::shared_ptr<collectors::GoodVersions> const& good) {
  std::vector<collectors::ConfigSettings> watched;
  for (auto const& [name, collector] : config.collectors) {
    if (auto const* source = std::get_if<config::ConfigCollector>(&collector.source))
      watched.push_back(settings_of(name, *source, collector, good));
  }
  return watched;
}

}  // namespace cli
