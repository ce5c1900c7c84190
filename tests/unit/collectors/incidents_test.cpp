// Four nights as they happen: what stands first must be what an approver needs to decide. The lines below are judged by
// people; a change of them is a change of what is shown at three in the morning.
#include "collectors/highlights.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;

namespace {

struct Incident {
  std::vector<core::Exhibit> exhibits;
  std::vector<Digested> digested;
  Window window;

  explicit Incident(std::string const& since)
      : window(window_of(core::parse_time("2026-11-21T" + since + "Z").value(), kNow)) {}
  void add(std::string name, std::string bytes, Kind kind = Kind::lines) {
    core::Exhibit exhibit;
    exhibit.name = std::move(name);
    exhibit.bytes = std::move(bytes);
    digested.push_back(digest_of(exhibit, kind, window));
    exhibits.push_back(std::move(exhibit));
  }
  std::string shown() const {
    std::string text;
    for (auto const& line : pick_highlights(exhibits, digested, window)) text += line.exhibit + ": " + line.text + "\n";
    return text;
  }
};

std::string at(int seconds_before) { return core::format_time(kNow - std::chrono::seconds(seconds_before)); }

}  // namespace

TEST_CASE("incident: out of memory") {
  Incident night("09:57:00");
  std::string kernel;
  for (int n = 3600; n > 300; n -= 60) kernel += at(n) + " web-1 kernel: eth0: link is up\n";
  kernel += at(175) + " web-1 kernel warning: web invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0\n";
  kernel += at(175) + " web-1 kernel warning: Mem-Info: active_anon:1823 inactive_anon:190212\n";
  kernel += at(174) +
            " web-1 kernel err: Out of memory: Killed process 812 (web) total-vm:8291200kB, anon-rss:7340032kB\n" +
            at(173) + " web-1 systemd[1] warning: web.service: Main process exited, code=killed, status=9/KILL\n" +
            at(173) + " web-1 systemd[1] warning: web.service: Failed with result 'oom-kill'.\n";
  night.add("journal", kernel);
  std::string log;
  for (int n = 1800; n > 180; n -= 10) log += at(n) + " INFO GET /cart 200 12 ms\n";
  for (int n = 170; n > 0; n -= 5) log += at(n) + " upstream connect error: connection refused 127.0.0.1:8081\n";
  night.add("proxy-log", log);
  night.add(
      "host",
      "memory    7.6 GiB of 7.7 GiB used (99 %), available 81.0 MiB\ndisk      /: 9.1 GiB of 40.0 GiB used (23 %)\n");
  night.add("changes",
            "Changes since 2026-11-20T10:00:00.000Z, newest first: 2.\n" + at(170) + " unit started: web.service\n" +
                at(5400) + " file written: /etc/web/limits.conf\n",
            Kind::changes);
  CHECK(
      night.shown() ==
      "journal: 2026-11-21T09:57:06.000Z web-1 kernel err: Out of memory: Killed process 812 (web) "
      "total-vm:8291200kB, anon-rss:7340032kB\n"
      "changes: 90 min before (08:30:00 UTC): file written: /etc/web/limits.conf\n"
      "journal: 2026-11-21T09:57:07.000Z web-1 systemd[1] warning: web.service: Failed with result 'oom-kill'.\n"
      "proxy-log: 2026-11-21T09:59:55.000Z upstream connect error: connection refused 127.0.0.1:8081 (34 times, never "
      "before)\n"
      "journal: 2026-11-21T09:57:05.000Z web-1 kernel warning: web invoked oom-killer: gfp_mask=0x140cca, order=0, "
      "oom_score_adj=0\n");
}

