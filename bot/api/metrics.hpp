// GET /metrics in Prometheus's text format. Private to api.
#pragma once

#include <string>
#include <vector>

#include "bot/ports.hpp"

namespace api {

std::string metrics_text(std::vector<ports::Figure> const& figures, std::vector<ports::Timing> const& timings);

}  // namespace api
