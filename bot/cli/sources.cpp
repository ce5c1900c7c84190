#include "bot/cli/sources.hpp"

#include <filesystem>
#include <utility>

#include "bot/triggers/probers.hpp"

namespace cli {

core::Result<std::map<std::string, triggers::WebhookAuth>> webhook_auths(config::Config const& config) {
  std::map<std::string, triggers::WebhookAuth> auths;
  for (auto const& [name, trigger] : config.webhook_triggers) {
    triggers::WebhookAuth auth{.token_sha256 = trigger.token_sha256,
                               .secret = {},
                               .signature_header = trigger.signature_header,
                               .signature_prefix = trigger.signature_prefix,
                               .timestamp_header = trigger.timestamp_header,
                               .window = trigger.timestamp_window};
    if (trigger.secret) {
      auto const place = "triggers." + name + ".webhook.secret (" + trigger.secret->describe() + ") ";
      auto const secret = trigger.secret->resolve();
      if (!secret) return core::make_error(core::Errc::unavailable, place + ": " + secret.error().message);
      if (auto const why = triggers::why_weak_secret(secret->reveal()))
        return core::make_error(core::Errc::unavailable,
                                place + *why + ": make one with openssl rand -hex 32 and give it to the sender");
      auth.secret = std::string(secret->reveal());
    }
    auths.emplace(name, std::move(auth));
  }
  return auths;
}

triggers::WebhookSettings webhook_settings(config::WebhookTrigger const& trigger, triggers::WebhookAuth auth) {
  using Kind = triggers::WebhookForm::Kind;
  bool const json = trigger.format == config::WebhookTrigger::Format::json;
  return {.form = {.kind = json ? Kind::json : Kind::alertmanager,
                   .labels = trigger.labels,
                   .title = trigger.title,
                   .status = trigger.status,
                   .delivery = trigger.delivery,
                   .firing = trigger.firing,
                   .resolved = trigger.resolved},
          .auth = std::move(auth),
          .delivery_header = trigger.delivery_header,
          .quiet = trigger.quiet};
}

triggers::LogRule log_rule(config::LogTrigger const& trigger) {
  return {.path = trigger.path, .count = trigger.count, .window = trigger.window, .quiet = trigger.quiet};
}

triggers::ProbeSettings probe_settings(std::string const& name, config::ProbeTrigger const& trigger) {
  return {.trigger = name,
          .target = triggers::describe(trigger.probe),
          .every = trigger.every,
          .timeout = trigger.timeout,
          .failures = trigger.failures};
}

Sources::Sources(SourceParts parts)
    : parts_(std::move(parts)),
      held_(parts_.loop, parts_.desk, parts_.log),
      watch_{.loop = parts_.loop,
             .desk = parts_.desk,
             .log = parts_.log,
             .noise = parts_.noise,
             .held = &held_,
             .counts = &counts_},
      webhooks_(parts_.loop, parts_.desk, &counts_) {}

triggers::WatchParts Sources::watch_of(char const* source) const {
  auto parts = watch_;
  parts.source = source;
  return parts;
}

void Sources::stop() {
  probes_.clear();
  logs_.clear();
  webhooks_.close();
  made_from_.clear();
}

void Sources::use(config::Config const& config, std::map<std::string, triggers::WebhookAuth> auths) {
  probes_.clear();
  auto const shown = config::public_json(config);
  std::map<std::string, std::string> now;
  auto const note = [&](std::string const& name, char const* kind) {
    now[name] = kind + core::dump(shown["wiring"][kind][name]) + core::dump(shown["triggers"][name]);
    return made_from_.contains(name) && made_from_.at(name) == now.at(name);
  };
  std::set<std::string> kept;
  for (auto const& [name, source] : config.log_triggers) {
    if (note(name, "logs")) kept.insert(name);
  }
  for (auto const& [name, source] : config.webhook_triggers) {
    if (note(name, "webhooks")) kept.insert(name);
  }
  std::erase_if(logs_, [&](auto const& one) { return !kept.contains(one.first); });
  std::erase_if(webhooks_.all(), [&](auto const& one) { return !kept.contains(one.first); });
  made_from_ = std::move(now);

  for (auto const& [name, source] : config.probe_triggers) add_probe(config, name, source);
  for (auto const& [name, source] : config.log_triggers) {
    if (!logs_.contains(name)) add_log(config.rules.triggers.at(name), source);
  }
  for (auto const& [name, source] : config.webhook_triggers) {
    auto const standing = webhooks_.all().find(name);
    if (standing != webhooks_.all().end()) {
      standing->second->use(std::move(auths.at(name)));
    } else {
      add_webhook(config.rules.triggers.at(name), source, std::move(auths.at(name)));
    }
  }
}

void Sources::add_probe(config::Config const& config, std::string const& name, config::ProbeTrigger const& source) {
  auto prober = triggers::make_prober(source.probe, parts_.loop, parts_.probes, parts_.http);
  if (!prober) return parts_.log.error("a trigger can't probe", {{"trigger", name}, {"why", prober.error().message}});
  auto const& rule = config.rules.triggers.at(name);
  auto& made = probes_.emplace_back();
  made.watch = std::make_unique<triggers::Watch>(watch_of("probe"), rule, rule.labels);
  auto& watch = *made.watch;
  made.probe = std::make_unique<triggers::ProbeTrigger>(
      parts_.loop, std::move(*prober), probe_settings(name, source),
      triggers::ProbeTrigger::Callbacks{
          .on_failed = [&watch](triggers::Signal signal) { watch.raised(std::move(signal)); },
          .on_recovered = [&watch](triggers::Signal const& signal) { watch.over(signal); },
          .on_failing = [&watch](triggers::Signal signal) { watch.still(std::move(signal)); }},
      /*failed=*/watch.reported());
}

void Sources::add_log(core::TriggerRule const& rule, config::LogTrigger const& source) {
  triggers::LogParts const parts{.loop = parts_.loop,
                                 .log = parts_.log,
                                 .notebook = parts_.notebook,
                                 .redactor = parts_.redactor,
                                 .thread = triggers::make_own_thread()};
  auto made = triggers::LogTrigger::make(parts, watch_of("log"), rule,
                                         {.rule = log_rule(source),
                                          .path = source.path,
                                          .match = source.match,
                                          .except = source.except,
                                          .max_line = static_cast<std::size_t>(source.max_line)});
  if (!made)
    return parts_.log.error("a trigger can't follow its log", {{"trigger", rule.name}, {"why", made.error().message}});
  logs_.emplace(rule.name, std::move(*made));
}

void Sources::add_webhook(core::TriggerRule const& rule, config::WebhookTrigger const& source,
                          triggers::WebhookAuth auth) {
  std::filesystem::path const folder = std::filesystem::path(parts_.state) / "signals";
  std::error_code error;  // said when the first delivery can't be remembered
  std::filesystem::create_directory(folder, error);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  triggers::WebhookParts const parts{.loop = parts_.loop,
                                     .workers = parts_.files,
                                     .log = parts_.log,
                                     .redactor = *parts_.redactor,
                                     .file = folder / rule.name};
  webhooks_.all().emplace(rule.name, std::make_unique<triggers::WebhookTrigger>(
                                         parts, watch_of("webhook"), rule, webhook_settings(source, std::move(auth))));
}

}  // namespace cli
