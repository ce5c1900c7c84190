// Teams: the bot's own token, the keys that sign what comes in, the way by which it comes, and each channel.
//
// It sends nothing. A listener at the relay is opened and closed again at once: an activity that the relay hands to it
// in that moment is delivered again by Teams, as after any broken connection.
#include <algorithm>
#include <map>
#include <set>

#include "adapters/teams/hosts.hpp"
#include "adapters/teams/jwt.hpp"
#include "adapters/teams/sas.hpp"
#include "adapters/teams/wire.hpp"
#include "bot/cli/doctor.hpp"
#include "bot/cli/doctor_certificate.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace cli::doctor {

namespace {

constexpr int kMostPages = 20;  // of 500 members: more is no channel of people who decide
constexpr auto kSasLife = std::chrono::minutes(5);

class Examination {
 public:
  Examination(config::Config const& config, Calls& calls, Findings& findings)
      : config_(config), chat_(*config.chat.teams), calls_(calls), findings_(findings) {}

  void run() {
    auto const token = access_token();
    look_at_keys();
    if (chat_.relay) look_at_relay(*chat_.relay);
    if (chat_.endpoint) look_at_endpoint(*chat_.endpoint);
    if (token) look_at_channels(*token);
  }

 private:
  void unreachable(std::string const& about, std::string const& url, net::NetError const& error) {
    findings_.unknown(about, url + " could not be asked: " + error.text, "See that this host reaches it.");
  }

  std::optional<std::string> access_token() {
    auto const secret = secret_of(chat_.app_secret, "app_secret", findings_);
    if (!secret) return std::nullopt;
    auto const url = teams::join_url(chat_.login_url, chat_.tenant + "/oauth2/v2.0/token");
    auto const scope = teams::join_url(chat_.issuer, ".default");  // alike in sovereign clouds
    auto const response = calls_.http({.method = "POST",
                                       .url = url,
                                       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                       .body = "grant_type=client_credentials&client_id=" + chat_.app_id +
                                               "&client_secret=" + net::percent_encode(*secret) +
                                               "&scope=" + net::percent_encode(scope)});
    if (!response) {
      unreachable("app_secret", chat_.login_url, response.error());
      return std::nullopt;
    }
    auto const token = teams::parse_access_token(response->status, response->body);
    if (token) {
      findings_.ok("app_secret", "The login of the tenant gives the bot a token.");
      return token->token;
    }
    if (token.error().code == core::Errc::forbidden) {
      findings_.must_mend("app_secret", token.error().message, "");
    } else {
      findings_.unknown("app_secret", token.error().message, "Ask again in a minute.");
    }
    return std::nullopt;
  }

  void look_at_keys() {
    auto const got = calls_.http({.url = chat_.openid_url});
    if (!got) return unreachable("openid_url", chat_.openid_url, got.error());
    auto const metadata = teams::parse_metadata(got->body);
    if (got->status != 200 || !metadata)
      return findings_.must_mend("openid_url",
                                 chat_.openid_url + " does not name the keys of the Bot Connector (status " +
                                     std::to_string(got->status) + ").",
                                 "Leave openid_url out, or give the one of your cloud.");
    if (metadata->issuer != chat_.issuer)
      return findings_.must_mend("issuer",
                                 "The keys belong to " + core::printable_ascii(metadata->issuer, 200) +
                                     ", but chat.teams.issuer names " + chat_.issuer + ".",
                                 "Give openid_url and issuer of the same cloud, or leave both out.");
    if (!teams::may_name_keys(chat_.openid_url, metadata->jwks_uri))
      return findings_.must_mend("openid_url",
                                 "It says that the keys are on another host than its own, so the bot takes none.",
                                 "Leave openid_url out, or give the one of your cloud.");
    auto const keys_answer = calls_.http({.url = metadata->jwks_uri, .max_response_bytes = teams::kMaxKeySetBytes});
    if (!keys_answer) return unreachable("openid_url", metadata->jwks_uri, keys_answer.error());
    auto const keys = teams::parse_keys(keys_answer->body);
    if (keys_answer->status != 200 || !keys)
      return findings_.unknown("openid_url", metadata->jwks_uri + " gave no keys.", "Ask again in a minute.");
    auto const usable = std::ranges::count_if(*keys, [](teams::Jwk const& key) {
      return std::ranges::find(key.endorsements, "msteams") != key.endorsements.end();
    });
    if (usable == 0)
      return findings_.must_mend("openid_url", "None of the keys there may speak for Teams.",
                                 "Give the metadata of the Bot Connector, or leave openid_url out.");
    findings_.ok("openid_url", "The keys that sign what Teams sends are there (" + std::to_string(usable) + ").");
  }

