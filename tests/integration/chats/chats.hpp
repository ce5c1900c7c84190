// What the cases of the suite share; each runs once a platform (tests/support/each_platform.hpp).
#pragma once

#include "tests/integration/service/service.hpp"
#include "tests/support/each_platform.hpp"

namespace chats {

using namespace service;
using support::ChatFloor;
using support::on;
using support::Platform;
using support::Trouble;

inline bool counts(ServiceKit& kit, std::string const& kind, std::string const& id, std::size_t wanted) {
  return kit.wait([&] { return count(kit, kind, id) == wanted; });
}

// Votes that stand, as the API tells them.
using Names = std::vector<std::string>;
inline Names voters(ServiceKit& kit, std::string const& id) {
  Names names;
  auto const view = kit.view(id);
  if (auto const* votes = view["votes"].if_array()) {
    for (auto const& vote : *votes) names.push_back(vote["person"].text());
  }
  return names;
}

// What the platform itself would say about how it was used.
inline void check_findings(ServiceKit& kit) {
  for (auto const& chat : kit.chats()) {
    for (auto const& finding : chat->findings()) FAIL_CHECK(chat->platform() + ": " + finding);
  }
}

}  // namespace chats
