#include "adapters/teams/inbound.hpp"

#include <algorithm>

#include "adapters/teams/hosts.hpp"
#include "bot/core/digest.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Errc;

constexpr std::string_view kPath = "/api/messages";
// Clients show an error after 5 to 15 s, and Teams delivers again; the engine answers within 2.0 s.
constexpr core::Duration kLimit = 2500ms;        // after it: an error, and nothing was counted
constexpr core::Duration kResultLimit = 2300ms;  // until then a result is waited for
constexpr std::size_t kMaxBusy = 512;            // requests that wait for keys or for the engine
constexpr std::size_t kMaxHeaders = 100;
constexpr char const* kNoActivity = "It is no activity for the messaging endpoint.";

std::vector<std::string> all_of(net::Headers const& headers, std::string_view name) {
  std::vector<std::string> values;
  for (auto const& [key, value] : headers) {
    if (to_lower(key) == name) values.push_back(value);
  }
  return values;
}

// What can be told by the head alone: a status, or 0.
unsigned refusal_of_head(std::string_view method, std::string_view path, net::Headers const& headers) {
  if (path != kPath) return 404;
  if (method != "POST") return method == "HEAD" ? 200 : 405;
  if (headers.size() > kMaxHeaders) return 431;
  auto const types = all_of(headers, "content-type");
  if (types.size() != 1) return 415;
  auto const type = to_lower(types.front().substr(0, types.front().find(';')));
  if (type != "application/json" && type != "application/json ") return 415;
  for (auto const& encoding : all_of(headers, "content-encoding")) {
    if (encoding != "identity") return 415;
  }
  return 0;
}

// What can be told without reading anything of it: a status, or 0.
unsigned cheap_refusal(InboundRequest const& request) {
  if (auto const status = refusal_of_head(request.method, request.path, request.headers); status != 0) return status;
  if (request.body.size() > kMaxRequestBody) return 413;
  return request.body.empty() ? 400 : 0;
}

}  // namespace

Inbound::Inbound(Parts const& parts, Settings const& settings, TokenCheck& tokens, Directory& directory,
                 Interactions& interactions, Counters& counters)
    : parts_(parts),
      settings_(settings),
      tokens_(tokens),
      directory_(directory),
      interactions_(interactions),
      counters_(counters),
      deliveries_(parts.loop) {}

void Inbound::refuse(Answer const& answer, unsigned status, std::string const& why) {
  ++counters_.refused_requests;
  refusals_.warn(parts_.loop, parts_.log, "teams request refused", {{"status", std::int64_t{status}}, {"reason", why}});
  if (status == 401 || status == 403) interactions_.turned_away(why);
  net::HttpResponse response{status, {}, {}};
  if (status == 503) response.headers.emplace_back("Retry-After", "2");
  if (status == 405) response.headers.emplace_back("Allow", "POST, HEAD");
  answer(std::move(response));
}

net::Admission Inbound::admit(net::HttpRequestIn const& head) {
  net::Admission admission;
  auto const no = [&](unsigned status, std::string const& why) {
    ++counters_.requests;
    refuse([&](net::HttpResponse response) { admission.refusal = std::move(response); }, status, why);
    return admission;
  };
  if (auto const status = refusal_of_head(head.method, head.path, head.headers); status != 0)
    return status == 200 ? net::Admission{.max_body_bytes = 0} : no(status, kNoActivity);
  auto const known = tokens_.look(all_of(head.headers, "authorization"));
  if (known.has_error() && known.error().code == Errc::forbidden) {
    ++counters_.refused_tokens;
    return no(401, known.error().message);
  }
  admission.stranger = known.has_error();
  return admission;
}

void Inbound::handle(InboundRequest request, Answer answer) {
  ++counters_.requests;
  if (auto const status = cheap_refusal(request); status != 0) {
    if (status == 200) return answer({200, {}, {}});
    return refuse(answer, status, kNoActivity);
  }
  if (busy_ >= kMaxBusy) return refuse(answer, 503, "Too many requests are being handled.");
  ++busy_;
  // Whatever happens below, this one answer is given, and once.
  struct Owed {
    bool given = false;
    ports::Loop::TimerId timer = 0;
  };
  auto const owed = std::make_shared<Owed>();
  auto const once = alive_.guard([this, owed, answer = std::move(answer)](net::HttpResponse response) {
    if (std::exchange(owed->given, true)) return;
    parts_.loop.cancel(owed->timer);
    --busy_;
    answer(std::move(response));
  });
  Answer const give = once;
  owed->timer = parts_.loop.call_after(kLimit, alive_.guard([this, give] {
    ++counters_.answers_by_timer;
    give({503, {{"Retry-After", "2"}}, {}});
  }));
  auto const deadline = parts_.loop.now() + kResultLimit;
  auto const authorization = all_of(request.headers, "authorization");
  tokens_.check(authorization, alive_.guard([this, owed, give, deadline,
                                             request = std::move(request)](core::Result<Vouched> const& by) {
    // Answered with an error already: nobody would see what came of it.
    if (owed->given) return;
    if (by.has_error()) {
      bool const later = by.error().code == Errc::unavailable;
      if (!later) ++counters_.refused_tokens;
      return refuse(give, later ? 503 : 401, by.error().message);
    }
    vouched(request, *by, deadline, give);
  }));
}

void Inbound::vouched(InboundRequest const& request, Vouched const& by, core::Time deadline, Answer const& answer) {
  auto const activity = parse_activity(request.body);
  if (activity.has_error()) return refuse(answer, 400, activity.error().message);
  if (!vouches_for(by, activity->service_url, activity->channel_id)) {
    ++counters_.refused_tokens;
    return refuse(answer, 403, "The token does not vouch for the activity's serviceUrl and channelId.");
  }
  if (activity->channel_id != "msteams" || !is_trusted_service(activity->service_url, settings_))
    return refuse(answer, 403, "The activity comes from another channel or service than Teams.");
  auto const why = interactions_.why_foreign(*activity);
  if (why.empty()) directory_.learn(*activity);
  if (interactions_.is_look(*activity)) {  // sixty in a second after each update: answered from memory, not remembered
    ++counters_.refreshes;
    return answer(interactions_.look(*activity));
  }
  if (activity->type != "message" && activity->type != "invoke") return answer({200, {}, {}});
  auto const key = activity->conversation + ' ' + activity->id;
  if (!deliveries_.take(key, answer)) {
    ++counters_.duplicates;
    return;
  }
  interactions_.take(*activity, core::digest_of(request.body), why, deadline,
                     alive_.guard([this, key, answer](net::HttpResponse const& response) {
                       deliveries_.answered(key, response);
                       answer(response);
                     }));
}

}  // namespace teams
