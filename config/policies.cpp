// Section policies.
#include <algorithm>

#include "config/parts.hpp"

namespace config {

using namespace std::chrono_literals;

void read_policies(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("policies", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::policy, path);
    core::Policy policy;
    policy.name = key;
    map.name_set("request", policy.request);
    if (auto const* list = map.find("request"); list && list->kind == Node::Kind::sequence && list->items.empty())
      map.error("request", "names no group, so nobody could ask");
    map.each_item("approve", [&](Node const& item, std::string const& item_path) {
      Map const inner(reading, item, sections::need, item_path);
      core::Need need;
      if (!inner.name("group", need.group)) return;
      inner.uint32("count", need.count, 1, 1000);
      bool const twice =
          std::ranges::any_of(policy.approve, [&](auto const& other) { return other.group == need.group; });
      if (twice)
        inner.error("group", "is " + shown(need.group) + " a second time", "write one item and add the counts");
      policy.approve.push_back(std::move(need));
    });
    if (auto const* list = map.find("approve"); list && list->kind == Node::Kind::sequence && list->items.empty())
      map.error("approve", "names nobody who approves", "write [{group: sre, count: 1}]");
    map.name_set("notify", policy.notify);
    map.boolean("self_approval", policy.self_approval);
    if (auto const* inner_node = map.find("justification")) {
      Map const inner(reading, *inner_node, sections::justification, map.path("justification"));
      constexpr std::array kWords{core::Justification::none, core::Justification::optional,
                                  core::Justification::required};
      std::vector<std::string> const words{"none", "optional", "required"};
      if (auto const word = inner.word("approver", words)) policy.approver_justification = kWords[*word];
      if (auto const word = inner.word("requester", words)) policy.requester_justification = kWords[*word];
    }
    map.duration("expires", policy.expires, 100ms, 24h * 30);
    config.rules.policies.emplace(key, std::move(policy));
  });
}

}  // namespace config
