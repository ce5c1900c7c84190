#include "bot/api/openapi.hpp"

#include <cctype>

#include "bot/api/event_room.hpp"
#include "bot/api/routes.hpp"

namespace api {

using core::Json;

namespace {

Json ref(std::string const& kind, std::string const& name) {
  return Json::object({{"$ref", "#/components/" + kind + "/" + name}});
}

Json content(std::string const& type, Json schema) {
  return Json::object({{type, Json::object({{"schema", std::move(schema)}})}});
}

Json answer(std::string const& description, std::string const& schema) {
  return Json::object({{"description", description}, {"content", content("application/json", ref("schemas", schema))}});
}

Json in_words(std::string const& description, std::string const& type) {
  return Json::object({{"description", description}, {"content", content(type, Json::object({{"type", "string"}}))}});
}

// One event of a stream. OpenAPI 3.1 has no word for a sequence of items (3.2 calls it itemSchema).
Json event() {
  auto const text = [](char const* description) {
    return Json::object({{"type", "string"}, {"description", description}});
  };
  return Json::object({{"type", "object"},
                       {"required", Json::array({"id", "event", "data"})},
                       {"properties", Json::object({{"id", text("The ledger's sequence number.")},
                                                    {"event", text("The entry's kind.")},
                                                    {"data", text("JSON: the entry in few words.")}})}});
}

Json takes(std::string const& schema, bool required) {
  return Json::object({{"required", required}, {"content", content("application/json", ref("schemas", schema))}});
}

Json refused(std::string const& description) {
  return Json::object(
      {{"description", description}, {"content", content("application/problem+json", ref("schemas", "Problem"))}});
}

Json not_ready() {
  auto both = content("application/json", ref("schemas", "Readiness"));
  both.set("application/problem+json", Json::object({{"schema", ref("schemas", "Problem")}}));
  return Json::object({{"description", "Not ready, or too much is asked at once."}, {"content", std::move(both)}});
}

struct Operation {
  char const* id;
  char const* summary;
  std::string description;
  Json answers;  // besides those that every route can give
  Json body{};
  Json::Array parameters{};
};

Operation operation_of(Route route) {
  switch (route) {
    case Route::healthz:
      return {"healthz", "Is the process alive?", "Needs no token.",
              Json::object({{"200", answer("It is.", "Health")}})};
    case Route::readyz:
      return {"readyz", "Can it do its work?",
              "200 when the ledger is folded, the runner answers, and each platform has connected and reconciled its "
              "posts or 10 s have passed. Needs no token.",
              Json::object({{"200", answer("Ready.", "Readiness")}, {"503", not_ready()}})};
    case Route::metrics:
      return {"metrics", "Figures for Prometheus", "Text format 0.0.4. Needs no token; tells nothing about requests.",
              Json::object({{"200", in_words("The figures.", "text/plain")}})};
    case Route::openapi:
      return {
          "openapi", "This document", "OpenAPI 3.1. Needs no token.",
          Json::object(
              {{"200", Json::object({{"description", "The document."},
                                     {"content", content("application/json", Json::object({{"type", "object"}}))}})}})};
    case Route::create:
      return {
          "createRequest", "Ask for a runbook to be run",
          "Answers once the request is durable in the ledger; evidence is collected and the message posted after "
          "that. Scope `request`.",
          Json::object(
              {{"202",
                answer("Accepted and on record.", "Accepted")
                    .set("headers",
                         Json::object({{"Location", Json::object({{"description", "Path of the request."},
                                                                  {"required", true},
                                                                  {"schema", Json::object({{"type", "string"}})}})},
                                       {"Idempotency-Replayed",
                                        Json::object({{"description", "true: the request existed already."},
                                                      {"schema", Json::object({{"const", "true"}})}})}}))
                    .set("links",
                         Json::object(
                             {{"read", Json::object({{"operationId", "readRequest"},
                                                     {"parameters", Json::object({{"id", "$response.body#/id"}})}})},
                              {"cancel",
                               Json::object({{"operationId", "cancelRequest"},
                                             {"parameters", Json::object({{"id", "$response.body#/id"}})}})}}))},
               {"403", refused("The token, the policy or the scope does not allow it.")},
               {"409", refused("The idempotency key was used with another body.")},
               {"422", refused("The body can't be used; the detail says why.")}}),
          takes("NewRequest", true)};
    case Route::read:
      return {"readRequest", "How a request stands",
              "Scope `read`: one's own (requester, initiator, or member of an approving group). Scope `read_all`: any. "
              "What is absent and what is forbidden answer alike.",
              Json::object({{"200", answer("The request.", "Request")}})};
    case Route::events:
      return {
          "requestEvents",
          "What happens to a request, as it happens",
          "Server-sent events, one for each ledger entry about the request: `id` is the ledger's sequence number, "
          "`event` the entry's kind, `data` JSON with `id`, `kind`, `at`, `by`, `commit`, `state` (of the request "
          "after it) and, where they changed, `expires_at`, `vote`, `decision`, `needs`, `run` in the words of the "
          "Request. All from the beginning, or those after `Last-Event-ID`. A comment every " +
              std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kHeartbeat).count()) +
              " s shows that the link lives. Ends after the final state; asked again, 204. Whoever reads too slowly "
              "is sent away with a comment and resumes. Rights as for reading, looked at again at each reload.",
          Json::object({{"200", Json::object({{"description", "The events; the schema is that of each."},
                                              {"content", content("text/event-stream", event())}})},
                        {"204", Json::object({{"description", "Everything was told already."}})}}),
          {},
          {Json::object({{"name", "Last-Event-ID"},
                         {"in", "header"},
                         {"required", false},
                         {"description", "The id of the last event that was heard."},
                         {"schema", Json::object({{"type", "string"}, {"pattern", "^[0-9]{1,15}$"}})},
                         {"example", "17"}})}};
    case Route::cancel:
      return {"cancelRequest", "Withdraw a request",
              "Requester, initiator, or a member of an approving group, while it is not approved. Scope `request`.",
              Json::object({{"200", answer("The request, cancelled.", "Request")},
                            {"403", refused("The token's scope does not allow it.")},
                            {"409", refused("It has ended or is running already.")},
                            {"422", refused("The body can't be used; the detail says why.")}}),
              takes("Cancelling", false)};
    case Route::signal:
      return {
          "deliverSignals", "Tell a webhook trigger what happened",
          "The trigger's configuration says what it takes: Alertmanager's payload with the trigger's own bearer token, "
          "or any JSON with an HMAC-SHA256 over the raw body in a header. A source that does not exist and a delivery "
          "that is not its own answer alike. The same delivery again is answered again and counts once.",
          Json::object({{"202", answer("Taken and on record; what became of each signal.", "Delivered")},
                        {"401", refused("No such source, or not sent by it.")},
                        {"415", refused("The body is no JSON.")},
                        {"422", refused("The body can't be used; the detail says why.")},
                        {"429", ref("responses", "TooMany")}}),
          takes("Delivery", true)};
  }
  return {"", "", "", Json()};
}

