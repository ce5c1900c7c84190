// The entry as such, and what it says of the service, the configuration, cases and evidence.
#include <algorithm>
#include <array>
#include <utility>

#include "bot/core/application.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"

namespace core {

void Application::run() {
  require(!entry_.files.empty(), "an entry adds no file");
  auto parsed = parse_json(entry_.files.front().bytes, {.max_bytes = 8 << 20, .max_string = 4 << 20});
  if (!parsed) broken("its main file is no JSON: " + parsed.error().message);
  main_ = std::move(*parsed);
  // A commit knows whole seconds only; the file has the milliseconds.
  auto const time = parse_time(main_[entry_.kind == "request.opened" ? "opened_at" : "time"].text());
  if (!time) broken("its main file tells no time");
  time_ = *time;
  require(std::chrono::floor<std::chrono::seconds>(time_) == std::chrono::floor<std::chrono::seconds>(entry_.time),
          "the time in its file is not the entry's");
  require(time_ >= state_.now, "its time lies before the entry before it");
  static constexpr std::array<std::pair<std::string_view, void (Application::*)()>, 25> kHandlers{{
      {"ledger.opened", &Application::ledger_opened},
      {"ledger.recovered", &Application::ledger_recovered},
      {"service.started", &Application::service_started},
      {"service.stopped", &Application::service_stopped},
      {"config.loaded", &Application::config_loaded},
      {"groups.read", &Application::groups_read},
      {"case.opened", &Application::case_opened},
      {"case.closed", &Application::case_closed},
      {"evidence.collected", &Application::evidence_collected},
      {"request.accepted", &Application::request_accepted},
      {"request.opened", &Application::request_opened},
      {"request.post_intent", &Application::post_intent},
      {"request.posted", &Application::posted},
      {"vote.approve", &Application::vote},
      {"vote.deny", &Application::vote},
      {"vote.withdrawn", &Application::vote},
      {"vote.refused", &Application::vote_refused},
      {"question.asked", &Application::question_asked},
      {"request.approved", &Application::approved},
      {"request.denied", &Application::denied},
      {"request.expired", &Application::expired},
      {"request.cancelled", &Application::cancelled},
      {"request.voided", &Application::voided},
      {"run.started", &Application::run_started},
      {"run.finished", &Application::run_finished},
  }};
  auto const handler = std::ranges::find(kHandlers, std::string_view(entry_.kind),
                                         &std::pair<std::string_view, void (Application::*)()>::first);
  if (handler == kHandlers.end()) broken("the kind " + entry_.kind + " is not known to this release");
  require(state_.entries > 0 || entry_.kind == "ledger.opened", "the first entry must be ledger.opened");
  check_folder();
  (this->*handler->second)();
  keep_indexes();
  settle_cases();
  state_.now = time_;
  ++state_.entries;
}

void Application::check_folder() {
  std::string folder;
  if (!entry_.request_id.empty()) {
    folder = request_id().folder() + "/";
  } else if (!entry_.case_id.empty()) {
    folder = case_id().folder() + "/";
  }
  for (auto const& file : entry_.files) {
    bool const at_root = state_.entries == 0 && (file.path == "README.md" || file.path.starts_with("keys/"));
    bool const inside = folder.empty()
                            ? file.path.starts_with("service/") || file.path.starts_with("config/") || at_root
                            : file.path.starts_with(folder);
    require(inside && is_ledger_path(file.path), "it adds a file outside the folder that it is about");
  }
}

void Application::keep_indexes() {
  if (entry_.request_id.empty()) return;
  auto const found = state_.requests.find(request_id());
  if (found == state_.requests.end()) return;
  auto const& [id, about] = *found;
  bool const approved = about.phase == Phase::approved, running = about.phase == Phase::running;
  if (is_final(about.phase)) {
    state_.open.erase(id);
  } else {
    state_.open.insert(id);
  }
  if (approved || running) {
    state_.active.insert(id);
  } else {
    state_.active.erase(id);
  }
  if (!about.bound) return;
  if (approved || about.phase == Phase::pending) {
    state_.due.emplace(about.bound->expires_at, id);
  } else {
    state_.due.erase({about.bound->expires_at, id});
  }
}

ObjectReader Application::open(std::int64_t schema) {
  ObjectReader reader(main_, entry_.kind);
  reader.schema(schema);
  require(reader.text("kind") == entry_.kind, "the kind in its file is not the entry's");
  static_cast<void>(reader.time("time"));
  require(reader.text("actor") == entry_.actor.str(), "the actor in its file is not the entry's");
  return reader;
}

ObjectReader Application::open_request_file(std::int64_t schema) {
  auto reader = open(schema);
  require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
  require(reader.text("request") == entry_.request_id, "the request in its file is not the entry's");
  return reader;
}

CaseId Application::case_id() {
  auto id = CaseId::parse(entry_.case_id);
  if (!id) broken(id.error().message);
  return *id;
}

RequestId Application::request_id() {
  auto id = RequestId::parse(entry_.request_id);
  if (!id) broken(id.error().message);
  require(id->case_id().str() == entry_.case_id, "the request is not of the entry's case");
  return *id;
}

RequestState& Application::request() {
  auto const found = state_.requests.find(request_id());
  require(found != state_.requests.end(), "it is about a request that was never accepted");
  return found->second;
}

RequestState* Application::request_or_forgotten() {
  auto const id = request_id();
  auto const found = state_.requests.find(id);
  if (found != state_.requests.end()) return &found->second;
  require(!state_.cases.contains(id.case_id()) && state_.may_have_forgotten(id.case_id()),
          "it is about a request that was never accepted");
  return nullptr;
}

void Application::main_path(std::string const& path) {
  require(entry_.files.front().path == path, "its main file stands at another path than its content says");
}

std::string Application::four_digits(std::uint32_t number) {
  auto const text = std::to_string(number);
  return std::string(text.size() < 4 ? 4 - text.size() : 0, '0') + text;
}

void Application::count_service_file() {
  require(entry_.case_id.empty() && entry_.request_id.empty(), "an entry of the service names a case or request");
  auto const day = format_day(time_);
  auto const counter = state_.service_counter.next(day);
  main_path(entries::service_path(time_, counter));
  state_.service_counter = {day, counter};
}

void Application::ledger_opened() {
  require(state_.entries == 0, "ledger.opened stands only at the beginning");
  auto reader = open();
  auto instance = reader.text("instance");
  require(!instance.empty(), "the instance is empty");
  count_service_file();
  state_.instance = std::move(instance);
  state_.first_key = main_["key"]["fingerprint"].text();
}

void Application::ledger_recovered() {
  auto reader = open();
  static_cast<void>(reader.texts("dropped"));
  reader.done();
  count_service_file();
}

void Application::service_started() {
  auto reader = open();
  static_cast<void>(reader.text("version"));
  static_cast<void>(reader.text("commit"));
  require(reader.digest("config") == state_.config_digest, "it names another configuration than the one loaded");
  reader.done();
  count_service_file();
  state_.running = true;
}

void Application::service_stopped() {
  open().done();
  count_service_file();
  state_.running = false;
}

void Application::config_loaded() {
  auto reader = open();
  auto const digest = reader.digest("config");
  auto const path = reader.text("file");
  reader.done();
  require(path == "config/" + digest.substr(7) + ".json", "the configuration's file is not named by its digest");
  auto bytes = lookup_(path);
  if (!bytes) broken("the configuration's file can't be read: " + bytes.error().message);
  require(digest_of(*bytes) == digest, "the configuration's file has another digest");
  auto rules = rules_from_bytes(*bytes);
  if (!rules) broken(rules.error().message);
  count_service_file();
  // What is known of a group stays known as long as its source is the same, of persons whose account is the same.
  auto const before = std::exchange(state_.rules, std::move(*rules));
  std::erase_if(state_.memberships, [&](auto const& known) {
    auto const source = state_.rules.sources.find(known.first);
    return source == state_.rules.sources.end() || source->second != before.sources.at(known.first);
  });
  for (auto const& [group, asked_at] : state_.memberships) {
    auto const& platform = state_.rules.sources.at(group).platform;
    for (auto const& key : before.members(group)) {
      auto const person = state_.rules.people.find(key);
      if (person == state_.rules.people.end()) continue;
      auto const account = person->second.accounts.find(platform);
      if (account != person->second.accounts.end() && account->second == before.person(key)->accounts.at(platform))
        person->second.groups.insert(group);
    }
    state_.rules.unread.erase(group);
  }
  state_.config_digest = digest;
  state_.config_files.insert(digest);
}

void Application::groups_read() {
  auto reader = open();
  auto const group = reader.text("group");
  GroupSource const source{.platform = reader.text("platform"), .id = reader.text("id")};
  auto const known = state_.rules.sources.find(group);
  require(known != state_.rules.sources.end() && known->second == source,
          "it is about a group that the configuration gives no such source");
  bool const read = reader.has("members");
  std::set<std::string> members;
  if (read) {
    auto const listed = reader.texts("members");
    members.insert(listed.begin(), listed.end());
    require(std::vector<std::string>(members.begin(), members.end()) == listed, "its members are not sorted");
  } else {
    static_cast<void>(reader.any("members"));
  }
  require(reader.has("asked_at") == read, "members and the time of asking come together");
  auto const asked_at = read ? reader.time("asked_at") : Time{};
  if (!read) static_cast<void>(reader.any("asked_at"));
  require(asked_at <= time_, "the platform was asked after the entry");
  static_cast<void>(reader.integer("strangers"));
  reader.done();
  for (auto const& key : members) {
    auto const* person = state_.rules.person(key);
    require(person && person->accounts.contains(source.platform),
            "a member is no person of the configuration with an account there");
  }
  count_service_file();
  for (auto& [key, person] : state_.rules.people) {
    members.contains(key) ? static_cast<void>(person.groups.insert(group))
                          : static_cast<void>(person.groups.erase(group));
  }
  if (read) {
    state_.memberships[group] = asked_at;
    state_.rules.unread.erase(group);
  } else {
    state_.memberships.erase(group);
    state_.rules.unread.insert(group);
  }
}

void Application::require_fresh(std::set<std::string> const& groups) {
  for (auto const& group : groups) {
    auto const known = state_.memberships.find(group);
    require(known == state_.memberships.end() || time_ - known->second <= kMembershipFresh,
            "the members of a group that it depends on were read more than 60 s before");
  }
}

void Application::case_opened() {
  require(entry_.request_id.empty(), "a case is opened before its requests");
  CaseState opened{.id = case_id()};
  require(!state_.cases.contains(opened.id), "the case exists already");
  auto reader = open();
  require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
  opened.title = reader.text("title");
  opened.trigger = reader.text_or_null("trigger");
  opened.dedupe_key = reader.text("dedupe_key");
  opened.labels = reader.text_map("labels");
  opened.channels = reader.texts("channels");
  static_cast<void>(reader.text("signal"));
  reader.done();
  opened.opened_at = time_;
  main_path(opened.id.folder() + "/case.json");
  auto const day = format_day(time_);
  require(opened.id.day() == day, "the case's day is not the day of its entry");
  require(opened.id.counter() == state_.case_counter.next(day), "the case's number is not the next of its day");
  state_.case_counter = {day, opened.id.counter()};
  auto const id = opened.id;
  state_.cases.emplace(id, std::move(opened));
  state_.open_cases.insert(id);
}

void Application::case_closed() {
  auto const id = case_id();
  auto const found = state_.cases.find(id);
  require(found != state_.cases.end() && !found->second.closed, "it closes a case that is not open");
  auto reader = open();
  require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
  main_path(id.folder() + "/closed.json");
  for (auto const& request : state_.open) require(request.case_id() != id, "it closes a case with an open request");
  found->second.closed = true;
  found->second.closed_at = time_;
  state_.open_cases.erase(id);
}

void Application::evidence_collected() {
  auto reader = open();
  require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
  require(reader.text_or_null("request") == entry_.request_id, "the request in its file is not the entry's");
  std::vector<ManifestItem> items;
  for (auto& exhibit : reader.objects("exhibits")) {
    items.push_back({exhibit.text("name"), exhibit.text("file"), exhibit.text("sha256"), exhibit.text("media_type"),
                     exhibit.text("error"), static_cast<std::uint64_t>(exhibit.integer("bytes"))});
  }
  std::vector<Highlight> highlights;
  for (auto& highlight : reader.objects("highlights"))
    highlights.push_back({highlight.text("exhibit"), highlight.text("text")});
  auto const digest = digest_of(entry_.files.front().bytes);
  if (entry_.request_id.empty()) {
    auto const id = case_id();
    auto const found = state_.cases.find(id);
    main_path(id.folder() + "/evidence/manifest.json");
    if (found == state_.cases.end() && state_.may_have_forgotten(id)) return;  // a collector that outlived its case
    require(found != state_.cases.end(), "its case was never opened");
    require(found->second.evidence.empty(), "the case's evidence was collected already");
    found->second.evidence = digest;
    found->second.exhibits = std::move(items);
    found->second.highlights = std::move(highlights);
    return;
  }
  for (auto& item : reader.objects("case_exhibits")) {
    items.push_back({item.text("name"), item.text("file"), item.text("sha256"), item.text("media_type"),
                     item.text("error"), static_cast<std::uint64_t>(item.integer("bytes"))});
  }
  auto& about = request();
  require(about.phase == Phase::collecting && about.evidence.empty(),
          "evidence comes once, before the request is opened");
  main_path(about.id.folder() + "/evidence/manifest.json");
  about.evidence = digest;
  about.exhibits = std::move(items);
  about.highlights = std::move(highlights);
}

}  // namespace core
