// What the API's JSON looks like, as JSON Schema. Patterns are ECMA-262's.
#include "bot/api/openapi.hpp"
#include "bot/api/views.hpp"

namespace api {

using core::Json;

namespace {

constexpr char const* kName = R"(^(?!.*\.\.)[a-z0-9][a-z0-9_.-]{0,63}$)";
constexpr char const* kId = "^CS-[0-9]{8}-[0-9]{6,7}-R[1-9][0-9]{0,3}$";

Json text(std::string const& description) { return Json::object({{"type", "string"}, {"description", description}}); }
Json nullable(Json schema) {
  auto const type = schema["type"];
  schema.set("type", Json::array({type, "null"}));
  return schema;
}
Json time(std::string const& description) { return text(description).set("format", "date-time"); }
Json whole(std::int64_t least) { return Json::object({{"type", "integer"}, {"minimum", least}}); }
Json list(Json items) { return Json::object({{"type", "array"}, {"items", std::move(items)}}); }
Json ref(std::string const& name) { return Json::object({{"$ref", "#/components/schemas/" + name}}); }
Json or_null(Json schema) {
  return Json::object({{"anyOf", Json::array({std::move(schema), Json::object({{"type", "null"}})})}});
}

// An object of ours: every member is always there, and no other.
Json closed(Json::Object properties) {
  Json::Array required;
  for (auto const& [name, schema] : properties) required.push_back(name);
  return Json::object({{"type", "object"},
                       {"required", std::move(required)},
                       {"properties", std::move(properties)},
                       {"additionalProperties", false}});
}

Json states() {
  return Json::object({{"type", "string"},
                       {"enum", Json::array({"collecting", "pending", "approved", "running", "succeeded", "failed",
                                             "interrupted", "denied", "expired", "cancelled", "voided"})}});
}

Json id_schema() {
  return text("The request's id: its case and number.")
      .set("pattern", kId)
      .set("examples", Json::array({"CS-20261121-000042-R1"}));
}

Json names_to_values(std::string const& description, Json value) {
  return nullable(Json::object({{"type", "object"},
                                {"description", description},
                                {"propertyNames", Json::object({{"pattern", kName}})},
                                {"additionalProperties", std::move(value)}}));
}

Json new_request() {
  auto const optional_text = [](std::string const& description, std::int64_t most) {
    return nullable(text(description)).set("maxLength", most);
  };
  auto const attachment = Json::object(
      {{"type", "object"},
       {"required", Json::array({"name", "data"})},
       {"additionalProperties", false},
       {"properties",
        Json::object(
            {{"name", text("Its name among the evidence; no two alike.").set("pattern", kName)},
             {"media_type", optional_text("Default: application/octet-stream.", 100)},
             {"data", text("Base64 of text in UTF-8, or in UTF-16 with a byte order mark; what is no text is 422. "
                           "1 MiB decoded, over all attachments.")
                          .set("contentEncoding", "base64")
                          .set("pattern", "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")}})}});
  return Json::object(
      {{"type", "object"},
       {"required", Json::array({"runbook"})},
       {"additionalProperties", false},
       {"properties",
        Json::object(
            {{"runbook", text("Name of a runbook in the configuration.").set("minLength", 1)},
             {"parameters", names_to_values("The runbook's parameters.",
                                            Json::object({{"type", Json::array({"string", "integer"})}}))},
             {"reason",
              optional_text("Why: text without control characters other than newline. The policy says whether "
                            "it may be missing.",
                            2000)},
             {"initiator", optional_text("The person behind a robot's request; only a robot may name one.", 64)},
             {"idempotency_key",
              optional_text("The same key and body from the same caller is the same request, for at least the newest "
                            "18,000 with a key; another body is 409.",
                            200)},
             {"channels", nullable(list(text("Name of a channel."))
                                       .set("description", "Where to post it; default: every channel.")
                                       .set("minItems", 1)
                                       .set("maxItems", 50))},
             {"labels", names_to_values("At most 32 labels.", text("").set("maxLength", 200))},
             {"attachments", nullable(list(attachment).set("maxItems", 20))}})},
       {"examples", Json::array({Json::object({{"runbook", "restart-service"},
                                               {"parameters", Json::object({{"service", "web"}})},
                                               {"reason", "stuck after the deploy"},
                                               {"idempotency_key", "release-42"}})})}});
}

Json need() { return closed({{"group", text("A group of people.")}, {"count", whole(1)}, {"have", whole(0)}}); }

Json vote() {
  return closed(
      {{"person", text("Key of the person.")},
       {"verdict", Json::object({{"type", "string"}, {"enum", Json::array({"approve", "deny", "withdrawn"})}})},
       {"at", time("When it was cast.")},
       {"platform", text("Where: slack, teams or matrix.")}});
}

Json decision() {
  return closed(
      {{"verdict", Json::object({{"type", "string"},
                                 {"enum", Json::array({"approved", "denied", "expired", "cancelled", "voided"})}})},
       {"by", list(text("Key of a person or robot, or countersign.")).set("minItems", 1)},
       {"at", time("When it was decided.")},
       {"reason", text("In words; may be empty.")}});
}

Json run() {
  return closed(
      {{"state", states()},
       {"cause",
        nullable(text("Why it did not succeed: exit, signal, timeout, spawn, refused_by_runner, not_started, crash."))},
       {"exit_code", Json::object({{"type", Json::array({"integer", "null"})}})},
       {"started_at", nullable(time("When the run was recorded as started."))},
       {"finished_at", nullable(time("When its end was recorded."))}});
}

// In place of Run while an approved request waits for its turn.
Json waiting() {
  return closed(
      {{"state", Json::object({{"const", "waiting"}})},
       {"position", whole(1).set("description", "1: it is next.")},
       {"behind", nullable(text("Id of the request whose run holds the same target; null: as many runs as may be "
                                "are under way."))}});
}

Json request() {
  return closed(
      {{"id", id_schema()},
       {"case", text("Id of the case.")},
       {"state", states()},
       {"url", text("Path of this request.")},
       {"runbook", text("Name of the runbook.")},
       {"requester", text("Key of the person or robot, or trigger:NAME.")},
       {"initiator", nullable(text("The person behind a robot's request."))},
       {"reason", text("Why, as asked.")},
       {"parameters", Json::object({{"type", "object"}, {"additionalProperties", text("")}})},
       {"needs", list(ref("Need"))},
       {"votes", list(ref("Vote"))},
       {"binding", nullable(text("Digest of everything that is approved; null while evidence is collected."))},
       {"expires_at", nullable(time("Nothing is approved after it; null while evidence is collected."))},
       {"decision", or_null(ref("Decision"))},
       {"run", Json::object({{"anyOf", Json::array({ref("Run"), ref("Waiting"), Json::object({{"type", "null"}})})}})},
       {"ledger_path", text("The request's folder in the ledger.")},
       {"commit", nullable(text("The ledger's commit that decided or ended it, once known."))}});
}

}  // namespace

Json openapi_schemas() {
  Json::Object schemas;
  schemas.emplace("Id", id_schema());
  schemas.emplace("NewRequest", new_request());
  schemas.emplace("Accepted", closed({{"id", id_schema()},
                                      {"case", text("Id of the case.")},
                                      {"state", Json::object({{"const", "collecting"}})},
                                      {"url", text("Where to ask how it is.")}}));
  schemas.emplace(
      "Cancelling",
      Json::object({{"type", "object"},
                    {"properties", Json::object({{"reason", nullable(text("Why.")).set("maxLength", 2000)}})},
                    {"additionalProperties", false},
                    {"examples", Json::array({Json::object({{"reason", "not needed any more"}})})}}));
  schemas.emplace("Name", text("A name of the configuration.").set("pattern", kName));
  schemas.emplace("Delivery", Json::object({{"type", Json::array({"object", "array"})},
                                            {"description",
                                             "Whatever the source sends: Alertmanager an object, a source of the "
                                             "format json either; see config/README.md."}}));
  schemas.emplace(
      "Delivered",
      closed({{"source", text("The trigger.")},
              {"signals", list(Json::object({{"type", "object"},
                                             {"required", Json::array({"became"})},
                                             {"properties", Json::object({{"became", text("What became of it.")},
                                                                          {"why", text("Why no case.")},
                                                                          {"case", text("Id of its case.")}})},
                                             {"additionalProperties", false}}))}}));
  schemas.emplace("Need", need());
  schemas.emplace("Vote", vote());
  schemas.emplace("Decision", decision());
  schemas.emplace("Run", run());
  schemas.emplace("Waiting", waiting());
  schemas.emplace("Request", request());
  schemas.emplace("Health", closed({{"status", Json::object({{"const", "ok"}})}}));
  schemas.emplace(
      "Readiness",
      closed(
          {{"ready", Json::object({{"type", "boolean"}})},
           {"ledger", Json::object({{"type", "string"}, {"enum", Json::array({"writable", "not writable"})}})},
           {"platforms",
            Json::object({{"type", "object"},
                          {"additionalProperties",
                           Json::object({{"type", "string"},
                                         {"enum", Json::array({"connected", "not connected", "locked out"})}})}})}}));
  schemas.emplace("Problem", closed({{"type", Json::object({{"const", "about:blank"}})},
                                     {"title", text("The status in words.")},
                                     {"status", whole(400)},
                                     {"detail", text("What is wrong and the way out, for people.")}}));
  return Json(std::move(schemas));
}

}  // namespace api
