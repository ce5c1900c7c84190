#include "bot/triggers/webhook_trigger.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace triggers {
namespace {

using core::Json;

// Of one round; between two of them everybody else has a turn.
constexpr std::size_t kRoundDeliveries = 64, kRoundBytes = 256u << 10;
constexpr core::Duration kComeAgain{1'000}, kComeAgainLater{5'000};

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  std::string lower(type);
  for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower == "application/json" || (lower.starts_with("application/") && lower.ends_with("+json"));
}

// Who asks for a source that does not exist costs and learns what a wrong signature does (T44, T45).
WebhookAuth const& nobody() {
  static WebhookAuth const auth{.token_sha256 = std::string(64, '-')};
  return auth;
}

ports::DeliveryAnswer not_authentic() {
  return {.status = 401, .detail = "There is no such source, or this delivery does not prove that it comes from it."};
}

Json became_json(Became const& became) {
  auto json = Json::object({{"became", to_string(became.what)}});
  if (!became.why.empty()) json.set("why", became.why);
  if (!became.case_id.empty()) json.set("case", became.case_id);
  return json;
}

}  // namespace

struct WebhookTrigger::Round {
  // What became of one item; shared where the same item was told twice.
  struct Item {
    std::string occurrence, instance;
    Became became;
  };
  struct Answer {
    std::function<void(ports::DeliveryAnswer)> done;
    std::vector<std::shared_ptr<Item>> items;
    bool news = false;
  };
  std::vector<Answer> answers;
  std::map<std::string, std::shared_ptr<Item>> fresh;  // by name
  std::vector<std::string> names;                      // of them, as they came
  std::size_t unrecorded = 1;                          // cases that are not on record yet, and the round's own filling
  ports::Loop::TimerId timer = 0;
  bool failed = false;  // one of them can't be recorded
  bool ended = false;

  void add(std::string const& name, std::shared_ptr<Item> item) {
    if (fresh.emplace(name, std::move(item)).second) names.push_back(name);
  }
};

WebhookTrigger::WebhookTrigger(WebhookParts parts, WatchParts watch, core::TriggerRule rule, WebhookSettings settings)
    : parts_(std::move(parts)),
      watch_(watch),
      settings_(std::move(settings)),
      signals_(parts_.loop, parts_.redactor, watch, std::move(rule), settings_.quiet),
      known_(parts_.file, parts_.loop, parts_.workers, parts_.log) {
  // Of an alert that still fires and whose case is closed nobody speaks any more: when it is repeated it is news.
  std::set<std::string> silent;
  for (auto const& [occurrence, left] : known_.take_left()) {
    if (left.recovered_at)
      signals_.was_over(occurrence, *left.recovered_at);
    else if (signals_.stands(occurrence))
      signals_.standing(occurrence, left.instances);
    else if (!left.instances.empty())
      silent.insert(occurrence);
  }
  known_.over(silent, /*forget=*/true);
  // Alertmanager repeats what still fires, perhaps less often than `quiet`. Not for json, whose deliveries are not
  // repeated but replayed (T12).
  signals_.when_quiet([this](std::set<std::string> const& ended) {
    known_.over(ended, /*forget=*/settings_.form.kind == WebhookForm::Kind::alertmanager);
    known_.write([](bool) {});
  });
}

WebhookTrigger::~WebhookTrigger() {
  *alive_ = false;
  ports::DeliveryAnswer const later{
      .status = 503, .detail = "The source is being changed; send it again.", .retry_after = kComeAgainLater};
  if (round_ && !round_->ended) {
    parts_.loop.cancel(round_->timer);
    round_->ended = true;
    for (auto& answer : round_->answers) answer.done(later);
  }
  for (auto& waiting : waiting_) waiting.done(later);
}

void WebhookTrigger::turned_away() {
  if (watch_.held) watch_.held->note(signals_.rule(), "turned away, too many at once", "", 1);
}

