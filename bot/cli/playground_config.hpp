// The configuration that the playground's bot is given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace cli {

struct DemoConfig {
  std::filesystem::path dir;  // the playground's: demo/, ledger.git, keys
  std::string sections;       // people, chat and channels: see Stage
  std::uint16_t demo_port = 0;
  std::string program;               // ourselves: what restarts the demo service
  std::size_t approvals_needed = 1;  // of sre
};
std::string demo_config(DemoConfig const& config);

std::string yaml_text(std::string const& text);  // quoted
// Replaces a file that its owner alone may read. Throws core::Failure with the path.
void write_private(std::filesystem::path const& path, std::string const& text);

}  // namespace cli
