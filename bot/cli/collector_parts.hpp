// The collectors that a configuration names, made.
#pragma once

#include <memory>
#include <vector>

#include "collectors/config.hpp"
#include "collectors/room.hpp"
#include "config/config.hpp"

namespace cli {

// `good`: where good versions of configurations are kept. Throws core::Failure for what the loader should have refused.
collectors::Room::Collectors make_collectors(config::Config const& config,
                                             std::shared_ptr<collectors::GoodVersions> const& good);

// Those among them whose good versions are to be kept.
std::vector<collectors::ConfigSettings> watched_configurations(config::Config const& config,
                                                               std::shared_ptr<collectors::GoodVersions> const& good);

}  // namespace cli