void WebhookTrigger::deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done) {
  if (auto const type = only_header(delivery.headers, "content-type"); !type || !is_json(*type))
    return done({.status = 415, .detail = "Send application/json."});
  if (!watch_.desk.writable())
    return done({.status = 503,
                 .detail = "The ledger can't be written at the moment; send it again.",
                 .retry_after = kComeAgainLater});
  bool const first_only = waiting_.empty();  // one that is large is taken alone
  if (waiting_.size() >= kMostWaiting || (!first_only && waiting_bytes_ + delivery.body.size() > kMostBytes)) {
    turned_away();
    return done({.status = 429,
                 .detail = "More deliveries wait than this source takes; send it again.",
                 .retry_after = kComeAgain});
  }
  waiting_bytes_ += delivery.body.size();
  waiting_.push_back({std::move(delivery), std::move(done)});
  if (round_ || waiting_.size() > 1) return;
  parts_.loop.post([this, alive = alive_] {
    if (*alive) next_round();
  });
}

void WebhookTrigger::next_round() {
  if (round_ || waiting_.empty()) return;
  auto const round = std::make_shared<Round>();
  round_ = round;
  std::size_t bytes = 0;
  while (!waiting_.empty() && round->answers.size() < kRoundDeliveries && bytes < kRoundBytes) {
    auto one = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= one.delivery.body.size();
    bytes += one.delivery.body.size();
    take(*round, std::move(one));
  }
  round->timer = parts_.loop.call_after(kAnswerLimit, [this, round] {
    round->timer = 0;
    finish(round, false);
  });
  settle(round);
}

void WebhookTrigger::take(Round& round, Waiting waiting) {
  auto const header = settings_.delivery_header.empty()
                          ? std::optional<std::string_view>("")
                          : only_header(waiting.delivery.headers, settings_.delivery_header);
  if (!header || (header->empty() && !settings_.delivery_header.empty()))
    return waiting.done(
        {.status = 422, .detail = "The header " + settings_.delivery_header + " must name the delivery, once."});
  auto const items = parse_webhook(settings_.form, waiting.delivery.body, *header);
  if (!items) return waiting.done({.status = 422, .detail = core::printable_ascii(items.error().message, 500)});
  Round::Answer answer{std::move(waiting.done), {}};
  auto const signature = signature_name(waiting.delivery);
  for (auto const& item : *items) {
    std::vector<std::string> names;
    for (auto const& name : {item.once, signature}) {
      if (!name.empty()) names.push_back(name);
    }
    Became const* known = nullptr;
    std::shared_ptr<Round::Item> again;
    for (auto const& name : names) {
      if (!known) known = known_.find(name);
      if (auto const found = round.fresh.find(name); !again && found != round.fresh.end()) again = found->second;
    }
    auto made = std::make_shared<Round::Item>();
    bool const other_name = known && !item.once.empty() && !known_.find(item.once);
    if (known) {
      made->became = *known;
      // By its signature alone: replayed, or from a sender whose bodies don't differ. Nobody can tell, so people hear
      // it.
      if (!other_name)
        signals_.heard_again(item);
      else if (watch_.held)
        watch_.held->note(signals_.rule(), "signed before under another id", "", 1);
      // Signed anew, it could come once more under another name. (Another name under a signature that is known is not
      // kept: it costs nothing to think of one, and it would push out others.)
      if (!signature.empty() && !known_.find(signature)) round.add(signature, made);
    } else if (again) {
      made = again;
    } else {
      made->occurrence = signals_.occurrence_of(item);
      made->instance = item.instance;
      for (auto const& name : names) round.add(name, made);
      ++round.unrecorded;
      auto became = signals_.take(item, [this, made, of = round_](core::Reply const& reply) {
        if (reply.case_id) made->became.case_id = reply.case_id->str();
        if (reply.code != core::Errc{}) of->failed = true;
        if (!of->ended) settle(of);
      });
      if (became.what != Became::What::opened) --round.unrecorded;  // nobody will say so
      became.case_id = made->became.case_id;
      made->became = std::move(became);
      answer.news = answer.news || (!names.empty() && made->became.why != kTooMany);
    }
    answer.items.push_back(std::move(made));
  }
  round.answers.push_back(std::move(answer));
}

