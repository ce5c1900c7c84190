// The OpenAPI document says what the table of routes says, and nothing else.
#include "bot/api/routes.hpp"

#include <set>

#include "bot/api/answers.hpp"
#include "bot/api/openapi.hpp"
#include "bot/api/rate.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"

namespace {

using core::Json;

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Every "$ref" in the document leads somewhere.
void check_refs(Json const& document, Json const& at) {
  if (auto const* object = at.if_object()) {
    for (auto const& [key, value] : *object) {
      if (key == "$ref") {
        auto const path = value.text();
        REQUIRE(path.starts_with("#/components/"));
        auto const rest = path.substr(std::string("#/components/").size());
        auto const slash = rest.find('/');
        CAPTURE(path);
        CHECK_FALSE(document["components"][rest.substr(0, slash)][rest.substr(slash + 1)].is_null());
      }
      check_refs(document, value);
    }
  }
  if (auto const* array = at.if_array()) {
    for (auto const& item : *array) check_refs(document, item);
  }
}

}  // namespace

TEST_CASE("openapi: the document has every route and no other") {
  auto const document = api::openapi_document("1.2.3");
  std::set<std::string> routes, described, ids;
  for (auto const& row : api::routes()) routes.insert(lower(std::string(row.method)) + " " + std::string(row.path));
  auto const* paths = document["paths"].if_object();
  REQUIRE(paths);
  for (auto const& [path, operations] : *paths) {
    for (auto const& [method, operation] : *operations.if_object()) {
      described.insert(method + " " + path);
      CAPTURE(method, path);
      CHECK(ids.insert(operation["operationId"].text()).second);
      CHECK_FALSE(operation["summary"].text().empty());
      CHECK_FALSE(operation["description"].text().empty());
      CHECK(operation["responses"].if_object()->size() > 5);
    }
  }
  CHECK(described == routes);
  CHECK(document["openapi"].text() == "3.1.0");
  CHECK(document["info"]["version"].text() == "1.2.3");
  check_refs(document, document);
}

TEST_CASE("routes: templates take one whole segment, GET serves HEAD, other methods are told which would do") {
  CHECK(api::match("GET", "/v1/requests/CS-1").parameter == "CS-1");
  CHECK(api::match("HEAD", "/healthz").row);
  CHECK(api::match("GET", "/v1/requests/x/events").row->route == api::Route::events);
  CHECK(api::match("POST", "/v1/requests/x/cancel").row->route == api::Route::cancel);
  for (auto const* path : {"/", "", "/v1", "/v1/requests/", "/v1/requests//events", "/v1/requests/x/",
                           "/v1/requests/x/y", "/v1/requests/x/cancel/y", "/healthz/", "//healthz", "/HEALTHZ"}) {
    CAPTURE(path);
    auto const found = api::match("GET", path);
    CHECK_FALSE(found.row);
    CHECK(found.allowed.empty());
  }
  CHECK(api::match("DELETE", "/v1/requests").allowed == "POST");
  CHECK(api::match("OPTIONS", "/v1/requests/x").allowed == "GET");
  CHECK(api::match("get", "/healthz").allowed == "GET");
}

TEST_CASE("rate: so many a second and a burst, each caller alone, in bounded memory") {
  api::RateLimit rate(10);
  core::Time now{};
  for (int i = 0; i < 20; ++i) CHECK(rate.take("a", now) == 0);
  CHECK(rate.take("a", now) == 1);
  CHECK(rate.take("b", now) == 0);
  now += std::chrono::milliseconds(100);
  CHECK(rate.take("a", now) == 0);
  CHECK(rate.take("a", now) == 1);
  now -= std::chrono::seconds(5);  // a clock that was set back gives nothing
  CHECK(rate.take("a", now) == 1);
  for (int i = 0; i < 30'000; ++i) {
    now += std::chrono::milliseconds(1);
    rate.take("c" + std::to_string(i), now);
  }
  CHECK(rate.callers() <= api::RateLimit::kMaxCallers);
  api::RateLimit shared(1);
  for (int i = 0; i < 5; ++i) {
    CHECK(shared.take("a", now) == 0);
    shared.give_back("a");
  }
  for (int i = 0; i < 5; ++i) shared.give_back("a");  // no more than there was
  CHECK(shared.take("a", now) + shared.take("a", now) == 0);
  CHECK(shared.take("a", now) == 1);
  shared.give_back("nobody");
  CHECK(shared.callers() == 1);
  api::RateLimit slow(1);
  slow.take("x", {});
  slow.take("x", {});
  CHECK(slow.take("x", {}) == 1);
}

TEST_CASE("T70 the server's own refusals are problems that reveal nothing") {
  for (unsigned const status : {400U, 408U, 413U, 414U, 417U, 431U, 500U, 503U}) {
    auto const response = api::refusal(status);
    auto const body = core::parse_json(response.body);
    REQUIRE(body);
    CHECK(response.status == status);
    CHECK((*body)["status"].integer() == status);
    CHECK(body->if_object()->size() == 4);
    CHECK(response.header("content-type") == "application/problem+json");
    CHECK_FALSE(response.header("server"));
  }
}
