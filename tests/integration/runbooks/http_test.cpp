// http steps against real servers that are well, ill or hostile.
#include <sys/stat.h>

#include <fstream>
#include <tuple>

#include "tests/integration/runbooks/rig.hpp"
#include "tests/integration/runbooks/web_service.hpp"
#include "tests/support/catch.hpp"

using namespace rig;

namespace {

constexpr char kToken[] = "tok-3f9a0c77d1e24b";

// With its slashes and plus signs written so.
std::string escaped(std::string const& text, std::string const& slash, std::string const& plus) {
  std::string out;
  for (char const c : text) c == '/' ? out += slash : c == '+' ? out += plus : out += c;
  return out;
}

// /STATUS answers with that status.
std::optional<net::HttpResponse> answer(net::HttpRequestIn const& in, int number) {
  if (in.path == "/slow") return std::nullopt;
  net::HttpResponse response;
  auto const last = in.path.substr(in.path.rfind('/') + 1);
  response.status = last.find_first_not_of("0123456789") == std::string::npos && last.size() == 3
                        ? static_cast<unsigned>(std::stoul(last))
                    : last == "soon" && number < 3 ? 503
                                                   : 200;
  if (response.status / 100 == 3) response.headers = {{"Location", "/200"}};
  if (last == "gzip") response.headers = {{"Content-Encoding", "gzip"}};
  auto const sent = std::string(in.header("Authorization").value_or("nothing"));
  response.body = last == "big"    ? std::string(1 << 18, 'x')
                  : last == "json" ? R"({"sent":")" + escaped(sent, R"(\/)", R"(\u002b)") + "\"}"
                  : last == "url"  ? "sent=" + escaped(sent, "%2F", "%2b")
                  : last == "half" ? "sent " + sent.substr(0, 20) + "…"
                  : last == "more" ? "sent " + escaped(sent, "%252F", "%252B")
                  : last == "gzip" ? "\x1f\x8b bomb"
                                   : "you sent " + sent + "\npassword " + std::string(kSecret) + " state=drained\n";
  return response;
}

core::BoundStep call(std::string name, std::string url, std::vector<std::uint32_t> expected = {}) {
  core::BoundStep step;
  step.name = std::move(name);
  step.kind = core::Step::Kind::http;
  step.http = core::HttpCall{};
  step.http->url = std::move(url);
  step.http->expect_status = std::move(expected);
  step.timeout = 20s;
  return step;
}

std::string outcome_of(core::Json const& result, std::size_t step) {
  return result["steps"].at_index(step)["outcome"].text() + " " + result["steps"].at_index(step)["cause"].text();
}

}  // namespace

TEST_CASE("http: what was approved arrives byte for byte, with the token of the file, which comes back blanked") {
  WebService server(answer);
  Rig rig;
  auto const file = rig.dir / "token";
  std::ofstream(file) << kToken << "\n";
  ::chmod(file.c_str(), 0600);
  auto step = call("drain", server.url("/api/a%20b?q=%26"), {200, 202});
  step.http->method = "PUT";
  step.http->headers = {{"Content-Type", "application/json"}, {"X-Team", "sre, web"}};
  step.http->body = "{\"a\":\"\\u0041 Ã¼\"}";
  step.http->json = true;
  step.http->bearer = file.string();
  step.http->expect_body = "state=dr[a-z]+ed";
  auto const outcome = rig.run_one(request({step}));
  INFO(outcome.output);
  CHECK(outcome.result["state"].text() == "succeeded");
  auto const heard = server.heard();
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].method == "PUT");
  CHECK(heard[0].target == "/api/a%20b?q=%26");
  CHECK(heard[0].body == step.http->body);
  CHECK(heard[0].header("X-Team").value_or("") == "sre, web");
  CHECK(heard[0].header("Authorization").value_or("") == std::string("Bearer ") + kToken);
  CHECK(heard[0].header("Accept-Encoding").value_or("none") == "none");
  // T32: the server echoes the token and knows another secret; neither is kept or shown.
  for (auto const& text : {outcome.output, rig.events.live[id() + " drain"], core::dump(outcome.result)}) {
    CHECK(text.find(kToken) == std::string::npos);
    CHECK(text.find(kSecret) == std::string::npos);
  }
  CHECK(outcome.output.find("you sent Bearer [redacted]") != std::string::npos);
  CHECK(outcome.output.find("answered 200, and its body matches.") != std::string::npos);
}

