#include "config/loader.hpp"
#include "tests/support/catch.hpp"

TEST_CASE("the examples load without a problem") {
  for (auto const* name : {"minimal.yaml", "restart-service.yaml", "first-week.yaml", "three-platforms.yaml"}) {
    auto const outcome = config::load_file(std::string(CONFIG_DIR) + "/examples/" + name);
    CAPTURE(config::check_report(outcome));
    CHECK(outcome.config);
    CHECK(outcome.problems.empty());
  }
}
