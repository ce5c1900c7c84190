// Who may send to a webhook: secrets, signatures and tokens, times, and what was captured and is sent again.
#include <random>

#include "tests/unit/triggers/webhook_house.hpp"

using namespace triggers_test;

TEST_CASE("T8 webhook: each byte of 100 good requests changed, none is let in") {
  WebhookAuth const auth{.secret = kSecret, .timestamp_header = "X-Time"};
  std::mt19937 random(5);
  auto const stamp = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count());
  std::size_t tried = 0;
  for (int n = 0; n < 100; ++n) {
    std::string body = R"({"state":"down","n":)" + std::to_string(n) + R"(,"pad":")";
    for (auto i = random() % 60; i > 0; --i) body += static_cast<char>('a' + random() % 26);
    body += "\"}";
    auto const signature = "sha256=" + support::hmac_sha256_hex(kSecret, stamp + "." + body);
    auto const good = [&](std::string const& with, std::string const& by, std::string const& when) {
      return authentic(auth, {{"X-Time", when}, {"x-hub-signature-256", by}}, with, kNow);
    };
    REQUIRE(good(body, signature, stamp));
    auto const change = [&](std::string const& text, auto const& still) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        auto bad = text;
        bad[i] = static_cast<char>(bad[i] ^ static_cast<char>(1u << (random() % 8)));
        // Hex digits are read in either case: that is the same signature.
        bool const same_digit = (bad[i] ^ text[i]) == 0x20 && text[i] >= 'a' && text[i] <= 'f';
        if (!same_digit && still(bad)) FAIL("byte " << i << " of " << text);
        ++tried;
      }
    };
    change(body, [&](std::string const& bad) { return good(bad, signature, stamp); });
    change(signature, [&](std::string const& bad) { return good(body, bad, stamp); });
    change(stamp, [&](std::string const& bad) { return good(body, signature, bad); });
    CHECK_FALSE(good(body + " ", signature, stamp));
    CHECK_FALSE(good(body.substr(1), signature, stamp));
  }
  CHECK(tried > 10'000);
}

TEST_CASE("T8 T12 webhook: no header, two headers, another time, another secret: not let in") {
  WebhookAuth auth{.secret = kSecret};
  std::string const body = "{}";
  auto const signature = "sha256=" + support::hmac_sha256_hex(kSecret, body);
  CHECK(authentic(auth, {{"X-Hub-Signature-256", signature}}, body, kNow));
  CHECK_FALSE(authentic(auth, {}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", ""}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature.substr(7)}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature}, {"x-hub-signature-256", signature}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", "sha256=" + support::hmac_sha256_hex("another secret!!", body)}},
                        body, kNow));
  CHECK_FALSE(authentic({}, {{"X-Hub-Signature-256", "sha256=" + support::hmac_sha256_hex("", body)}}, body,
                        kNow));  // no secret at all
  auth.timestamp_header = "X-Time";
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count();
  for (auto const& [off, fine] : {std::pair{0, true}, {300, true}, {-300, true}, {301, false}, {-301, false}}) {
    auto const stamp = std::to_string(seconds + off);
    CHECK(authentic(auth,
                    {{"X-Time", stamp},
                     {"X-Hub-Signature-256", "sha256=" + support::hmac_sha256_hex(kSecret, stamp + "." + body)}},
                    body, kNow) == fine);
  }
  for (auto const* stamp : {"", "now", "1e9", " 1", "-5", "99999999999999"})
    CHECK_FALSE(authentic(
        auth,
        {{"X-Time", stamp},
         {"X-Hub-Signature-256", "sha256=" + support::hmac_sha256_hex(kSecret, std::string(stamp) + "." + body)}},
        body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature}}, body, kNow));  // without the time
}

