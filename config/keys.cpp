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
                         {"runners"},
                         {"api"},
                         {"redact"}};
constexpr Key kPerson[] = {{"name"},  {"email"},  {"groups"},       {"slack"},
                           {"teams"}, {"matrix"}, {"token_sha256"}, {"scopes"}};
constexpr Key kRobot[] = {{"groups", kRequired}, {"token_sha256", kRequired}, {"scopes"}};
constexpr Key kGroup[] = {{"slack_usergroup", kRequired}};
constexpr Key kChat[] = {{"slack"}, {"teams"}, {"matrix"}, {"progress"}};
constexpr Key kProgress[] = {{"after"}, {"every"}};
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
constexpr Key kCollector[] = {{"file"}, {"command"}, {"host"}, {"journal"}, {"http"}, {"config"}, {"changes"}};
constexpr Key kFileCollector[] = {{"path", kRequired}, {"since"}, {"timeout"}, {"max_bytes"}};
constexpr Key kCommandCollector[] = {{"run", kRequired}, {"timeout"}, {"max_bytes"}};
constexpr Key kHostCollector[] = {{"timeout"}, {"max_bytes"}};
constexpr Key kJournalCollector[] = {{"units"}, {"priority"}, {"since"},    {"lines"},
                                     {"path"},  {"timeout"},  {"max_bytes"}};
constexpr Key kHttpCollector[] = {{"url", kRequired}, {"allow", kRequired}, {"bearer"}, {"ca"},
                                  {"timeout"},        {"max_bytes"}};
constexpr Key kConfigCollector[] = {{"path"}, {"run"}, {"timeout"}, {"max_bytes"}};
constexpr Key kChangesCollector[] = {{"since"}, {"packages"}, {"units"}, {"files"}, {"timeout"}, {"max_bytes"}};
constexpr Key kEvidence[] = {{"deadline"}};
constexpr Key kTrigger[] = {{"probe"},   {"log"},     {"webhook"}, {"labels"},
                            {"collect"}, {"propose"}, {"post_to"}, {"noise"}};
constexpr Key kTriggerLog[] = {{"path", kRequired}, {"match", kRequired}, {"except"}, {"count"}, {"window"},
                               {"quiet"},           {"max_line"}};
constexpr Key kTriggerWebhook[] = {
    {"format", kRequired, false, "alertmanager takes Alertmanager's payload, json any other with pointers into it"},
    {"token_sha256"},
    {"secret"},
    {"signature"},
    {"timestamp"},
    {"delivery"},
    {"title"},
    {"status"},
    {"labels"},
    {"quiet"}};
constexpr Key kWebhookSignature[] = {{"header"}, {"prefix"}};
constexpr Key kWebhookTimestamp[] = {{"header", kRequired}, {"window"}};
constexpr Key kWebhookDelivery[] = {{"header"}, {"pointer"}};
constexpr Key kWebhookStatus[] = {{"pointer", kRequired}, {"firing", kRequired}, {"resolved"}};
constexpr Key kTriggerProbe[] = {{"http"},    {"tcp"},      {"command"},       {"every"},
                                 {"timeout"}, {"failures"}, {"expect_status"}, {"expect_body"}};
constexpr Key kNoise[] = {{"dedupe"}, {"cooldown"}, {"max_per_hour"}};
constexpr Key kProposal[] = {{"runbook", kRequired}, {"with"}};
constexpr Key kRunbook[] = {
    {"summary", kRequired},  {"risk"},       {"if_unanswered"}, {"parameters"}, {"collect"}, {"lock"},
    {"steps", kRequired},    {"on_failure"}, {"environment"},   {"run_as"},     {"limits"},  {"policy", kRequired},
    {"grant", false, kLater}};
constexpr Key kParameter[] = {{"type", kRequired}, {"values"},     {"pattern"}, {"max"}, {"min"},
                              {"default"},         {"description"}};