// A captured delivery may come again under another name, which is not signed; its signature is a name, too (T12).
// Empty: what it says names it, or nothing tells two deliveries apart.
std::string WebhookTrigger::signature_name(ports::Delivery const& delivery) const {
  auto const& auth = settings_.auth;
  bool const counts = !settings_.delivery_header.empty() || !auth.timestamp_header.empty();
  if (auth.secret.empty() || settings_.form.delivery || !counts) return {};
  return core::sha256_hex("signature\n" + signature_of(auth, delivery.headers));
}

void WebhookTrigger::settle(std::shared_ptr<Round> const& round) {
  if (--round->unrecorded > 0) return;
  if (round->failed) return finish(round, false);
  for (auto const& name : round->names) {
    auto const& item = *round->fresh.at(name);
    if (item.became.why == kTooMany) continue;
    known_.remember(name, {item.occurrence, item.instance, item.became, parts_.loop.now()});
  }
  known_.write([this, round](bool durable) { finish(round, durable); });
}

// All is on record; or it can't be, or the limit has passed: then it is to come again.
void WebhookTrigger::finish(std::shared_ptr<Round> const& round, bool recorded) {
  if (round->ended) return;
  round->ended = true;
  parts_.loop.cancel(round->timer);
  for (auto& answer : std::exchange(round->answers, {})) {
    if (!recorded) {
      answer.done({.status = 503,
                   .detail = "It could not be recorded (in time); send it again.",
                   .retry_after = kComeAgainLater});
      continue;
    }
    Json::Array signals;
    for (auto const& item : answer.items) signals.push_back(became_json(item->became));
    answer.done({.status = 202,
                 .body = Json::object({{"source", signals_.rule().name}, {"signals", std::move(signals)}}),
                 .news = answer.news});
  }
  round_.reset();
  if (waiting_.empty()) return;
  parts_.loop.post([this, alive = alive_] {
    if (*alive) next_round();
  });
}

void Webhooks::close() {
  closed_ = true;
  all_.clear();
}

Webhooks::Look Webhooks::look(std::string_view source, WebhookHeaders const& headers) {
  if (closed_) return {};
  auto const found = all_.find(std::string(source));
  auto const& auth = found == all_.end() ? nobody() : found->second->auth();
  if (auth.token_sha256.empty()) return {};  // a signature is over the body
  bool const fine = authentic(auth, headers, /*body=*/{}, loop_.wall());
  if (fine && found != all_.end()) return {.known = true};
  count(401);
  return {.refusal = not_authentic()};
}

void Webhooks::turned_away(std::string_view source) {
  count(429);
  if (auto const found = all_.find(std::string(source)); found != all_.end()) found->second->turned_away();
}

void Webhooks::count(unsigned status) {
  if (!counts_ || status < 400) return;  // of what is taken, each signal was counted
  counts_->add("webhook", status == 429 || status == 503 ? "turned_away" : "refused", 1);
}

void Webhooks::deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> answered) {
  auto done = [this, answered = std::move(answered)](ports::DeliveryAnswer const& answer) {
    count(answer.status);
    answered(answer);
  };
  if (closed_)
    return done({.status = 503, .detail = "The service is stopping; send it again.", .retry_after = kComeAgainLater});
  if (delivery.body.size() > kMaxWebhookBody) return done({.status = 413, .detail = "A delivery has at most 1 MiB."});
  auto const found = all_.find(delivery.source);
  auto const& auth = found == all_.end() ? nobody() : found->second->auth();
  bool const fine = authentic(auth, delivery.headers, delivery.body, loop_.wall());
  if (!fine || found == all_.end()) {
    desk_.refused({.platform = "api",
                   .account = "unknown",
                   .channel = {},
                   .reason = "a signal for " + core::printable_ascii(delivery.source, 64) +
                             ", which is no source or did not send it",
                   .envelope = {},
                   .delivery = {},
                   .by = {}});
    return done(not_authentic());
  }
  found->second->deliver(std::move(delivery), std::move(done));
}

}  // namespace triggers