TEST_CASE("incident: a bad deploy") {
  Incident night("09:56:00");
  std::string log;
  for (int n = 3000; n > 260; n -= 7) log += at(n) + " INFO request served\n";
  for (int n = 2900; n > 260; n -= 600) log += at(n) + " ERROR payment provider timeout after 3s\n";
  for (int n = 235; n > 0; n -= 3) {
    log += at(n) + " ERROR unhandled: KeyError: 'currency' in price()\n";
    log += "Traceback (most recent call last):\n  File \"/srv/shop/price.py\", line 41, in price\n";
  }
  night.add("shop-log", log);
  night.add("shop-config",
            "1 changed since the last good version of 2026-11-20T22:00:00.000Z, kept after a run that succeeded.\n" +
                at(260) +
                " changed: /etc/shop/features.yaml (+1 -1 lines since it was last good: -new_prices: off; +new_prices: "
                "on)\n\n--- a\n+++ b\n@@ -1 +1 @@\n-new_prices: off\n+new_prices: on\n",
            Kind::changes);
  night.add("changes",
            "Changes since 2026-11-20T10:00:00.000Z, newest first: 4.\n" + at(245) + " unit started: shop.service\n" +
                at(250) + " package upgraded shop:amd64 3.1.0 -> 3.2.0\n" + at(250) +
                " package upgraded shop-common:all 3.1.0 -> 3.2.0\n" + at(80000) + " package installed jq:amd64 1.6\n",
            Kind::changes);
  CHECK(
      night.shown() ==
      "shop-log: 2026-11-21T09:59:59.000Z ERROR unhandled: KeyError: 'currency' in price() (79 times, never before)\n"
      "shop-config: 4 min before (09:55:40 UTC): changed: /etc/shop/features.yaml (+1 -1 lines since it was last good: "
      "-new_prices: off; +new_prices: on)\n"
      "shop-log: 2026-11-21T09:51:40.000Z ERROR payment provider timeout after 3s (5 times)\n"
      "changes: 4 min before (09:55:50 UTC): package upgraded shop:amd64 3.1.0 -> 3.2.0 (and 1 more in that minute)\n");
}

TEST_CASE("incident: a full disk") {
  Incident night("09:40:00");
  std::string log;
  for (int n = 7200; n > 1200; n -= 60) log += at(n) + " LOG:  checkpoint complete: wrote 12 buffers\n";
  for (int n = 1150; n > 0; n -= 25) {
    log += at(n) + " PANIC:  could not write to file \"pg_wal/xlogtemp." + std::to_string(n) +
           "\": No space left on device\n";
  }
  night.add("db-log", log);
  night.add(
      "host",
      "host      db-1\nmemory    2.1 GiB of 7.7 GiB used (27 %), available 5.6 GiB\n"
      "disk      /: 9.1 GiB of 40.0 GiB used (23 %), inodes 4 %\ndisk      /var: 40.0 GiB of 40.0 GiB used (100 %), "
      "inodes 9 %\n");
  night.add("app-log", at(900) + " WARN slow query 12 s\n" + at(20) + " ERROR database unavailable, retrying\n");
  CHECK(
      night.shown() ==
      "db-log: 2026-11-21T09:59:35.000Z PANIC: could not write to file \"pg_wal/xlogtemp.25\": No space left on device "
      "(46 times, never before)\n"
      "host: disk /var: 40.0 GiB of 40.0 GiB used (100 %), inodes 9 %\n"
      "app-log: 2026-11-21T09:59:40.000Z ERROR database unavailable, retrying\n"
      "app-log: 2026-11-21T09:45:00.000Z WARN slow query 12 s\n");
}

TEST_CASE("incident: an expired certificate") {
  Incident night("09:30:10");
  std::string log;
  for (int n = 5000; n > 1800; n -= 40) log += at(n) + " info upstream api.internal answered 200\n";
  for (int n = 1790; n > 0; n -= 10) {
    log += at(n) +
           " error upstream api.internal: tls: failed to verify certificate: x509: certificate has expired or is not "
           "yet valid\n";
    log += at(n) + " error 502 Bad Gateway for /v1/orders\n";
  }
  night.add("gateway-log", log);
  night.add("api-status", "HTTP 503 (the server failed), from 10.0.0.7, text/plain, 12 bytes\n\nunavailable\n");
  night.add("changes", "Changes since 2026-11-20T10:00:00.000Z, newest first: none.\n", Kind::changes);
  CHECK(night.shown() ==
        "gateway-log: 2026-11-21T09:59:50.000Z error upstream api.internal: tls: failed to verify certificate: x509: "
        "certificate has expired or is not yet valid (179 times, never before)\n"
        "gateway-log: 2026-11-21T09:59:50.000Z error 502 Bad Gateway for /v1/orders (179 times, never before)\n"
        "api-status: HTTP 503 (the server failed), from 10.0.0.7, text/plain, 12 bytes\n"
        "api-status: unavailable\n");
}

