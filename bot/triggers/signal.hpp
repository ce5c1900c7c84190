// What a source tells of: one occurrence as it looks now.
#pragma once

#include <map>
#include <string>

#include "bot/core/time.hpp"

namespace triggers {

// `text` is evidence: for an attachment, not yet redacted.
struct Signal {
  std::string trigger;
  std::string title;  // one line: "web-down: 3 probes of http://127.0.0.1:8081/healthz in a row failed"
  std::string text;
  core::Time at;
  // What the signal says of itself: names of the configuration, values of a stranger (clean_labels()).
  std::map<std::string, std::string> labels{};
};

}  // namespace triggers