TEST_CASE("T45 webhook: a bearer token is compared by its digest, in constant time") {
  WebhookAuth const auth{.token_sha256 = core::sha256_hex(kToken)};
  for (auto const* scheme : {"Bearer ", "bearer ", "BEARER "})  // RFC 9110, section 11.1
    CHECK(authentic(auth, {{"authorization", scheme + kToken}}, "", kNow));
  for (auto const& bad : {std::string("Bearer "), "Bearer" + kToken, "Bearer  " + kToken, "Bearer " + kToken + " ",
                          "Bearer " + kToken.substr(1), "Basic " + kToken, "Bearer " + core::sha256_hex(kToken),
                          "Bearer " + std::string(100'000, 'x')})
    CHECK_FALSE(authentic(auth, {{"authorization", bad}}, "", kNow));
  CHECK_FALSE(authentic(auth, {{"authorization", "Bearer " + kToken}, {"Authorization", "Bearer x"}}, "", kNow));
  // The comparison itself is OpenSSL's (core::equal_in_constant_time): no early end that a clock could see.
}

TEST_CASE("T8 a secret that nobody should rely on is refused, and never quoted") {
  for (auto const* weak : {"",
                           "short",
                           "fifteen-bytes-x",
                           "changeme-changeme",
                           "replace-with-a-strong-secret",
                           "please-change-this-webhook-secret",
                           "my-webhook-secret-1",
                           "aaaaaaaaaaaaaaaaaaaaaaaa",
                           "1234567812345678",
                           "1234567890123456",
                           "ExamplePassword1234",
                           "abababababababababab",
                           "your-webhook-token-here",
                           "secret-token-webhook-password",
                           "webhook-secret-aaaaaaaaaaaaaaaaaaaaaaaa",
                           "secrsecretet-0123-4567-abc",
                           "ReplaceMeWithALongRandomString!!",
                           "your-webhook-shared-secret-goes-right-here",
                           "REPLACE-ME-0123456789abcdef0123456789",
                           "0123456789abcdef-Change_Me-0123456789",
                           "insert-48-random-characters-of-yours-in-this-place",
                           "this_is_a_Placeholder_0123456789abcdef"}) {
    auto const why = why_weak_secret(weak);
    CAPTURE(weak);
    REQUIRE(why);
    if (std::string_view(weak).size() > 9) CHECK(why->find(weak) == std::string::npos);
  }
  CHECK_FALSE(why_weak_secret(kSecret));
  CHECK_FALSE(why_weak_secret("kR9v-wq2LmN8-zzT1pXe"));
  // Words beside a secret take nothing from it.
  CHECK_FALSE(why_weak_secret("webhook-secret-0123456789abcdef0123"));
  CHECK_FALSE(why_weak_secret("prod_webhook_token:9f3c1e7ab25d48f6c0e1"));
}

TEST_CASE("T8 random secrets are good ones, in whatever alphabet they are written") {
  std::mt19937 random(11);
  for (std::string_view const alphabet : {"0123456789abcdef", "abcdefghijklmnopqrstuvwxyz234567",
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}) {
    for (int n = 0; n < 3'000; ++n) {
      std::string secret;
      for (int i = 0; i < 43; ++i) secret += alphabet[random() % alphabet.size()];
      if (auto const why = why_weak_secret(secret)) FAIL_CHECK(secret << " " << *why);
    }
  }
}

TEST_CASE("T44 T71 webhook: no such source and a wrong sender are answered alike, and are on record") {
  House house;
  auto wrong = house.alerts(payload({alert("aa", "firing")}));
  wrong.headers[0].second = "Bearer wrong";
  auto absent = house.alerts(payload({alert("aa", "firing")}));
  absent.source = "nowhere\x1b[2J";
  auto const first = house.answer(wrong), second = house.answer(absent);
  CHECK(first.status == 401);
  CHECK(second.status == 401);
  CHECK(first.detail == second.detail);
  REQUIRE(house.desk.refusals.size() == 2);
  CHECK(house.desk.refusals[0].reason.find("web-down") != std::string::npos);
  CHECK(house.desk.refusals[1].reason.find('\x1b') == std::string::npos);
  CHECK(house.cases() == 0);
}

TEST_CASE("F11 webhook: after the host's clock was set back, a time that is signed now is believed") {
  House house(WebhookForm::Kind::json);
  house.settings.auth.timestamp_header = "X-Time";
  house.start();
  house.loop.lead = 2h;
  auto const body = R"({"state": "down", "host": {"name": "web-1"}})";
  auto const signed_at = [&](core::Time time, std::string const& id) {
    auto delivery = house.json(body, id);
    auto const stamp = std::to_string(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    delivery.headers[0].second = "sha256=" + support::hmac_sha256_hex(kSecret, stamp + "." + body);
    delivery.headers.emplace_back("X-Time", stamp);
    return house.answer(delivery).status;
  };
  CHECK(signed_at(house.loop.now(), "d-1") == 401);
  CHECK(signed_at(house.loop.wall(), "d-2") == 202);
}

TEST_CASE("T12 webhook: a captured delivery is known by its signature, whatever name it is given") {
  House house(WebhookForm::Kind::json);
  auto const body = R"({"state": "down", "host": {"name": "web-1"}, "at": 1})";
  auto const first = house.answer(house.json(body, "d-1"));
  CHECK(became(first) == "opened");
  CHECK(first.news);
  CHECK(became(house.answer(house.json(R"({"state": "up", "host": {"name": "web-1"}, "at": 2})", "d-2"))) ==
        "recovered");
  house.loop.advance(1h);
  auto replayed = house.json(body, "d-3");
  CHECK_FALSE(house.answer(replayed).news);  // so whoever caught it is bounded as a stranger is
  CHECK(core::dump(house.answer(replayed).body) == core::dump(first.body));
  for (auto& c : replayed.headers[0].second.erase(0, 7)) c = static_cast<char>(std::toupper(c));
  replayed.headers[0].second.insert(0, "sha256=");
  CHECK(core::dump(house.answer(replayed).body) == core::dump(first.body));
  CHECK(house.held.total() == 3);  // and people hear of it: a sender may say the same twice
  house.restart();
  CHECK(core::dump(house.answer(house.json(body, "d-4")).body) == core::dump(first.body));
  CHECK(house.cases() == 1);
  auto both = house.give(house.json(R"({"state": "down", "host": {"name": "b"}})", "d-5"));
  auto same = house.give(house.json(R"({"state": "down", "host": {"name": "b"}})", "d-6"));
  house.loop.run_posted();
  CHECK(core::dump(both->at(0).body) == core::dump(same->at(0).body));
  CHECK(both->at(0).news);
  CHECK_FALSE(same->at(0).news);
  CHECK(house.desk.fired.size() == 2);
}
