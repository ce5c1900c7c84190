// The doctor on a secret that it can't read: the way out fits the place.
#include "bot/cli/doctor.hpp"
#include "tests/support/catch.hpp"

TEST_CASE("doctor: a secret that is not there is to be written, one of systemd's is there once the service runs") {
  for (auto const& [file, words] : {std::pair{"/nowhere/bot_token", "readable for the account that runs the service"},
                                    {"/run/credentials/nowhere.service/secret_bot", "Start the service first"}}) {
    cli::doctor::Findings findings({});
    CHECK_FALSE(cli::doctor::secret_of(config::Secret::from_file(file), "bot_token", findings));
    REQUIRE(findings.all().size() == 1);
    CHECK(findings.all()[0].state == cli::doctor::Finding::State::mend);
    CHECK_THAT(findings.all()[0].text, Catch::Contains(file));
    CHECK_THAT(findings.all()[0].mend, Catch::Contains(words));
  }
}
