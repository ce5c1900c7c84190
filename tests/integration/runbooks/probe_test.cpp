// Probe steps against real servers.
#include "tests/integration/runbooks/rig.hpp"
#include "tests/integration/runbooks/web_service.hpp"
#include "tests/support/catch.hpp"

using namespace rig;
using Kind = core::Probe::Kind;

namespace {

std::optional<net::HttpResponse> answer(net::HttpRequestIn const& in, int number) {
  if (in.path == "/slow") return std::nullopt;
  net::HttpResponse response;
  response.status = in.path == "/down" || (in.path == "/soon" && number < 3) ? 503 : in.path == "/moved" ? 302 : 200;
  response.headers = {{"Location", "/ok"}};
  response.body = in.path == "/big" ? std::string(1 << 17, 'x') + "state=ready" : "state=ready\n";
  return response;
}

}  // namespace

TEST_CASE("probe: http and tcp against a real server") {
  WebService server(answer);
  struct Row {
    char const* title;
    core::BoundStep step;
    char const* cause;  // "": succeeds
    char const* says;
  };
  auto expecting = [](core::BoundStep bound, std::uint32_t status, std::string body) {
    bound.expect_status = status;
    bound.expect_body = std::move(body);
    return bound;
  };
  auto slow = probe("p", Kind::http, server.url("/slow"));
  slow.timeout = 700ms;
  std::vector<Row> const rows{
      {"200", probe("p", Kind::http, server.url("/ok?token=abc")), "", "answered 200.\n"},
      {"503", probe("p", Kind::http, server.url("/down")), "exit", "answered 503, not 2xx.\n"},
      {"a redirect is not followed", probe("p", Kind::http, server.url("/moved")), "exit", "answered 302, not 2xx.\n"},
      {"another status is expected", expecting(probe("p", Kind::http, server.url("/down")), 503, ""), "", "503.\n"},
      {"the body matches", expecting(probe("p", Kind::http, server.url("/ok")), 0, "^state=r.*y"), "", "200.\n"},
      {"the body does not", expecting(probe("p", Kind::http, server.url("/ok")), 0, "down"), "exit", "does not match"},
      {"across a line's end", expecting(probe("p", Kind::http, server.url("/ok")), 0, "^state=ready.$"), "", "200.\n"},
      {"too long a body", expecting(probe("p", Kind::http, server.url("/big")), 0, "state"), "exit", "larger than"},
      {"no answer", slow, "timeout", "p"},
      {"nobody there", probe("p", Kind::http, "http://127.0.0.1:1/"), "exit", "127.0.0.1"},
      {"plain text leaves this host", probe("p", Kind::http, "http://192.0.2.1/"), "exit", "192.0.2.1"},
      {"tcp", probe("p", Kind::tcp, server.address()), "", "accepts connections.\n"},
      {"tcp, nobody there", probe("p", Kind::tcp, "127.0.0.1:1"), "exit", "refused"},
      {"tcp, nonsense", probe("p", Kind::tcp, "--help"), "exit", "host:port"},
  };
  Rig rig;
  for (std::size_t i = 0; i < rows.size(); ++i) rig.put(request({rows[i].step}, static_cast<int>(i) + 1));
  rig.start_runner();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].title);
    auto const outcome = rig.run(static_cast<int>(i) + 1);
    CAPTURE(outcome.output);
    CHECK(outcome.result["cause"].text() == rows[i].cause);
    CHECK(outcome.output.find(rows[i].says) != std::string::npos);
    CHECK(outcome.output.find("token") == std::string::npos);
    CHECK(outcome.result["steps"].at_index(0)["kind"].text() == "probe");
  }
}

TEST_CASE("probe: retry until the service is up") {
  WebService server(answer);
  Rig rig;
  auto patient = probe("healthy", Kind::http, server.url("/soon"));
  patient.retry = core::Retry{60s, 20ms};
  auto const outcome = rig.run_one(request({patient}));
  CHECK(outcome.result["state"].text() == "succeeded");
  CHECK(outcome.result["steps"].at_index(0)["attempts"].integer() == 3);
  CHECK(server.heard().size() == 3);
}

TEST_CASE("probe: a command's exit code is the answer") {
  Rig rig;
  auto good = shell("good", "exit 0"), bad = shell("bad", "echo sick; exit 5");
  for (auto* step : {&good, &bad}) {
    step->kind = core::Step::Kind::probe;
    step->probe_kind = Kind::command;
  }
  auto const outcome = rig.run_one(request({good, bad}));
  CHECK(outcome.result["cause"].text() == "exit");
  CHECK(outcome.result["step"].text() == "bad");
  CHECK(outcome.result["exit_code"].integer() == 5);
  CHECK(outcome.output.find("sick\n") != std::string::npos);
}