TEST_CASE("timeline: lines of all exhibits in one order, the worst on top, changes marked") {
  Incident night("09:55:00");
  night.add("a", at(100) + " one\n" + at(50) + " error: three\nno time\n" + at(10) + " panic: five\n");
  night.add("b", at(80) + " two\n" + at(20) + " four\n");
  night.add("changes", "Changes:\n" + at(90) + " file written: /etc/x\n", Kind::changes);
  night.add("plain", "nothing timed\n");
  CHECK(timeline_of(night.exhibits, night.digested) ==
        "Lines of 3 exhibits in the order of their times (!! severe, ! trouble, ~ a change).\n\nThe worst first:\n" +
            at(10) + " !! a: " + at(10) + " panic: five\n" + at(50) + " !  a: " + at(50) + " error: three\n\nAll:\n" +
            at(100) + "    a: " + at(100) + " one\n" + at(90) + " ~  changes: file written: /etc/x\n" + at(80) +
            "    b: " + at(80) + " two\n" + at(50) + " !  a: " + at(50) + " error: three\n" + at(20) +
            "    b: " + at(20) + " four\n" + at(10) + " !! a: " + at(10) + " panic: five\n");
  Incident quiet("09:55:00");
  quiet.add("a", at(100) + " one\n");
  quiet.add("b", "no times\n");
  CHECK(timeline_of(quiet.exhibits, quiet.digested).empty());
  Incident flood("09:55:00");
  std::string many;
  for (int n = 5000; n > 0; --n) many += at(n) + " " + std::string(250, 'x') + "\n";
  flood.add("a", many);
  flood.add("b", at(1) + " the end\n");
  auto const text = timeline_of(flood.exhibits, flood.digested);
  CHECK(text.size() <= kMaxTimelineBytes);
  CHECK(text.find("earlier lines are left out") != std::string::npos);
  CHECK(text.ends_with(" the end\n"));
}

TEST_CASE("timeline: what a caller attached takes no room and no first place from what was collected") {
  auto const attach = [](Incident& night, std::string bytes) {
    night.add("plan", std::move(bytes));
    night.exhibits.back().collector = "attachment";
  };
  Incident night("09:55:00");
  night.add("log", at(20) + " error: refused\n");
  std::string old, future, many;
  for (int n = 0; n < 10; ++n) old += "2000-01-01T00:00:00Z kernel panic\n";
  for (int n = 0; n < 1000; ++n) future += "2099-01-01T00:00:00Z " + std::string(280, 'x') + "\n";
  for (int n = 0; n < 1500; ++n) many += at(5) + " " + std::string(250, 'y') + "\n";
  attach(night, old + future + many.substr(0, 900 * 250));
  night.add("other", many + at(1) + " the end\n");
  auto const text = timeline_of(night.exhibits, night.digested);
  CHECK(text.size() <= kMaxTimelineBytes);
  CHECK(text.find("The worst first:\n" + at(20) + " !  log: ") != std::string::npos);
  CHECK(text.find("2099") == std::string::npos);
  CHECK(text.ends_with(" the end\n"));
  CHECK(text.find("earlier lines are left out)\n(") != std::string::npos);
  CHECK(text.find("lines of what was attached are left out)\n") != std::string::npos);
  Incident quiet("09:55:00");
  quiet.add("log", at(20) + " error: refused\n");
  attach(quiet, future);
  CHECK(timeline_of(quiet.exhibits, quiet.digested).empty());  // it tells no time that anybody could believe
}

TEST_CASE("highlights: a surge needs a time before to compare with") {
  auto const window = window_of(core::Time{}, kNow);
  std::string text;
  for (int n = 500; n > 0; n -= 10) text += at(n) + " worker restarted\n";
  CHECK(candidates_of(text, window).empty());
  text = at(3000) + " worker restarted\n" + text;
  auto const found = candidates_of(text, window);
  REQUIRE(found.size() == 1);
  CHECK(found[0].count == 51);
  CHECK(found[0].surge.ends_with(" × as often as before"));
  std::string even;
  for (int n = 6000; n > 0; n -= 10) even += at(n) + " worker restarted\n";
  CHECK(candidates_of(even, window).empty());
}
