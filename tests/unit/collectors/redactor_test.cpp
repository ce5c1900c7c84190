#include "collectors/redactor.hpp"

#include <cstdio>
#include <ctime>

#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"

using collectors::Redactor;

namespace {

Redactor const& redactor() {
  static auto const made = Redactor::make().value();
  return *made;
}

std::string redacted(std::string text) {
  redactor().redact(text);
  return text;
}

// Test secrets are put together at run time, so that no scanner of this repository's host trips over them.
std::string const kX20 = "aB3dE5gH7jK9mN1pQ3sT";
std::string const kX40 = kX20 + kX20;

}  // namespace

TEST_CASE("T32 redactor: each kind of secret is blanked and what surrounds it stays") {
  struct Case {
    char const* kind;
    std::string text, expected;
  };
  std::string const aws = "AKIA" + std::string("IOSFODNN7EXAMPLE");
  std::vector<Case> const cases{
      {"aws-access-key-id", "key " + aws + " used", "key [redacted] used"},
      {"assignment", "aws_secret_access_key = " + kX40, "aws_secret_access_key = [redacted]"},
      {"assignment", "AWS_SECRET_ACCESS_KEY=" + kX40 + " ./deploy", "AWS_SECRET_ACCESS_KEY=[redacted] ./deploy"},
      {"slack-token", "using xoxb-" + kX20 + " now", "using [redacted] now"},
      {"slack-token", "xoxe.xoxp-1-" + kX40, "[redacted]"},
      {"slack-token", "(xoxp-1234567890-" + kX20 + ")", "([redacted])"},
      {"slack-app-token", "app xapp-1-A012-" + kX20 + ".", "app [redacted]."},
      {"url-ticket", "wss://wss-primary.slack.com/link/?ticket=1b2c3d4e-5f&app_id=A1",
       "wss://wss-primary.slack.com/link/?ticket=[redacted]&app_id=A1"},
      {"url-ticket", R"({"url":"wss:\/\/wss.slack.com\/link\/?ticket=1b2c3d&app_id=2"})",
       R"({"url":"wss:\/\/wss.slack.com\/link\/?ticket=[redacted]&app_id=2"})"},
      {"slack-hook", "POST https://hooks.slack.com/services/T000/B000/XXXX failed",
       "POST https://hooks.slack.com/[redacted] failed"},
      {"slack-hook", R"("response_url":"https:\/\/hooks.slack.com\/actions\/T0\/123\/abc")",
       R"("response_url":"https:\/\/hooks.slack.com\/[redacted]")"},
      {"slack-hook", "<https://hooks.slack.com/commands/T0/1/abc>", "<https://hooks.slack.com/[redacted]>"},
      {"github-token", "remote: ghp_" + kX40 + " bad", "remote: [redacted] bad"},
      {"github-token", "github_pat_" + kX40, "[redacted]"},
      {"gitlab-token", "glpat-" + kX20, "[redacted]"},
      {"jwt", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl, refused", "got [redacted], refused"},
      {"bearer", "curl -H 'X: Bearer " + kX40 + "'", "curl -H 'X: Bearer [redacted]'"},
      {"authorization", "> Authorization: Bearer abc.def", "> Authorization: Bearer [redacted]"},
      {"authorization", R"({"Authorization": "Basic dXNlcjpwYXNz", "a": 1})",
       R"({"Authorization": "Basic [redacted]", "a": 1})"},
      {"authorization", "proxy-authorization: sometoken", "proxy-authorization: [redacted]"},
      {"authorization", R"(Authorization: Digest username="bob", response="abc")",
       R"(Authorization: Digest [redacted])"},
      {"basic", "sent Basic dXNlcjpwYXNzd29yZA== twice", "sent Basic [redacted] twice"},
      {"url-password", "git clone https://bob:hunter2@git.example.org/x.git",
       "git clone https://bob:[redacted]@git.example.org/x.git"},
      {"url-user-token", "https://" + kX20 + "@git.example.org/x", "https://[redacted]@git.example.org/x"},
      {"connection-string", "postgres://app:p/w@db:5432/app?sslmode=require",
       "postgres://app:[redacted]@db:5432/app?sslmode=require"},
      {"url-password", "redis://:s3cret@cache:6379/0", "redis://:[redacted]@cache:6379/0"},
      {"assignment", "Server=db;User Id=sa;Password=Pa55!;Database=app;",
       "Server=db;User Id=sa;Password=[redacted];Database=app;"},
      {"assignment", "AccountName=x;AccountKey=" + kX40 + "==;EndpointSuffix=core",
       "AccountName=x;AccountKey=[redacted];EndpointSuffix=core"},
      {"assignment", "password=hunter2", "password=[redacted]"},
      {"assignment", "password = hunter2 # local", "password = [redacted] # local"},
      {"assignment", "DB_PASSWORD: 'it''s'", "DB_PASSWORD: '[redacted]''s'"},
      {"assignment", R"("client_secret":"a\"b c","next":1)", R"("client_secret":"[redacted]","next":1)"},
      {"assignment", R"({\"password\":\"hunter2\",\"user\":\"bob\"})",
       R"({\"password\":\"[redacted]\",\"user\":\"bob\"})"},
      {"assignment", "x-api-key: 0123456789", "x-api-key: [redacted]"},
      {"assignment", "apiKey => 'abc'", "apiKey => '[redacted]'"},
      {"assignment", "{user: bob, passwd: abc, host: x}", "{user: bob, passwd: [redacted], host: x}"},
      {"assignment", "GET /x?token=abc&user=3 HTTP/1.1", "GET /x?token=[redacted]&user=3 HTTP/1.1"},
      {"assignment", "q=1&password%3Dhunter2", "q=1&password%3D[redacted]"},
      {"assignment", "<password>hunter2</password>", "<password>[redacted]</password>"},
      {"assignment", "\x1b[1mpassword\x1b[0m=\x1b[31mhunter2", "\x1b[1mpassword\x1b[0m=\x1b[31m[redacted]"},
      {"assignment", R"("secrets_token": ["a", "b"], "c": 1)", R"("secrets_token": [redacted], "c": 1)"},
      {"assignment", R"(token="cut off right he)", R"(token="[redacted])"},
      {"assignment-pwd", "Uid=sa;Pwd=abc;", "Uid=sa;Pwd=[redacted];"},
      {"command-option", "deploy --token abc --force", "deploy --token [redacted] --force"},
      {"command-option", "mysql --password 'a b' db", "mysql --password '[redacted] b' db"},
      {"user-option", "curl -u bob:hunter2 https://x", "curl -u bob:[redacted] https://x"},
      {"netrc", "machine h login bob password hunter2", "machine h login bob password [redacted]"},
      {"google-key", "AIza" + kX40, "[redacted]"},
      {"stripe-key", "sk_live_" + kX20, "[redacted]"},
      {"npm-token", "//registry.example.org/:x=npm_" + kX40, "//registry.example.org/:x=[redacted]"},
      {"matrix-token", "syt_Ym9i_" + kX20 + "_0abc", "[redacted]"},
      {"vault-token", "hvs." + kX40, "[redacted]"},
      {"password-hash", "root:$6$saltsalt$" + kX40 + kX40 + ":19000:0", "root:[redacted]:19000:0"},
      {"cookie", "Set-Cookie: sid=abc; Path=/; HttpOnly", "Set-Cookie: [redacted]"},
      {"cookie", R"(-H "Cookie: a=b; c=d" -v)", R"(-H "Cookie: [redacted]" -v)"},
      {"cookie", "cookie=abc status=500", "cookie=[redacted] status=500"},
      {"private-key-base64", "tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUU=", "tls.key: [redacted]"},
  };
  for (auto const& test : cases) {
    CAPTURE(test.text);
    auto text = test.text;
    std::map<std::string, std::uint32_t> by_kind;
    auto const count = redactor().redact(text, by_kind);
    CHECK(text == test.expected);
    CHECK(count >= 1);
    CHECK(by_kind.contains(test.kind));
    CHECK(redactor().redact(text) == 0);
    CHECK(text == test.expected);
  }
}

TEST_CASE("redactor: what is no secret stays") {
  for (std::string const text : {
           "Failed password for root from 10.0.0.1 port 22 ssh2",
           "password authentication failed for user \"app\"",
           "Enter password: ",
           "max_tokens=100 token_count: 7 tokens: 12",
           "the token expired at 10:15",
           "secret santa: everybody",
           "PWD=/home/bob OLDPWD=/tmp",
           "password: ******** token: null secret=${SECRET} api_key={{key}}",
           "SyntaxError: Unexpected token: }",
           "bearer of bad news; basic understanding; Basic internationalization",
           "commit 4f2c1d0b9a8e7f6d5c4b3a291807f6e5d4c3b2a1",
           "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
           "http://127.0.0.1:8081/healthz and https://example.org:8443/a@b",
           "12:30:45 connect to bob@example.org:22",
           "docker run -u 1000:1000 img; date -u 10:20",
           "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----\n",
           "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=",
           "\"token\": {\"kind\": \"none\"}",
           "xox and xoxo hugs; AKIA is a prefix; eyJ too",
           "SELECT * FROM passwords WHERE id = 5",
           "keyboard: ok, monkey: banana, primary_key=42, foreign key: x",
       }) {
    CAPTURE(text);
    CHECK(redacted(text) == text);
  }
}

TEST_CASE("redactor: private key blocks, whole, cut at either end, and merely mentioned") {
  std::string const label = "PRIVATE KEY-----";
  std::string const body = kX40 + kX20 + "\n" + kX40 + kX20 + "\n" + kX20 + "==\n";
  std::string const block = "-----BEGIN " + label + "\n" + body + "-----END " + label;
  CHECK(redacted("a\n" + block + "\nb\n") == "a\n[redacted]\nb\n");
  CHECK(redacted("-----BEGIN OPENSSH " + label + "\n" + body + "-----END OPENSSH " + label + "\nb") == "[redacted]\nb");
  CHECK(redacted("-----BEGIN RSA " + label + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + body +
                 "-----END RSA " + label + "\n" + block) == "[redacted]\n[redacted]");
  CHECK(redacted("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + body + "-----END PGP PRIVATE KEY BLOCK-----") ==
        "[redacted]");
  CHECK(redacted("{\"x\": \"-----BEGIN " + label + "\\n" + kX40 + "\\n-----END " + label + "\\n\"}") ==
        "{\"x\": \"[redacted]\\n\"}");
  CHECK(redacted("log\n-----BEGIN " + label + "\n" + body + body) == "log\n[redacted]");  // end cut off
  CHECK(redacted("log\n-----BEGIN " + label + "\nMII") == "log\n[redacted]");             // right away
  CHECK(redacted(body + "-----END " + label + "\nlog\n") == "[redacted]\nlog\n");         // beginning cut off
  std::string const mention = "expected '-----BEGIN " + label + "' in line 1\n";
  std::string const lines = "some other line that says nothing in particular\n";
  CHECK(redacted(mention + lines + lines + lines + lines + lines) ==
        "expected '[redacted]' in line 1\n" + lines + lines + lines + lines + lines);
  CHECK(redacted(mention + lines + block + "\n" + lines) ==
        "expected '[redacted]' in line 1\n" + lines + "[redacted]\n" + lines);
}

TEST_CASE("redactor: patterns of the configuration") {
  auto const own = Redactor::make({{"badge", "BADGE-[0-9]{4}"}, {"pin", "pin (\\d+) end"}}).value();
  std::string text = "BADGE-1234 and pin 99 end";
  std::map<std::string, std::uint32_t> by_kind;
  CHECK(own->redact(text, by_kind) == 2);
  CHECK(text == "[redacted] and pin [redacted] end");
  CHECK(by_kind == std::map<std::string, std::uint32_t>{{"badge", 1}, {"pin", 1}});
  for (auto const& bad :
       {collectors::SecretPattern{"a", "("}, collectors::SecretPattern{"a", "x*"},
        collectors::SecretPattern{"A b", "x"}, collectors::SecretPattern{"a", ""},
        collectors::SecretPattern{"a", std::string(2000, 'x')}, collectors::SecretPattern{"a", "(?:x{1000}){1000}"}}) {
    CAPTURE(bad.expression.substr(0, 20));
    CHECK(Redactor::make({bad}).has_error());
  }
}

TEST_CASE("T66 redactor: time is linear in the text, also for one line of MiBs made to be slow") {
  std::string const log =
      "2026-11-21T10:15:30.250Z web[812]: GET /healthz 500 upstream refused, trace=4f2c1d0b9a8e7f6d level=error\n";
  auto const repeat = [](std::string const& unit, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += unit;
    return text;
  };
  struct Case {
    char const* name;
    std::string unit;
  };
  for (auto const& test :
       {Case{"log", log}, Case{"a", "a"}, Case{"://a:", "://a:"}, Case{"password=", "password="},
        Case{"password= x", "password= x "}, Case{"token:\"", "token:\""}, Case{"eyJ", "eyJaaaaaaaaa."},
        Case{"--token", " --token"}, Case{"BEGIN", "-----BEGIN PRIVATE KEY-----"},
        Case{"END", "aaaa-----END PRIVATE KEY-----"}, Case{"authorization", "authorization:\""},
        Case{"cookie", "cookie: ;"}, Case{"login", "login a password "}, Case{"?sig=", "?sig=a"}, Case{"blanks", " "},
        Case{"token blanks", "token                    "}, Case{"colours", "token=\x1b[0m"},
        Case{"backslashes", "token=\\"}}) {
    auto const time_of = [&](std::size_t bytes) {
      auto text = repeat(test.unit, bytes);
      auto const began = std::clock();  // processor time: others on this machine don't count
      redactor().redact(text);
      return static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    };
    time_of(64 << 10);  // fills the automaton's cache
    auto const small = time_of(256 << 10);
    auto const large = time_of(2 << 20);
    INFO(test.name << ": " << 2.0 / large << " MiB/s");
    std::printf("redactor %-16s %8.1f MiB/s\n", test.name, 2.0 / large);
    // 8 times the text takes 8 times as long; quadratic would be 64 times. Noise: 3 x, and 50 ms.
    CHECK(large <= small * 24 + 0.05);
    CHECK(large < 10);
  }
}
