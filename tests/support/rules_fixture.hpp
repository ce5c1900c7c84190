// People, policies and runbooks that the tests of the core share.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/request.hpp"
#include "bot/core/rules.hpp"

namespace fixture {

core::Person person(std::set<std::string> groups, std::string account);
core::Policy policy(std::string name, std::vector<core::Need> approve);
core::Step run_step(std::string name, std::vector<std::string> argv);
core::Runbook runbook(std::string name, std::string policy_name, std::vector<core::Parameter> parameters,
                      std::vector<std::string> argv);
core::Parameter one_of(std::string name, std::vector<std::string> values);
core::Parameter words(std::string name, std::string pattern);
core::Parameter number(std::string name, std::int64_t min, std::int64_t max);
// alice asks (dev), bob, carol and erin are sre, dave and erin dba, mallory is in no group that approves, zed has an
// account on nobody's list; ci is a robot.
core::Rules rules();
std::string config_bytes(core::Rules const& rules);
core::ProgramIdentity program(std::string const& name);

}  // namespace fixture