constexpr Key kStep[] = {{"name", kRequired}, {"run"}, {"probe"}, {"http"}, {"timeout"}, {"retry"}};
constexpr Key kStepHttp[] = {{"method"}, {"url", kRequired}, {"headers"},     {"body"},    {"json"},
                             {"bearer"}, {"expect_status"},  {"expect_body"}, {"timeout"}, {"max_bytes"}};
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
constexpr Key kRunner[] = {{"socket", kRequired}, {"user"}};
constexpr Key kApi[] = {{"listen"},
                        {"certificate"},
                        {"key"},
                        {"behind_proxy"},
                        {"max_connections"},
                        {"max_connections_per_address"},
                        {"requests_per_second"}};
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
constexpr Section journal_collector{"journal_collector", kJournalCollector};
constexpr Section http_collector{"http_collector", kHttpCollector};
constexpr Section config_collector{"config_collector", kConfigCollector};
constexpr Section changes_collector{"changes_collector", kChangesCollector};
constexpr Section evidence{"evidence", kEvidence};
constexpr Section trigger{"trigger", kTrigger};
constexpr Section trigger_probe{"trigger_probe", kTriggerProbe};
constexpr Section trigger_log{"trigger_log", kTriggerLog};
constexpr Section trigger_webhook{"trigger_webhook", kTriggerWebhook};
constexpr Section webhook_signature{"webhook_signature", kWebhookSignature};
constexpr Section webhook_timestamp{"webhook_timestamp", kWebhookTimestamp};
constexpr Section webhook_delivery{"webhook_delivery", kWebhookDelivery};
constexpr Section webhook_status{"webhook_status", kWebhookStatus};
constexpr Section noise{"noise", kNoise};
constexpr Section proposal{"proposal", kProposal};
constexpr Section runbook{"runbook", kRunbook};
constexpr Section parameter{"parameter", kParameter};
constexpr Section step{"step", kStep};
constexpr Section step_probe{"step_probe", kStepProbe};
constexpr Section step_http{"step_http", kStepHttp};
constexpr Section retry{"retry", kRetry};
constexpr Section limits{"limits", kLimits};
constexpr Section policy{"policy", kPolicy};
constexpr Section need{"need", kNeed};
constexpr Section justification{"justification", kJustification};
constexpr Section ledger{"ledger", kLedger};
constexpr Section state{"state", kState};
constexpr Section sandbox{"sandbox", kSandbox};
constexpr Section runner{"runner", kRunner};
constexpr Section progress{"progress", kProgress};
constexpr Section api{"api", kApi};
constexpr Section redact{"redact", kRedact};
constexpr Section secret{"secret", kSecret};
}  // namespace sections

std::span<Section const* const> all_sections() {
  using namespace sections;
  static constexpr std::array kAll{&root,
                                   &person,
                                   &robot,
                                   &group,
                                   &chat,
                                   &slack,
                                   &teams,
                                   &teams_relay,
                                   &teams_endpoint,
                                   &matrix,
                                   &channel,
                                   &collector,
                                   &file_collector,
                                   &command_collector,
                                   &host_collector,
                                   &journal_collector,
                                   &http_collector,
                                   &config_collector,
                                   &changes_collector,
                                   &evidence,
                                   &trigger,
                                   &trigger_probe,
                                   &trigger_log,
                                   &trigger_webhook,
                                   &webhook_signature,
                                   &webhook_timestamp,
                                   &webhook_delivery,
                                   &webhook_status,
                                   &noise,
                                   &proposal,
                                   &runbook,
                                   &parameter,
                                   &step,
                                   &step_probe,
                                   &step_http,
                                   &retry,
                                   &limits,
                                   &policy,
                                   &need,
                                   &justification,
                                   &ledger,
                                   &state,
                                   &sandbox,
                                   &runner,
                                   &progress,
                                   &api,
                                   &redact,
                                   &secret};
  return kAll;
}

}  // namespace config