// What the server and the checks before every handler can answer.
void add_common(RouteRow const& row, Json& answers, bool has_parameters) {
  auto const add = [&](char const* status, char const* name) {
    if (answers[status].is_null()) answers.set(status, ref("responses", name));
  };
  add("400", "BadRequest");
  add("408", "Timeout");
  add("413", "TooLarge");
  add("414", "LongTarget");
  add("417", "Expectation");
  add("431", "LongHeader");
  add("503", "Busy");
  if (has_parameters) add("404", "NotFound");
  if (row.counted) add("429", "TooMany");
  if (row.bearer) add("401", "Unauthorized");
}

Json common_responses() {
  auto const with_header = [](Json answer, std::string const& name, std::string const& what) {
    return answer.set("headers",
                      Json::object({{name, Json::object({{"description", what},
                                                         {"required", true},
                                                         {"schema", Json::object({{"type", "string"}})}})}}));
  };
  return Json::object(
      {{"BadRequest", refused("No HTTP/1.1 request that can be read in one way only, or a header that can't be used.")},
       {"Unauthorized", with_header(refused("No token, or one that nobody has."), "WWW-Authenticate", "Bearer")},
       {"NotFound", refused("Absent or not the caller's to see: the answer is the same.")},
       {"Timeout", refused("The request did not come in time.")},
       {"TooLarge", refused("The body is larger than the route takes.")},
       {"LongTarget", refused("The target is longer than 8 KiB.")},
       {"Expectation", refused("An expectation other than 100-continue.")},
       {"TooMany", with_header(refused("Too many calls by this token."), "Retry-After", "Seconds.")},
       {"LongHeader", refused("More than 100 header fields or 16 KiB of them.")},
       {"Busy", refused("Too much is asked at once, or the ledger can't be written at the moment.")}});
}

std::string lower(std::string_view text) {
  std::string out;
  for (char const c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

Json openapi_document(std::string const& version) {
  Json::Object paths;
  for (auto const& row : routes()) {
    auto operation = operation_of(row.route);
    bool const has_parameter = row.path.find('{') != std::string_view::npos;
    add_common(row, operation.answers, has_parameter);
    Json described = Json::object({{"operationId", operation.id},
                                   {"summary", operation.summary},
                                   {"description", operation.description},
                                   {"responses", std::move(operation.answers)}});
    if (has_parameter) {
      bool const trigger = row.route == Route::signal;
      operation.parameters.insert(operation.parameters.begin(),
                                  Json::object({{"name", trigger ? "source" : "id"},
                                                {"in", "path"},
                                                {"required", true},
                                                {"schema", ref("schemas", trigger ? "Name" : "Id")},
                                                {"example", trigger ? "web-alerts" : "CS-20261121-000042-R1"}}));
    }
    if (!operation.parameters.empty()) described.set("parameters", std::move(operation.parameters));
    if (!operation.body.is_null()) {
      described.set("requestBody", std::move(operation.body));
      described.set("x-max-body-bytes", std::uint64_t{row.max_body});
    }
    described.set("security", row.bearer ? Json::array({Json::object({{"bearer", Json::array()}})}) : Json::array());
    auto& path = paths.try_emplace(std::string(row.path)).first->second;
    path.set(lower(row.method), std::move(described));
  }
  return Json::object(
      {{"openapi", "3.1.0"},
       {"info",
        Json::object({{"title", "Countersign"},
                      {"version", version},
                      {"description",
                       "Ask for runbooks, follow requests. Errors are RFC 9457 problems. Limits: header 16 KiB "
                       "and 100 fields, target 8 KiB, bodies as each operation says, calls a second and token "
                       "as configured (429 with Retry-After); a head must come within 10 s, a body within 20 s."},
                      {"license", Json::object({{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}})}})},
       {"servers", Json::array({Json::object({{"url", "/"}})})},
       {"paths", std::move(paths)},
       {"components",
        Json::object(
            {{"schemas", openapi_schemas()},
             {"responses", common_responses()},
             {"securitySchemes",
              Json::object({{"bearer", Json::object({{"type", "http"},
                                                     {"scheme", "bearer"},
                                                     {"description",
                                                      "A token of a person or robot; the configuration holds its "
                                                      "digest and scopes (request, read, read_all)."}})}})}})}});
}

}  // namespace api