TEST_CASE("T32 http: a token that comes back escaped is blanked, and a piece of it hides the whole answer") {
  constexpr char kSlashed[] = "tok/3f9a0c77/d1e24b+9+5c2f0";
  WebService server(answer);
  Rig rig;
  auto const file = rig.dir / "token";
  std::ofstream(file) << kSlashed << "\n";
  ::chmod(file.c_str(), 0600);
  std::vector<core::BoundStep> steps;
  for (auto const* path : {"json", "url", "half", "more"}) {
    steps.push_back(call(path, server.url("/" + std::string(path))));
    steps.back().http->bearer = file.string();
  }
  auto const outcome = rig.run_one(request(steps));
  INFO(outcome.output);
  CHECK(outcome.result["state"].text() == "succeeded");
  CHECK(outcome.output.find(R"({"sent":"Bearer [redacted]"})") != std::string::npos);
  CHECK(outcome.output.find("sent=Bearer [redacted]\n") != std::string::npos);
  auto const shown = outcome.output + core::dump(outcome.result);
  for (auto const* piece : {"3f9a0c77", "d1e24b", "5c2f0"}) CHECK(shown.find(piece) == std::string::npos);
  auto const hidden = outcome.output.find("hold a part of the token");
  REQUIRE(hidden != std::string::npos);
  CHECK(outcome.output.find("hold a part of the token", hidden + 1) != std::string::npos);
}

TEST_CASE("T50 T65 http: no redirect, no second try unless told, no inflating, no more than the limit, no waiting") {
  WebService server(answer);
  Rig rig;
  auto big = call("big", server.url("/big")), slow = call("slow", server.url("/slow")),
       soon = call("soon", server.url("/soon")), gone = call("gone", "http://127.0.0.1:1/"),
       coded = call("coded", server.url("/gzip"));
  slow.timeout = 300ms;
  soon.retry = core::Retry{20s, 10ms};
  coded.http->expect_body = "bomb";
  struct Row {
    core::BoundStep step;
    char const *outcome, *words;
  };
  std::vector<Row> const rows{
      {soon, "succeeded ", "answered 200."},  // first: the service counts to three from its start
      {call("moved", server.url("/302")), "failed exit", "answered 302, not 2xx; redirects are not followed."},
      {call("down", server.url("/500"), {200, 202}), "failed exit", "answered 500, not 200 or 202."},
      {big, "failed exit", "larger than the limit"},
      {coded, "failed exit", "[7 bytes coded as gzip are not shown]"},
      {slow, "failed timeout", "It had not ended after 300ms."},
      {gone, "failed exit", "Can't connect"},
      {call("plain", "http://192.0.2.1/"), "failed exit", "plain"}};
  for (std::size_t i = 0; i < rows.size(); ++i) rig.put(request({rows[i].step}, static_cast<int>(i) + 1));
  rig.start_runner();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].step.name);
    auto const before = server.heard().size();
    auto const outcome = rig.run(static_cast<int>(i) + 1);
    CAPTURE(outcome.output);
    CHECK(outcome_of(outcome.result, 0) == rows[i].outcome);
    CHECK(outcome.output.find(rows[i].words) != std::string::npos);
    auto const came = server.heard().size() - before;
    CHECK((rows[i].step.retry ? came == 3 : came <= 1));
  }
  CHECK(rig.events.finished[id(1)].result["steps"].at_index(0)["kind"].text() == "http");
}

TEST_CASE("T50 http: a name that leads to a metadata service is refused, one that a URL names is meant") {
  Rig rig;
  // getaddrinfo(3) takes the number for the address, as some clients of metadata services do.
  auto by_name = call("number", "https://2852039166/latest/meta-data"),
       named = call("named", "https://169.254.169.254/");
  by_name.timeout = named.timeout = 2s;
  rig.put(request({by_name}, 1));
  rig.put(request({named}, 2));
  rig.start_runner();
  CHECK(rig.run(1).output.find("169.254.169.254, where clouds keep a machine's secrets") != std::string::npos);
  CHECK(rig.run(2).output.find("clouds") == std::string::npos);
}

TEST_CASE("http: a token that others may read, or that is none, is not sent") {
  WebService server(answer);
  Rig rig;
  auto const file = rig.dir / "token";
  auto step = call("drain", server.url("/200"));
  step.http->bearer = file.string();
  int number = 0;
  for (auto const& [text, mode, words] :
       std::vector<std::tuple<std::string, mode_t, std::string>>{{kToken, 0644, "others may read"},
                                                                 {"short", 0600, "at least 8 characters"},
                                                                 {"two lines\nof it", 0600, "without blanks"},
                                                                 {std::string(20'000, 'x'), 0600, "too large"},
                                                                 {"", 0600, "at least 8"}}) {
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
    rig.put(request({step}, ++number));
    if (number == 1) rig.start_runner();
    CAPTURE(text);
    // The runner was forked with what was there at its start: a later request needs another runner.
    if (number > 1) {
      rig.stop_client();
      rig.start_runner();
    }
    auto const outcome = rig.run(number);
    CHECK(outcome_of(outcome.result, 0) == "failed exit");
    CHECK(outcome.output.find(words) != std::string::npos);
  }
  CHECK(server.heard().empty());
}
