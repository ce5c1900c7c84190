// The triggers of a configuration, built from their parts: probes, followed logs, webhooks.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "bot/core/noise.hpp"
#include "bot/net/http_client.hpp"
#include "bot/ports.hpp"
#include "bot/triggers/log_trigger.hpp"
#include "bot/triggers/probe.hpp"
#include "bot/triggers/webhook_trigger.hpp"
#include "config/config.hpp"

namespace cli {

// How each webhook's sender proves itself; reads the secrets. An error names the first one that can't be read or that
// nobody should rely on (T8): then nothing is to start.
core::Result<std::map<std::string, triggers::WebhookAuth>> webhook_auths(config::Config const& config);

// As bot/triggers knows them.
triggers::WebhookSettings webhook_settings(config::WebhookTrigger const& trigger, triggers::WebhookAuth auth);
triggers::LogRule log_rule(config::LogTrigger const& trigger);
triggers::ProbeSettings probe_settings(std::string const& name, config::ProbeTrigger const& trigger);

struct SourceParts {
  ports::Loop& loop;
  ports::Workers& files;   // write down the names of deliveries
  ports::Workers& probes;  // apart: a probe may hang
  net::HttpClient& http;
  ports::Log& log;
  ports::Notebook& notebook;
  std::shared_ptr<ports::Redactor const> redactor;
  ports::RequestDesk& desk;
  core::Noise& noise;
  std::string state;  // state.path
};

// Loop thread only.
class Sources {
 public:
  explicit Sources(SourceParts parts);

  // Replaces what was there. A log or webhook whose rule and source are the same as before goes on as it is (but for
  // its secret), with all that it holds.
  void use(config::Config const& config, std::map<std::string, triggers::WebhookAuth> auths);
  void stop();  // for good
  triggers::Webhooks& signals() noexcept { return webhooks_; }
  std::vector<ports::Figure> figures() const { return counts_.figures(); }

 private:
  struct WatchedProbe {
    std::unique_ptr<triggers::Watch> watch;
    std::unique_ptr<triggers::ProbeTrigger> probe;
  };
  triggers::WatchParts watch_of(char const* source) const;
  void add_probe(config::Config const& config, std::string const& name, config::ProbeTrigger const& source);
  void add_log(core::TriggerRule const& rule, config::LogTrigger const& source);
  void add_webhook(core::TriggerRule const& rule, config::WebhookTrigger const& source, triggers::WebhookAuth auth);

  SourceParts parts_;
  triggers::HeldDesk held_;
  triggers::SignalCounts counts_;
  triggers::WatchParts watch_;
  std::map<std::string, std::string> made_from_;  // trigger → rule and source, of logs and webhooks
  std::list<WatchedProbe> probes_;
  std::map<std::string, std::unique_ptr<triggers::LogTrigger>> logs_;
  triggers::Webhooks webhooks_;
};

}  // namespace cli
