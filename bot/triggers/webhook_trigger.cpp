#include "bot/triggers/webhook_trigger.hpp"

#include <algorithm>
#include <utility>

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
    std::string once, occurrence;
    Became became;
  };
  struct Answer {
    std::function<void(ports::DeliveryAnswer)> done;
    std::vector<std::shared_ptr<Item>> items;
  };
  std::vector<Answer> answers;
  std::map<std::string, std::shared_ptr<Item>> fresh;  // by once
  std::size_t unrecorded = 1;                          // cases that are not on record yet, and the round's own filling
  ports::Loop::TimerId timer = 0;
  bool ended = false;
};

WebhookTrigger::WebhookTrigger(WebhookParts parts, WatchParts watch, core::TriggerRule rule, WebhookSettings settings)
    : parts_(std::move(parts)),
      watch_(watch),
      settings_(std::move(settings)),
      signals_(parts_.loop, parts_.redactor, watch, std::move(rule), settings_.quiet),
      known_(parts_.file, parts_.loop, parts_.workers, parts_.log) {}

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

void WebhookTrigger::deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done) {
  if (auto const type = only_header(delivery.headers, "content-type"); !type || !is_json(*type))
    return done({.status = 415, .detail = "Send application/json."});
  if (!watch_.desk.writable())
    return done({.status = 503,
                 .detail = "The ledger can't be written at the moment; send it again.",
                 .retry_after = kComeAgainLater});
  bool const first_only = waiting_.empty();  // one that is large is taken alone
  if (waiting_.size() >= kMostWaiting || (!first_only && waiting_bytes_ + delivery.body.size() > kMostBytes)) {
    if (watch_.held) watch_.held->note(signals_.rule(), "turned away, too many at once", "", 1);
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
    finish(round);
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
  for (auto const& item : *items) {
    auto made = std::make_shared<Round::Item>();
    made->once = item.once;
    made->occurrence = signals_.occurrence_of(item);
    if (auto const* known = item.once.empty() ? nullptr : known_.find(item.once)) {
      made->became = *known;
      signals_.heard_again(item);
    } else if (auto const again = round.fresh.find(item.once); !item.once.empty() && again != round.fresh.end()) {
      made = again->second;
    } else {
      if (!item.once.empty()) round.fresh.emplace(item.once, made);
      ++round.unrecorded;
      auto became = signals_.take(item, [this, made, of = round_](core::Reply const& reply) {
        if (reply.case_id) made->became.case_id = reply.case_id->str();
        if (reply.code != core::Errc{}) made->became = {Became::What::nothing, "it could not be recorded"};
        if (!of->ended) settle(of);
      });
      if (became.what != Became::What::opened) --round.unrecorded;  // nobody will say so
      became.case_id = made->became.case_id;
      if (made->became.why.empty()) made->became = std::move(became);
    }
    answer.items.push_back(std::move(made));
  }
  round.answers.push_back(std::move(answer));
}

void WebhookTrigger::settle(std::shared_ptr<Round> const& round) {
  if (--round->unrecorded > 0) return;
  for (auto const& [once, item] : round->fresh) known_.remember(once, item->occurrence, item->became);
  known_.write([this, round] { finish(round); });
}

// All is on record; or the limit has passed: nothing of it is remembered then, so that it is taken when it comes again.
void WebhookTrigger::finish(std::shared_ptr<Round> const& round) {
  if (round->ended) return;
  round->ended = true;
  bool const recorded = round->timer != 0;
  parts_.loop.cancel(round->timer);
  for (auto& answer : round->answers) {
    if (!recorded) {
      answer.done({.status = 503,
                   .detail = "It could not be recorded in time; send it again.",
                   .retry_after = kComeAgainLater});
      continue;
    }
    Json::Array signals;
    for (auto const& item : answer.items) signals.push_back(became_json(item->became));
    answer.done(
        {.status = 202, .body = Json::object({{"source", signals_.rule().name}, {"signals", std::move(signals)}})});
  }
  round_.reset();
  if (waiting_.empty()) return;
  parts_.loop.post([this, alive = alive_] {
    if (*alive) next_round();
  });
}

void Webhooks::deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done) {
  if (delivery.body.size() > kMaxWebhookBody) return done({.status = 413, .detail = "A delivery has at most 1 MiB."});
  auto const found = all_.find(delivery.source);
  // Who asks for a source that does not exist costs and learns what a wrong signature does (T44, T45).
  static WebhookAuth const nobody{.token_sha256 = std::string(64, '-')};
  auto const& auth = found == all_.end() ? nobody : found->second->auth();
  bool const fine = authentic(auth, delivery.headers, delivery.body, loop_.now());
  if (!fine || found == all_.end()) {
    desk_.refused({.platform = "api",
                   .account = "unknown",
                   .channel = {},
                   .reason = "a signal for " + core::printable_ascii(delivery.source, 64) +
                             ", which is no source or did not send it",
                   .envelope = {},
                   .delivery = {},
                   .by = {}});
    return done(
        {.status = 401, .detail = "There is no such source, or this delivery does not prove that it comes from it."});
  }
  found->second->deliver(std::move(delivery), std::move(done));
}

}  // namespace triggers
