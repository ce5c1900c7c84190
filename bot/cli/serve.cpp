// `countersign serve`: builds the service from its parts and runs it. Plain members in order of dependence: destruction
// runs backwards.
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>

#include "bot/api/api.hpp"
#include "bot/cli/chats.hpp"
#include "bot/cli/collector_parts.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/config_watch.hpp"
#include "bot/cli/host.hpp"
#include "bot/cli/runners.hpp"
#include "bot/cli/snapshot_keeper.hpp"
#include "bot/cli/sources.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/noise.hpp"
#include "bot/core/text.hpp"
#include "bot/engine/engine.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "bot/process/sandbox.hpp"
#include "bot/runbooks/state_files.hpp"
#include "collectors/redactor.hpp"
#include "collectors/room.hpp"
#include "config/loader.hpp"
#include "ledger/async_ledger.hpp"
#include "ledger/recovery.hpp"
#include "ledger/snapshot.hpp"

namespace cli {

namespace {

constexpr std::size_t kFilesForTheRest = 256;  // ledger, chats, children: what is open besides the API's connections
constexpr auto kThreadsLimit = std::chrono::seconds(15);  // at the end, within systemd's 30 s: for what is under way
constexpr auto kLockLimit = std::chrono::seconds(20);     // for a killed service's runner to end its steps

template <class T>
T or_throw(core::Result<T> result) {
  if (!result) throw core::Failure(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

config::Config load_or_throw(std::string const& file) {
  auto outcome = config::load_file(file);
  if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
  if (!outcome.config)  // not wrong use: the service could not run
    throw core::Failure(
        core::make_error(core::Errc::unavailable, "the configuration has mistakes:\n" + config::check_report(outcome)));
  return std::move(*outcome.config);
}

std::vector<collectors::SecretPattern> extra_patterns(config::Config const& config) {
  std::vector<collectors::SecretPattern> patterns;
  for (auto const& expression : config.redact_patterns)
    patterns.push_back({"configured-" + std::to_string(patterns.size() + 1), expression});
  return patterns;
}

// One redactor for every sink, exchanged at a reload; safe from any thread.
class CurrentRedactor final : public ports::Redactor {
 public:
  explicit CurrentRedactor(std::shared_ptr<ports::Redactor const> first) : current_(std::move(first)) {}
  void replace(std::shared_ptr<ports::Redactor const> next) { current_.store(std::move(next)); }
  std::uint32_t redact(std::string& text) const override { return current_.load()->redact(text); }

 private:
  std::atomic<std::shared_ptr<ports::Redactor const>> current_;
};

std::shared_ptr<ports::Redactor const> make_redactor(config::Config const& config) {
  return or_throw(collectors::Redactor::make(extra_patterns(config)));
}

// Sets the limit of open files as high as it may be, and returns it. The runner and the steps have limits of their own.
std::size_t raise_open_files() {
  constexpr rlim_t kEnough = 1 << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  auto const wanted = std::min(limit.rlim_max, kEnough);
  if (limit.rlim_cur < wanted) {
    auto raised = limit;
    raised.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::size_t>(std::min(limit.rlim_cur, kEnough));
}

// Keys that a reload leaves as they are although the file says something else now.
std::string what_needs_a_restart(config::Config const& now, config::Config const& fresh) {
  std::string keys;
  auto const note = [&](bool differs, std::string_view key) {
    if (differs) keys += (keys.empty() ? "" : ", ") + std::string(key);
  };
  note(now.ledger.path != fresh.ledger.path, "ledger.path");
  note(now.ledger.key.name() != fresh.ledger.key.name(), "ledger.key");
  note(now.state.path != fresh.state.path, "state.path");
  note(now.state.side != fresh.state.side, "state.side");
  note(now.sandbox.mode != fresh.sandbox.mode || now.sandbox.writable != fresh.sandbox.writable, "sandbox");
  note(now.runners != fresh.runners, "runners");
  note(now.api.host != fresh.api.host || now.api.port != fresh.api.port, "api.listen");
  auto api = fresh.api;
  api.host = now.api.host;
  api.port = now.api.port;
  note(now.api != api, "api");
  note(now.chat != fresh.chat, "chat");
  return keys;
}

class Service {
 public:
  Service(config::Config config, std::string config_file, runbooks::SpawnOptions spawn, pid_t runner)
      : config_(std::move(config)),
        config_file_(std::move(config_file)),
        redactor_(std::make_shared<CurrentRedactor>(make_redactor(config_))),
        log_(make_log("info", redactor_)),
        state_dir_(or_throw(ledger::StateDir::open(config_.state.path, config_.state.side))),
        serve_lock_(or_throw(state_dir_.lock_serve())),
        loop_(io_),
        keeper_(io_, *log_, std::move(spawn), runner),
        runners_(io_, *log_, keeper_, config_.runners) {}

  int run() {
    try {
      return serve();
    } catch (std::exception const& fatal) {
      fatal_ = fatal.what();
      throw;
    }
  }

 private:
  int serve() {
    auto auths = or_throw(webhook_auths(config_));  // rather no service than one that believes everybody
    recover();
    open_ledger();
    http_ = net::make_http_client(io_);
    dialer_ = net::make_websocket_dialer(io_);
    programs_ = make_programs(loop_, threads_.programs, *log_);
    papers_ = make_papers(config_.ledger.path, loop_, threads_.ledger);
    side_ = make_side_file(state_dir_, loop_, threads_.side);
    collectors::RoomSettings const room_settings{.overall = config_.evidence_deadline};
    room_ = std::make_unique<collectors::Room>(loop_, threads_.evidence, redactor_,
                                               make_collectors(config_, good_versions_), room_settings);
    notebook_ = or_throw(make_notebook(state_dir_.path(), threads_.files, *log_));
    chats_.emplace(
        config_,
        ChatParts{.io = io_, .loop = loop_, .http = *http_, .dialer = *dialer_, .log = *log_, .notebook = *notebook_});
    noise_ = core::noise_of(folded_);
    engine_.emplace(
        engine::Parts{.loop = loop_,
                      .ledger = *ledger_,
                      .papers = *papers_,
                      .notebook = *notebook_,
                      .evidence = *room_,
                      .programs = *programs_,
                      .runner = runners_,
                      .side = *side_,
                      .log = *log_,
                      .adapters = chats_->adapters(),
                      .refold = [this] { return refold(); },
                      .has_room = [this] { return ledger::has_room(config_.ledger.path); },
                      .forget_started =
                          [this](core::RequestId const& id) {
                            if (auto const gone = runbooks::forget_started(state_dir_.path(), id); !gone)
                              log_->warn("a started marker could not be removed", {{"why", gone.error().message}});
                          },
                      .rules_changed = {},
                      .redact = [this](std::string& text) { redactor_->redact(text); },
                      .recorded =
                          [this](auto const& entries, auto const& receipts) {
                            if (api_) api_->recorded(entries, receipts);
                            if (engine_->writable()) keep_snapshot(receipts.back());
                          },
                      .stop_service = [this](core::Error const& error) { stop_now(error); },
                      .sandbox = to_string(config_.sandbox.mode),
                      .writable = config_.sandbox.writable,
                      .live = {.after = config_.chat.progress_after, .every = config_.chat.progress_every},
                      .groups = chats_->groups(),
                      .accounts = chats_->accounts()},
        std::move(folded_));
    sources_.emplace(SourceParts{.loop = loop_,
                                 .files = threads_.files,
                                 .probes = threads_.probes,
                                 .http = *http_,
                                 .log = *log_,
                                 .notebook = *notebook_,
                                 .redactor = redactor_,
                                 .desk = *engine_,
                                 .noise = noise_,
                                 .state = config_.state.path});
    api_ = std::make_unique<api::Api>(
        api::Parts{.io = io_,
                   .loop = loop_,
                   .desk = *engine_,
                   .redactor = *redactor_,
                   .log = *log_,
                   .configured = [this]() -> core::Rules const& { return config_.rules; },
                   .history = make_history(config_.ledger.path, loop_, threads_.ledger),
                   .papers = *papers_,
                   .signals = &sources_->signals(),
                   .sender =
                       [this](std::string_view source, net::Headers const& headers) {
                         auto look = sources_->signals().look(source, headers);
                         return api::SenderLook{look.known, std::move(look.refusal)};
                       },
                   .turned_away = [this](std::string_view source) { sources_->signals().turned_away(source); },
                   .figures = [this] { return sources_->figures(); },
                   .version = kVersion},
        api_settings());
    io_.on_signals({SIGINT, SIGTERM, SIGHUP}, [this](int signal) { signal == SIGHUP ? reload() : stop(); });
    runners_.start(*engine_);
    begin();
    watch_clock();
    chats_->start(*engine_);
    sources_->use(config_, std::move(auths));
    config_watch_.emplace(ConfigWatch::Parts{.loop = loop_,
                                             .workers = threads_.watch,
                                             .log = *log_,
                                             .redactor = redactor_,
                                             .state = [this]() -> core::State const& { return engine_->state(); }},
                          watched_configurations(config_, good_versions_));
    io_.run();
    config_watch_.reset();
    sources_->stop();
    chats_->stop();
    runners_.stop();
    return exit_;
  }

  // A failed fsync of the process before us: what it left behind is written again before anything else happens.
  void recover() {
    auto const marker = or_throw(state_dir_.fsync_failed());
    if (!marker) return;
    auto const pub = or_throw(ledger::read_public_key(config_.ledger.key.name() + ".pub"));
    auto recovered = or_throw(ledger::recover_after_fsync_failure(config_.ledger.path, *marker, pub));
    for (auto const& entry : recovered.dropped) dropped_.push_back(entry.commit);
    recovered_ = true;
    log_->warn("the ledger was recovered after a failed fsync",
               {{"head", recovered.head.commit}, {"dropped", std::uint64_t{dropped_.size()}}});
  }

  void open_ledger() {
    auto key = or_throw(ledger::SigningKey::read(config_.ledger.key.name()));
    pin_ = key.public_key().fingerprint();
    signer_ = key.public_key();
    auto store = or_throw(ledger::Store::open(config_.ledger.path, std::move(key)));
    folded_ = or_throw(refold());
    snapshots_.emplace(snapshot_file(), or_throw(ledger::SigningKey::read(config_.ledger.key.name())),
                       folded_.entries - folded_tail_, loop_, threads_.files, *log_);
    loop_.not_before(folded_.now);
    ledger_ = std::make_unique<ledger::AsyncLedger>(std::move(store), loop_,
                                                    ledger::AsyncOptions{.state = &state_dir_, .before_batch = {}});
  }

  // As many connections as the configuration says and the limit of open files allows.
  api::Settings api_settings() const {
    auto const& wanted = config_.api;
    auto const files = raise_open_files();
    auto const most = files > kFilesForTheRest ? files - kFilesForTheRest : 1;
    if (most < wanted.max_connections)
      log_->warn("fewer connections to the API than configured: too few files may be open",
                 {{"max_connections", std::uint64_t{most}}, {"open_files", std::uint64_t{files}}});
    return {.host = wanted.host,
            .port = wanted.port,
            .certificate = wanted.certificate,
            .key = wanted.key.name(),
            .max_connections = std::min<std::size_t>(wanted.max_connections, most),
            .max_connections_per_address = wanted.max_connections_per_address,
            .requests_per_second = wanted.requests_per_second};
  }

  std::filesystem::path snapshot_file() const { return state_dir_.path() / "snapshot"; }

  // While the ledger can be written, the engine's state is exactly what is on record up to `head`.
  void keep_snapshot(core::Receipt const& head) {
    stopping_ ? snapshots_->stopping(engine_->state(), head) : snapshots_->recorded(engine_->state(), head);
  }

  core::Result<core::State> refold() {
    auto fold = ledger::fold_with_snapshot(
        config_.ledger.path, ledger::Trust::own, pin_, snapshot_file(), &signer_, [this](std::string const& why) {
          log_->warn("the snapshot was deleted and the ledger is folded anew", {{"why", why}});
        });
    if (!fold) return fold.error();
    folded_tail_ = (*fold)->taken();
    return (*fold)->take_state();
  }

  void begin() {
    auto const markers = runbooks::started_markers(state_dir_.path());
    core::ServiceStarted started{.version = kVersion,
                                 .commit = kCommit,
                                 .rules = config_.rules,
                                 .config_bytes = core::canonical(config::public_json(config_)),
                                 .recovered_from_fsync_failure = recovered_,
                                 .dropped = dropped_,
                                 .started = {markers.begin(), markers.end()}};
    engine_->start(std::move(started), [this] {
      // The marker goes, now that the recovery and what it voids are on disk. A start that finds it again drops what is
      // recorded from here on, so without that nothing more may happen: no effect, no answer to a vote or a request.
      if (recovered_) {
        if (auto const cleared = state_dir_.clear_fsync_failed(); !cleared)
          std::_Exit(print_failure(core::make_error(cleared.error().code,
                                                    "the ledger is recovered, but nothing can be recorded while the "
                                                    "marker of the failed fsync stands there: " +
                                                        cleared.error().message + " Mend that and start again."),
                                   /*json=*/false));
      }
      ledger::forget_suspects(config_.ledger.path);  // also those of a recovery that was killed here
    });
    auto const scheme = std::string(config_.api.certificate.empty() ? "http://" : "https://");
    log_->info("ready", {{"api", scheme + config_.api.host + ":" + std::to_string(api_->port())},
                         {"port", std::int64_t{api_->port()}},
                         {"ledger", config_.ledger.path},
                         {"pin", pin_},
                         {"entries_folded", folded_tail_},
                         {"sandbox", std::string(to_string(config_.sandbox.mode))},
                         {"version", std::string(kVersion)},
                         {"commit", std::string(kCommit)}});
  }

  // Timers run by the monotonic clock; what the wall clock made due meanwhile is seen here (F11).
  void watch_clock() {
    loop_.clock_was_set = [this](core::Duration by) {
      log_->warn("the wall clock was set", {{"by_ms", std::int64_t{by.count()}}, {"forward", by.count() > 0}});
      if (by.count() > 0) loop_.post([this] { engine_->look_at_clock(); });
    };
    look_again_at_clock();
  }
  void look_again_at_clock() {
    static_cast<void>(loop_.now());
    give_memory_back();
    io_.call_after(std::chrono::seconds(1), [this] { look_again_at_clock(); });
  }

  // What a burst leaves free between what stays goes back in the first second without an entry: glibc keeps it for the
  // next one. Under a millisecond for 50 MiB.
  void give_memory_back() {
#ifdef __GLIBC__
    constexpr std::uint64_t kBurst = 100;  // entries
    auto const entries = engine_->state().entries;
    if (std::exchange(entries_seen_, entries) != entries || entries < entries_trimmed_ + kBurst) return;
    entries_trimmed_ = entries;
    ::malloc_trim(0);
#endif
  }

  // All or nothing: a file with mistakes changes nothing and is said.
  void reload() {
    if (stopping_) return;
    auto outcome = config::load_file(config_file_);
    if (!outcome.config)
      return log_->error("the configuration was not reloaded", {{"problems", config::check_report(outcome)}});
    auto& fresh = *outcome.config;
    auto redactor = collectors::Redactor::make(extra_patterns(fresh));
    if (!redactor) return log_->error("the configuration was not reloaded", {{"problems", redactor.error().message}});
    auto auths = webhook_auths(fresh);
    if (!auths) return log_->error("the configuration was not reloaded", {{"problems", auths.error().message}});
    if (auto const fixed = what_needs_a_restart(config_, fresh); !fixed.empty())
      log_->warn("changed in the file, but in force only after a restart", {{"keys", fixed}});
    fresh.ledger = config_.ledger;  // ledger, state and listeners don't reload
    fresh.state = config_.state;
    fresh.sandbox = config_.sandbox;
    fresh.runners = config_.runners;
    fresh.api = config_.api;
    fresh.chat = config_.chat;  // its connections stand; a restart takes other ones. Their secrets are read again:
    auto secrets = chats_->read_secrets_again(config_.chat);
    if (!secrets) return log_->error("the configuration was not reloaded", {{"problems", secrets.error().message}});
    auto const bytes = core::canonical(config::public_json(fresh));
    auto const rules = fresh.rules;
    auto next = std::make_shared<config::Config>(std::move(fresh));
    std::shared_ptr<ports::Redactor const> const shared(std::move(*redactor));
    engine_->reload(
        rules, bytes,
        [this, next, shared, auths = std::move(*auths), take_secrets = std::move(*secrets)](bool recorded) {
          if (!recorded)
            return log_->error("the configuration was not reloaded", {{"problems", "it could not be recorded"}});
          take_secrets();
          use(std::move(*next), shared, auths);
        });
  }

  // Only once config.loaded is durable.
  void use(config::Config next, std::shared_ptr<ports::Redactor const> redactor,
           std::map<std::string, triggers::WebhookAuth> auths) {
    config_ = std::move(next);
    redactor_->replace(std::move(redactor));
    config_watch_->replace(watched_configurations(config_, good_versions_));
    room_->replace(make_collectors(config_, good_versions_), {.overall = config_.evidence_deadline}, redactor_);
    chats_->configure(config_.rules);
    sources_->use(config_, std::move(auths));
    api_->reconfigured();
    if (auto const renewed = api_->renew_certificate(); !renewed)
      log_->error("the API's certificate was not renewed; the old one stays", {{"why", renewed.error().message}});
    log_->info("configuration reloaded");
  }

  void stop() {
    if (stopping_) return;
    stopping_ = true;
    log_->info("stopping");
    sources_->stop();
    chats_->stop();
    auto const end = [this] { io_.stop(); };
    io_.call_after(std::chrono::seconds(10), end);
    engine_->stop(end);
  }

  void stop_now(core::Error const& error) {
    log_->error("stopping: what the disk holds is unknown; the next start finds out", {{"why", error.message}});
    exit_ = kFailed;
    io_.call_after(std::chrono::milliseconds(500), [this] { io_.stop(); });  // lets answers and notices leave
  }

  // What a thread uses must outlive it, and one that hangs never ends: then the process ends here, when everything else
  // (ledger, runner, connections) has ended in order.
  void leave() {
    if (threads_.finish(std::chrono::seconds(1))) return;
    log_->warn("some work does not end; the service waits 15 s for it");  // the log's thread has time to write that
    if (threads_.finish(kThreadsLimit)) return;
    if (!fatal_.empty())
      std::fprintf(stderr, "countersign: %s\n",
                   core::one_line(fatal_, 2000).c_str());  // nobody else will come to say it
    std::_Exit(std::uncaught_exceptions() > 0 ? kFailed : exit_);
  }
  struct Leaving {
    Service& service;
    ~Leaving() { service.leave(); }
  };

  int exit_ = kDone;
  std::string fatal_;
  config::Config config_;
  std::string config_file_;
  std::shared_ptr<CurrentRedactor> redactor_;
  std::unique_ptr<ports::Log> log_;
  ledger::StateDir state_dir_;
  ledger::FileLock serve_lock_;
  net::Io io_;
  IoLoop loop_;
  std::string pin_;
  ledger::PublicKey signer_;
  core::State folded_;
  std::uint64_t folded_tail_ = 0;  // entries that no snapshot spared
  bool recovered_ = false;
  std::vector<std::string> dropped_;
  core::Noise noise_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::WebSocketDialer> dialer_;
  std::unique_ptr<ports::SideFile> side_;  // before the threads, which write it
  Threads threads_;
  Leaving leaving_{*this};
  std::unique_ptr<ports::Programs> programs_;
  std::unique_ptr<ports::Papers> papers_;
  std::shared_ptr<collectors::GoodVersions> const good_versions_ =
      std::make_shared<collectors::GoodVersions>(config_.state.path + "/config-good");
  std::unique_ptr<collectors::Room> room_;
  std::optional<SnapshotKeeper> snapshots_;
  std::unique_ptr<ledger::AsyncLedger> ledger_;
  RunnerKeeper keeper_;
  Runners runners_;
  std::unique_ptr<ports::Notebook> notebook_;
  std::optional<Chats> chats_;
  std::optional<engine::Engine> engine_;
  std::optional<Sources> sources_;
  std::unique_ptr<api::Api> api_;
  std::optional<ConfigWatch> config_watch_;
  std::uint64_t entries_seen_ = 0, entries_trimmed_ = 0;
  bool stopping_ = false;
};

// Ours alone whatever the umask is: the runner refuses a state directory that others may write.
void make_private_folder(std::filesystem::path const& path) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    throw core::Failure(core::make_error(core::Errc::unavailable, "the folder " + path.string() + " can't be made: " +
                                                                      std::generic_category().message(errno)));
}

// Tokens and keys are in our memory: no core file of it is written and no other process of the account looks into it,
// whatever the system's settings are (T33). Children inherit the limit.
void forbid_dumps() {
  rlimit const none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    throw core::Failure(core::make_error(core::Errc::unavailable,
                                         "core dumps can't be turned off: " + std::generic_category().message(errno)));
}

// glibc would learn from one large block (a snapshot) to keep as much at hand for ever, and gives each thread a heap of
// its own.
void keep_memory_small() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
  ::mallopt(M_ARENA_MAX, 2);
#endif
}

int serve(std::string const& file) {
  keep_memory_small();
  auto config = load_or_throw(file);
  auto const key_file = config.ledger.key.name();
  auto const pub = ledger::read_public_key(key_file + ".pub");
  if (!std::filesystem::exists(config.ledger.path) || !pub) {
    std::fprintf(stderr,
                 "countersign: there is no ledger or key yet. Make them once:\n  countersign keygen --out %s\n  "
                 "countersign ledger init --ledger %s --key %s\n",
                 key_file.c_str(), config.ledger.path.c_str(), key_file.c_str());
    return kFailed;
  }
  make_private_folder(config.state.path);
  make_private_folder(config.state.side);
  if (config.sandbox.mode == config::Sandbox::Mode::strict) {
    if (auto const why = process::why_no_strict(config.state.path, config.sandbox.writable); !why.empty())
      throw core::Failure(core::make_error(
          core::Errc::unavailable, "sandbox.mode is strict, which can't work here: " + why +
                                       ". Mend that, or write mode: basic and rely on the unit's own hardening"));
  }
  // The runner of a service that was killed ends its steps by itself; only then is it known what was cut off.
  if (!runbooks::wait_for_runner_lock(config.state.path, kLockLimit))
    throw core::Failure(core::make_error(core::Errc::unavailable, "another runner still holds " + config.state.path +
                                                                      "/runner.lock; is another service running?"));
  runbooks::SpawnOptions spawn{.ledger = config.ledger.path,
                               .pin = pub->fingerprint(),
                               .state = config.state.path,
                               .socket = config.state.path + "/runner/socket"};
  // Before any secret is read.
  auto const runner = or_throw(runbooks::spawn_runner(spawn));
  forbid_dumps();
  Service service(std::move(config), file, std::move(spawn), runner);
  return service.run();
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("serve", "Run the service");
  auto const file = std::make_shared<std::string>();
  command->add_option("-c,--config", *file, "The configuration file")->required()->type_name("FILE");
  command->footer(
      "Example:\n  countersign serve -c /etc/countersign/countersign.yaml\nLogs JSON lines to standard error; the line "
      "\"ready\" names the addresses. SIGHUP reloads, SIGTERM stops.");
  command->callback([&action, file] { action = [file] { return serve(*file); }; });
}

}  // namespace cli
