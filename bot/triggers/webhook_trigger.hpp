// Trigger source `webhook`: deliveries to POST /v1/signals/NAME.
//
// The life of a delivery: size and sender are checked over its raw bytes; it waits in the source's queue, which is
// bounded; with others of a round it is parsed, its signals go through noise control; once the cases that they open are
// on record and the deliveries' names on disk, it is answered with what became of each. So a delivery that is repeated
// for want of an answer is answered as the first one was, and counts once.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bot/triggers/deliveries.hpp"
#include "bot/triggers/occurrences.hpp"
#include "bot/triggers/webhook_auth.hpp"
#include "bot/triggers/webhook_payload.hpp"

namespace triggers {

struct WebhookSettings {
  WebhookForm form;
  WebhookAuth auth;
  std::string delivery_header;  // names the delivery; empty: none does
  core::Duration quiet{};       // an occurrence that is not heard of for so long is over
};

struct WebhookParts {
  ports::Loop& loop;
  ports::Workers& workers;
  ports::Log& log;
  ports::Redactor const& redactor;
  std::filesystem::path file;  // where the deliveries are remembered; empty: in memory alone
};

// Items of one source on their way through noise control.
class WebhookSignals {
 public:
  WebhookSignals(ports::Loop& loop, ports::Redactor const& redactor, WatchParts watch, core::TriggerRule rule,
                 core::Duration quiet);
  ~WebhookSignals() { loop_.cancel(timer_); }
  WebhookSignals(WebhookSignals const&) = delete;
  WebhookSignals& operator=(WebhookSignals const&) = delete;

  // `recorded`: once a case that it opened is on record; only if the answer is `opened`.
  Became take(WebhookItem const& item, std::function<void(core::Reply const&)> recorded);
  void heard_again(WebhookItem const& item);  // the same item told once more
  std::string occurrence_of(WebhookItem const& item) const;
  // What an earlier process knew of an occurrence: what of it stands; or when it was over.
  bool stands(std::string const& occurrence) const { return occurrences_.known(occurrence); }
  void standing(std::string const& occurrence, std::set<std::string> const& instances) {
    occurrences_.standing(occurrence, instances);
  }
  void was_over(std::string const& occurrence, core::Time at);
  // Hears of each occurrence that ended because nothing more was heard of it.
  void when_quiet(std::function<void(std::set<std::string> const&)> then) { quiet_then_ = std::move(then); }
  core::TriggerRule const& rule() const noexcept { return occurrences_.rule(); }

 private:
  struct Labels {
    std::map<std::string, std::string> shown, key;
  };
  Labels labels_of(WebhookItem const& item) const;
  Signal signal_of(WebhookItem item) const;
  void arm();

  ports::Loop& loop_;
  ports::Redactor const& redactor_;
  Occurrences occurrences_;
  core::Duration quiet_;
  std::function<void(std::set<std::string> const&)> quiet_then_;
  ports::Loop::TimerId timer_ = 0;
};

// Loop thread only.
class WebhookTrigger {
 public:
  static constexpr std::size_t kMostWaiting = 256;       // deliveries; more are told to come again (429)
  static constexpr std::size_t kMostBytes = 8u << 20;    // of those that wait
  static constexpr core::Duration kAnswerLimit{10'000};  // then: not recorded, come again

  WebhookTrigger(WebhookParts parts, WatchParts watch, core::TriggerRule rule, WebhookSettings settings);
  ~WebhookTrigger();  // who still waits is told to come again
  WebhookTrigger(WebhookTrigger const&) = delete;
  WebhookTrigger& operator=(WebhookTrigger const&) = delete;

  WebhookAuth const& auth() const noexcept { return settings_.auth; }
  void use(WebhookAuth auth) { settings_.auth = std::move(auth); }  // secrets that a reload read again
  // An authentic delivery that was answered 429: people hear how many.
  void turned_away();
  // An authentic delivery.
  void deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done);

 private:
  struct Waiting {
    ports::Delivery delivery;
    std::function<void(ports::DeliveryAnswer)> done;
  };
  struct Round;
  void next_round();
  void take(Round& round, Waiting waiting);
  std::string signature_name(ports::Delivery const& delivery) const;
  void settle(std::shared_ptr<Round> const& round);
  void finish(std::shared_ptr<Round> const& round, bool recorded);

  WebhookParts parts_;
  WatchParts watch_;
  WebhookSettings settings_;
  WebhookSignals signals_;
  Deliveries known_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::shared_ptr<Round> round_;  // under way
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// All webhooks by name: what the API hands deliveries to. Loop thread only.
class Webhooks final : public ports::SignalDesk {
 public:
  Webhooks(ports::Loop& loop, ports::RequestDesk& desk, SignalCounts* counts = nullptr)
      : loop_(loop), desk_(desk), counts_(counts) {}
  void deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done) override;
  // What is certain before the body is there.
  struct Look {
    bool known = false;                              // it is this source, by its token
    std::optional<ports::DeliveryAnswer> refusal{};  // no such source, or one with a token that is not this
  };
  Look look(std::string_view source, WebhookHeaders const& headers);
  // A delivery of this source, which proved itself by its token, was answered 429 by whoever reads heads.
  void turned_away(std::string_view source);
  // The service ends: from now on every delivery is to come again.
  void close();
  std::map<std::string, std::unique_ptr<WebhookTrigger>>& all() noexcept { return all_; }

 private:
  void count(unsigned status);

  ports::Loop& loop_;
  ports::RequestDesk& desk_;
  SignalCounts* counts_;
  std::map<std::string, std::unique_ptr<WebhookTrigger>> all_;
  bool closed_ = false;
};

}  // namespace triggers
