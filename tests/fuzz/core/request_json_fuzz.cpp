// request_from_json never crashes, and what it takes has one canonical form.
#include <cstdlib>

#include "bot/core/request.hpp"
#include "tests/fuzz/spliced.hpp"
#include "tests/support/rules_fixture.hpp"

namespace {

std::string const& good() {
  static std::string const text = [] {
    auto const rules = fixture::rules();
    core::Draft draft{.instance = "i", .id = core::RequestId::parse("CS-20261121-000001-R1").value()};
    draft.requester = core::Actor::person("alice");
    draft.parameters = {{"service", "web"}};
    draft.programs.emplace("systemctl", fixture::program("systemctl"));
    draft.evidence = "sha256:" + std::string(64, '0');
    auto const request = core::make_request(draft, rules.runbooks.at("restart-service"), rules.policies.at("one-sre"));
    return core::canonical(core::to_json(request.value()));
  }();
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  auto const json = core::parse_json(spliced(good(), data, size));
  if (!json) return 0;
  auto const request = core::request_from_json(*json);
  if (!request) return 0;
  auto const canonical = core::canonical(core::to_json(*request));
  auto const again = core::request_from_json(core::parse_json(canonical).value());
  if (!again || core::canonical(core::to_json(*again)) != canonical) std::abort();
  if (core::binding_of(*again) != core::binding_of(*request)) std::abort();
  return 0;
}
