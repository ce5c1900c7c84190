#include "config/keys.hpp"

#include <array>

namespace config {

namespace {

constexpr bool kRequired = true;
constexpr bool kLater = true;

constexpr Key kRoot[] = {{"version", kRequired},
                         {"people", kRequired},
                         {"robots"},
                         {"groups"},
                         {"chat"},
                         {"channels"},
                         {"collectors"},
                         {"evidence"},
                         {"triggers"},
                         {"runbooks"},
                         {"policies"},
                         {"ledger", kRequired},
                         {"state"},
                         {"sandbox"},
                         {"api"},
                         {"redact"}};
constexpr Key kPerson[] = {{"name"},  {"email"},  {"groups"},       {"slack"},
                           {"teams"}, {"matrix"}, {"token_sha256"}, {"scopes"}};
constexpr Key kRobot[] = {{"groups", kRequired}, {"token_sha256", kRequired}, {"scopes"}};
constexpr Key kGroup[] = {{"slack_usergroup", kRequired}};
constexpr Key kChat[] = {{"slack"}, {"teams"}, {"matrix"}};
constexpr Key kSlack[] = {
    {"workspace", kRequired}, {"api_url"}, {"app_token", kRequired}, {"bot_token", kRequired}, {"connections"}};
constexpr Key kTeams[] = {{"tenant", kRequired},
                          {"app_id", kRequired},
                          {"app_secret", kRequired},
                          {"service_url"},
                          {"login_url"},
                          {"openid_url"},
                          {"issuer"},
                          {"relay"},
                          {"endpoint"}};
constexpr Key kTeamsRelay[] = {
    {"url", kRequired}, {"path", kRequired}, {"key_name", kRequired}, {"key", kRequired}, {"listeners"}};
constexpr Key kTeamsEndpoint[] = {{"listen"}, {"certificate"}, {"key"}};
constexpr Key kMatrix[] = {
    {"homeserver", kRequired},
    {"transport", kRequired, false,
     "sync works with any homeserver and an ordinary account; websocket needs an application service registration on "
     "the homeserver and mautrix-wsproxy beside it"},
    {"user", kRequired},
    {"access_token"},
    {"password"},
    {"device_id"},
    {"short_lived_tokens"},
    {"as_token"},
    {"proxy"}};
constexpr Key kChannel[] = {{"slack"}, {"teams"}, {"matrix"}};
constexpr Key kCollector[] = {
    {"file"}, {"command"}, {"host"}, {"journal", false, kLater}, {"http", false, kLater}, {"config", false, kLater}};
constexpr Key kFileCollector[] = {{"path", kRequired}, {"since"}, {"timeout"}, {"max_bytes"}};
constexpr Key kCommandCollector[] = {{"run", kRequired}, {"timeout"}, {"max_bytes"}};
constexpr Key kHostCollector[] = {{"timeout"}, {"max_bytes"}};
constexpr Key kEvidence[] = {{"deadline"}};
constexpr Key kTrigger[] = {
    {"probe", kRequired},      {"labels"}, {"collect"}, {"propose"}, {"post_to"}, {"noise"}, {"log", false, kLater},
    {"webhook", false, kLater}};
constexpr Key kTriggerProbe[] = {{"http"},    {"tcp"},      {"command"},       {"every"},
                                 {"timeout"}, {"failures"}, {"expect_status"}, {"expect_body"}};
constexpr Key kNoise[] = {{"dedupe"}, {"cooldown"}, {"max_per_hour"}};
constexpr Key kProposal[] = {{"runbook", kRequired}, {"with"}};
constexpr Key kRunbook[] = {{"summary", kRequired},
                            {"risk"},
                            {"if_unanswered"},
                            {"parameters"},
                            {"collect"},
                            {"lock"},
                            {"steps", kRequired},
                            {"on_failure"},
                            {"environment"},
                            {"run_as", false, kLater},
                            {"limits"},
                            {"policy", kRequired},
                            {"grant", false, kLater}};
constexpr Key kParameter[] = {{"type", kRequired}, {"values"},     {"pattern"}, {"max"}, {"min"},
                              {"default"},         {"description"}};
constexpr Key kStep[] = {{"name", kRequired}, {"run"}, {"probe"}, {"timeout"}, {"retry"}, {"http", false, kLater}};
constexpr Key kStepProbe[] = {{"http"}, {"tcp"}, {"command"}, {"expect_status"}, {"expect_body"}};
constexpr Key kRetry[] = {{"for", kRequired}, {"every"}};
constexpr Key kLimits[] = {{"output"}, {"cpu"}, {"memory"}, {"file_size"}, {"open_files"}, {"processes"}, {"grace"}};
constexpr Key kPolicy[] = {{"request", kRequired}, {"approve", kRequired}, {"notify"},
                           {"self_approval"},      {"justification"},      {"expires"}};
constexpr Key kNeed[] = {{"group", kRequired}, {"count"}};
constexpr Key kJustification[] = {{"approver"}, {"requester"}};
constexpr Key kLedger[] = {{"path", kRequired}, {"key", kRequired}, {"durability"}, {"remotes"}};
constexpr Key kState[] = {{"path"}, {"side"}};
constexpr Key kSandbox[] = {{"mode"}, {"writable"}};
constexpr Key kApi[] = {{"listen"}};
constexpr Key kRedact[] = {{"patterns"}};
constexpr Key kSecret[] = {{"env"}, {"file"}};

}  // namespace

namespace sections {
constexpr Section root{"root", kRoot};
constexpr Section person{"person", kPerson};
constexpr Section robot{"robot", kRobot};
constexpr Section group{"group", kGroup};
constexpr Section chat{"chat", kChat};
constexpr Section slack{"slack", kSlack};
constexpr Section teams{"teams", kTeams};
constexpr Section teams_relay{"teams_relay", kTeamsRelay};
constexpr Section teams_endpoint{"teams_endpoint", kTeamsEndpoint};
constexpr Section matrix{"matrix", kMatrix};
constexpr Section channel{"channel", kChannel};
constexpr Section collector{"collector", kCollector};
constexpr Section file_collector{"file_collector", kFileCollector};
constexpr Section command_collector{"command_collector", kCommandCollector};
constexpr Section host_collector{"host_collector", kHostCollector};
constexpr Section evidence{"evidence", kEvidence};
constexpr Section trigger{"trigger", kTrigger};
constexpr Section trigger_probe{"trigger_probe", kTriggerProbe};
constexpr Section noise{"noise", kNoise};
constexpr Section proposal{"proposal", kProposal};
constexpr Section runbook{"runbook", kRunbook};
constexpr Section parameter{"parameter", kParameter};
constexpr Section step{"step", kStep};
constexpr Section step_probe{"step_probe", kStepProbe};
constexpr Section retry{"retry", kRetry};
constexpr Section limits{"limits", kLimits};
constexpr Section policy{"policy", kPolicy};
constexpr Section need{"need", kNeed};
constexpr Section justification{"justification", kJustification};
constexpr Section ledger{"ledger", kLedger};
constexpr Section state{"state", kState};
constexpr Section sandbox{"sandbox", kSandbox};
constexpr Section api{"api", kApi};
constexpr Section redact{"redact", kRedact};
constexpr Section secret{"secret", kSecret};
}  // namespace sections

std::span<Section const* const> all_sections() {
  using namespace sections;
  static constexpr std::array kAll{
      &root,           &person,         &robot,      &group,         &chat,      &slack,          &teams,
      &teams_relay,    &teams_endpoint, &matrix,     &channel,       &collector, &file_collector, &command_collector,
      &host_collector, &evidence,       &trigger,    &trigger_probe, &noise,     &proposal,       &runbook,
      &parameter,      &step,           &step_probe, &retry,         &limits,    &policy,         &need,
      &justification,  &ledger,         &state,      &sandbox,       &api,       &redact,         &secret};
  return kAll;
}

}  // namespace config