  void look_at_relay(config::Teams::Relay const& relay) {
    look_at_client_authorization(relay);
    auto const key = secret_of(relay.key, "relay.key", findings_);
    if (!key) return;
    auto const url = net::parse_url(relay.url).value();
    auto const now = std::chrono::system_clock::now() + kSasLife;
    auto const expires = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    net::WebSocketOptions options;
    options.headers = {{"ServiceBusAuthorization",
                        teams::make_sas(teams::sas_resource(url.host, relay.path), relay.key_name, *key, expires)}};
    options.keep_alive = net::KeepAlive::none;
    auto const dialled =
        calls_.dial(relay.url + "/$hc/" + relay.path + "?sb-hc-action=listen&sb-hc-id=countersign-doctor", options);
    auto const name = relay.path + " at " + relay.url;
    if (dialled.opened) return findings_.ok("relay", "The hybrid connection " + name + " takes a listener.");
    switch (dialled.end.http_status) {
      case 401:
        return findings_.must_mend("relay",
                                   "Azure Relay does not take the key " + relay.key_name + " for " + name + ".",
                                   "Compare key_name and key with the shared access policy in the Azure portal, and "
                                   "see that this host's clock is right.");
      case 403:
        return findings_.must_mend(
            "relay",
            "The key " + relay.key_name + " may not listen on " + name + ", or 25 listeners are there already.",
            "Give a policy with the right Listen; stop listeners that nobody needs.");
      case 404:
        return findings_.must_mend("relay", "There is no hybrid connection " + name + ".",
                                   "Create it, or correct url and path: az relay hyco list names those that exist.");
      case 0:
        return findings_.unknown("relay", relay.url + " could not be asked: " + dialled.end.error.text,
                                 "See that this host reaches it: outbound TCP 443 to *.servicebus.windows.net.");
      default:
        return findings_.unknown("relay",
                                 "Azure Relay answered with status " + std::to_string(dialled.end.http_status) + ".",
                                 "Ask again in a minute.");
    }
  }

  // What requires a client's authorization takes the Connector's token for one of its own, and nothing ever arrives.
  void look_at_client_authorization(config::Teams::Relay const& relay) {
    auto const answer = calls_.http({.url = "http" + relay.url.substr(2) + "/" + relay.path + "/countersign-doctor"});
    if (!answer || answer->status != 401) return;
    findings_.must_mend(
        "relay",
        "The hybrid connection " + relay.path + " requires client authorization, so nothing that Teams sends arrives.",
        "That can't be changed later: delete it and create it with az relay hyco create … "
        "--requires-client-authorization false.");
  }

  void look_at_endpoint(config::Teams::Endpoint const& endpoint) {
    if (endpoint.certificate.empty())
      return findings_.ok("endpoint", "It takes plain HTTP on loopback; the proxy before it must speak TLS for Teams.");
    look_at_certificate(endpoint.certificate, endpoint.key.name(), findings_);
  }

  void look_at_channels(std::string const& token) {
    auto const channels = channels_of(config_, "teams");
    if (channels.empty())
      findings_.advise("channels", "No channel of the configuration is on Teams, so nothing is posted there.",
                       "Add teams: \"19:…\" to one under channels.");
    for (auto const& [name, id] : channels) {
      if (!look_at_channel("channel " + name, id, token)) return;
    }
  }

  // False: the Connector can't be asked, so the others need not be tried.
  bool look_at_channel(std::string const& about, std::string const& id, std::string const& token) {
    std::set<std::string> members;
    bool all_known = true;
    std::size_t count = 0;
    std::string continuation;
    for (int page = 0; page < kMostPages; ++page) {
      auto url = teams::join_url(chat_.service_url,
                                 "v3/conversations/" + net::percent_encode(id) + "/pagedmembers?pageSize=500");
      if (!continuation.empty()) url += "&continuationToken=" + net::percent_encode(continuation);
      auto const answer = calls_.http({.url = url, .headers = {{"Authorization", "Bearer " + token}}});
      if (!answer) {
        unreachable(about, chat_.service_url, answer.error());
        return false;
      }
      if (answer->status != 200) {
        refused(about, teams::read_connector_error(answer->status, answer->body));
        return answer->status != 401;
      }
      auto const list = teams::parse_members(answer->body);
      if (!list) {
        findings_.unknown(about, list.error().message);
        return true;
      }
      for (auto const& member : list->members) {
        ++count;
        all_known = all_known && !member.object.empty();
        members.insert(member.object);
      }
      continuation = list->continuation;
      if (continuation.empty()) break;
    }
    findings_.ok(about, "The app is installed there; it has " + std::to_string(count) + " members.");
    if (all_known && continuation.empty()) look_for_people(about, members);
    return true;
  }

  void refused(std::string const& about, teams::ConnectorError const& error) {
    auto const message = teams::to_error("list the members", error).message;
    if (error.kind == teams::Refusal::wait || error.kind == teams::Refusal::retry)
      return findings_.unknown(about, message);
    findings_.must_mend(about, message, "");
  }

  void look_for_people(std::string const& about, std::set<std::string> const& members) {
    std::string missing;
    for (auto const& [key, person] : config_.rules.people) {
      auto const account = person.accounts.find("teams");
      if (account != person.accounts.end() && !members.contains(account->second))
        missing += (missing.empty() ? "" : ", ") + key;
    }
    if (!missing.empty())
      findings_.advise(about, "These are no members, so they can't decide there: " + missing + ".",
                       "Add them to the team or the chat, if they should, or correct their object ids.");
  }

  config::Config const& config_;
  config::Teams const& chat_;
  Calls& calls_;
  Findings& findings_;
};

}  // namespace

void examine_teams(config::Config const& config, Calls& calls, Findings& findings) {
  Examination(config, calls, findings).run();
}

}  // namespace cli::doctor
