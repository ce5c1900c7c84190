#include "bot/core/archive.hpp"

#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "bot/core/digest.hpp"

namespace core {

namespace {

// --- the fields of everything in a state ----------------------------------------------------------------------------

// A structured binding must name every member: a field that is added and forgotten here does not compile.

template <class T, class Of>
concept Is = std::same_as<std::remove_const_t<T>, Of>;

template <Is<Actor> T>
auto fields(T& value) {
  auto& [kind, key] = value;
  return std::tie(kind, key);
}
template <Is<Decision> T>
auto fields(T& value) {
  auto& [verdict, actor, by, at, reason, entry] = value;
  return std::tie(verdict, actor, by, at, reason, entry);
}
template <Is<RunState> T>
auto fields(T& value) {
  auto& [started_at, finished_at, cause, explanation, exit_code, step, output_tail] = value;
  static_cast<void>(output_tail);  // only in the process that saw the run end
  return std::tie(started_at, finished_at, cause, explanation, exit_code, step);
}
template <Is<PostState> T>
auto fields(T& value) {
  auto& [number, purpose, platform, channel, address, key, rendering, at, ref] = value;
  return std::tie(number, purpose, platform, channel, address, key, rendering, at, ref);
}
template <Is<Question> T>
auto fields(T& value) {
  auto& [number, person, at, text] = value;
  return std::tie(number, person, at, text);
}
template <Is<Highlight> T>
auto fields(T& value) {
  auto& [exhibit, text] = value;
  return std::tie(exhibit, text);
}
template <Is<ManifestItem> T>
auto fields(T& value) {
  auto& [name, file, sha256, media_type, error, bytes] = value;
  return std::tie(name, file, sha256, media_type, error, bytes);
}
template <Is<Need> T>
auto fields(T& value) {
  auto& [group, count] = value;
  return std::tie(group, count);
}
template <Is<Policy> T>
auto fields(T& value) {
  auto& [name, request, approve, notify, self_approval, approver, requester, expires] = value;
  return std::tie(name, request, approve, notify, self_approval, approver, requester, expires);
}
template <Is<ProgramIdentity::Interpreter> T>
auto fields(T& value) {
  auto& [path, sha256, argument] = value;
  return std::tie(path, sha256, argument);
}
template <Is<ProgramIdentity> T>
auto fields(T& value) {
  auto& [path, sha256, interpreter] = value;
  return std::tie(path, sha256, interpreter);
}
template <Is<Vote> T>
auto fields(T& value) {
  auto& [person, verdict, at, platform, account, note, via, rendering, envelope, groups, number, repeats] = value;
  return std::tie(person, verdict, at, platform, account, note, via, rendering, envelope, groups, number, repeats);
}
template <Is<RequestState> T>
auto fields(T& value) {
  auto& [id, phase, requester, initiator, runbook, parameters, reason, labels, channels, accepted_at, evidence,
         highlights, exhibits, bound, binding, pinned, votes, deliveries, repeats, done_voting, vote_files, post_files,
         posts, again_of, questions, decision, run, last_commit] = value;
  static_cast<void>(repeats);  // clicks that made no entry
  return std::tie(id, phase, requester, initiator, runbook, parameters, reason, labels, channels, accepted_at, evidence,
                  highlights, exhibits, bound, binding, pinned, votes, deliveries, done_voting, vote_files, post_files,
                  posts, again_of, questions, decision, run, last_commit);
}
template <Is<CaseState> T>
auto fields(T& value) {
  auto& [id, trigger, dedupe_key, title, labels, channels, opened_at, requests, evidence, highlights, exhibits,
         recovered, closed, closed_at] = value;
  static_cast<void>(recovered);  // in this process; what lasts is the closing
  return std::tie(id, trigger, dedupe_key, title, labels, channels, opened_at, requests, evidence, highlights, exhibits,
                  closed, closed_at);
}
template <Is<PastCase> T>
auto fields(T& value) {
  auto& [opened_at, closed_at] = value;
  return std::tie(opened_at, closed_at);
}
template <Is<Outcome> T>
auto fields(T& value) {
  auto& [id, phase, at] = value;
  return std::tie(id, phase, at);
}
template <Is<DayCounter> T>
auto fields(T& value) {
  auto& [day, last] = value;
  return std::tie(day, last);
}
template <Is<Keep> T>
auto fields(T& value) {
  auto& [cases, keys, targets, trigger_keys] = value;
  return std::tie(cases, keys, targets, trigger_keys);
}
template <Is<State> T>
auto fields(T& value) {
  auto& [keep, now, entries, instance, first_key, rules, config_digest, config_files, running, case_counter,
         service_counter, cases, requests, pinned, open_cases, open, active, due, idempotency, outcomes, decided_in,
         memberships, readings, unsettled, settled, settled_of_triggers, past_cases, forgotten, refusals] = value;
  static_cast<void>(pinned);    // the requests' own
  static_cast<void>(rules);     // from config/<digest>.json of the ledger; encode_state() says what else
  static_cast<void>(readings);  // not on record
  static_cast<void>(refusals);  // of the running minute
  return std::tie(keep, now, entries, instance, first_key, config_digest, config_files, running, case_counter,
                  service_counter, cases, requests, open_cases, open, active, due, idempotency, outcomes, decided_in,
                  memberships, unsettled, settled, settled_of_triggers, past_cases, forgotten);
}

template <class T>
concept Struct = requires(T& value) {
  fields(value);
};

// --- bytes ----------------------------------------------------------------------------------------------------------

// Numbers are little-endian and 8 bytes long (bool and enumerations: 1), texts and lists begin with their length.

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsOptional<Boxed<T>> : std::true_type {};
template <class T>
struct IsOptional<Shared<T>> : std::true_type {};
template <class T>
struct IsPair : std::false_type {};
template <class A, class B>
struct IsPair<std::pair<A, B>> : std::true_type {};
template <class T>
concept Container = requires(T value) {
  typename T::value_type;
  value.begin();
  value.clear();
}
&&!std::same_as<T, std::string>;
template <class T>
concept Keyed = Container<T> && requires {
  typename T::key_type;
};

class Writer {
 public:
  std::string bytes;

  void number(std::uint64_t value) {
    char raw[8];
    for (std::size_t i = 0; i < sizeof raw; ++i) raw[i] = static_cast<char>((value >> (8 * i)) & 0xFF);
    bytes.append(raw, sizeof raw);
  }
  template <class T>
  void put(T const& value) {
    if constexpr (std::same_as<T, bool> || std::is_enum_v<T>) {
      bytes += static_cast<char>(value);
    } else if constexpr (std::is_integral_v<T>) {
      number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::same_as<T, Time>) {
      number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    } else if constexpr (std::same_as<T, Duration>) {
      number(static_cast<std::uint64_t>(value.count()));
    } else if constexpr (std::same_as<T, std::string>) {
      number(value.size());
      bytes += value;
    } else if constexpr (std::same_as<T, CaseId> || std::same_as<T, RequestId>) {
      put(value.str());
    } else if constexpr (std::same_as<T, Json>) {
      put(dump(value));
    } else if constexpr (std::same_as<T, Request>) {
      put(canonical(to_json(value)));
    } else if constexpr (std::same_as<T, PackedJson>) {
      put(std::optional<Json>(value));
    } else if constexpr (std::same_as<T, Votes> || std::same_as<T, TextSet>) {
      put(value.all());
    } else if constexpr (IsOptional<T>::value) {
      put(value.has_value());
      if (value) put(*value);
    } else if constexpr (IsPair<T>::value) {
      put(value.first);
      put(value.second);
    } else if constexpr (Container<T>) {
      number(value.size());
      for (auto const& item : value) put(item);
    } else {
      static_assert(Struct<T const>);
      std::apply([&](auto const&... field) { (put(field), ...); }, fields(value));
    }
  }
};

[[noreturn]] void broken() { throw Failure(make_error(Errc::corrupt, "the stored state is damaged")); }

template <class T>
T blank() {
  static auto const of_case = CaseId::make("20000101", 1);
  if constexpr (std::same_as<T, CaseId>) {
    return of_case;
  } else if constexpr (std::same_as<T, RequestId>) {
    return RequestId::make(of_case, 1);
  } else if constexpr (std::same_as<T, CaseState>) {
    return T{.id = blank<CaseId>()};
  } else if constexpr (std::same_as<T, RequestState> || std::same_as<T, Outcome>) {
    return T{.id = blank<RequestId>()};
  } else {
    return T{};
  }
}

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  bool done() const noexcept { return rest_.empty(); }

  template <class T>
  T take() {
    if constexpr (std::same_as<T, bool> || std::is_enum_v<T>) {
      auto const value = static_cast<unsigned char>(raw(1).front());
      if (value > most<T>()) broken();
      return static_cast<T>(value);
    } else if constexpr (std::is_integral_v<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
      auto const value = static_cast<Wide>(number());
      if (!std::in_range<T>(value)) broken();
      return static_cast<T>(value);
    } else if constexpr (std::same_as<T, Time>) {
      return Time(Duration(static_cast<std::int64_t>(number())));
    } else if constexpr (std::same_as<T, Duration>) {
      return Duration(static_cast<std::int64_t>(number()));
    } else if constexpr (std::same_as<T, std::string>) {
      return std::string(raw(number()));
    } else if constexpr (std::same_as<T, CaseId> || std::same_as<T, RequestId>) {
      auto id = T::parse(take<std::string>());
      if (!id) broken();
      return std::move(*id);
    } else if constexpr (std::same_as<T, Json>) {
      auto const text = take<std::string>();
      auto json = parsed(text);
      if (dump(json) != text) broken();
      return json;
    } else if constexpr (std::same_as<T, Request>) {
      auto const text = take<std::string>();
      auto request = request_from_json(parsed(text));
      if (!request || canonical(to_json(*request)) != text) broken();
      return std::move(*request);
    } else if constexpr (std::same_as<T, PackedJson>) {
      return take<bool>() ? T(take<Json>()) : T();
    } else if constexpr (std::same_as<T, Votes>) {
      T votes;
      for (auto const& vote : take<std::vector<Vote>>()) votes.push_back(vote);
      return votes;
    } else if constexpr (std::same_as<T, TextSet>) {
      return T(take<std::set<std::string>>());
    } else if constexpr (std::same_as<T, Shared<Policy>>) {
      return take<bool>() ? shared() : T();
    } else if constexpr (IsOptional<T>::value) {
      return take<bool>() ? T(take<typename T::value_type>()) : T();
    } else if constexpr (IsPair<T>::value) {
      auto first = take<std::remove_const_t<typename T::first_type>>();
      return T(std::move(first), take<typename T::second_type>());
    } else if constexpr (Container<T>) {
      return list<T>();
    } else {
      T value = blank<T>();
      std::apply([&](auto&... field) { ((field = take<std::remove_reference_t<decltype(field)>>()), ...); },
                 fields(value));
      return value;
    }
  }

 private:
  // The last value of each enumeration.
  template <class T>
  static unsigned char most() {
    if constexpr (std::same_as<T, bool>) return 1;
    if constexpr (std::same_as<T, Phase>) return static_cast<unsigned char>(Phase::voided);
    if constexpr (std::same_as<T, Verdict>) return static_cast<unsigned char>(Verdict::withdraw);
    if constexpr (std::same_as<T, Justification>) return static_cast<unsigned char>(Justification::required);
    if constexpr (std::same_as<T, Actor::Kind>) return static_cast<unsigned char>(Actor::Kind::service);
    static_assert(std::same_as<T, bool> || std::same_as<T, Phase> || std::same_as<T, Verdict> ||
                  std::same_as<T, Justification> || std::same_as<T, Actor::Kind>);
  }
  Shared<Policy> shared() {
    auto const before = rest_;
    Shared<Policy> policy(take<Policy>());
    return policies_.try_emplace(before.substr(0, before.size() - rest_.size()), std::move(policy)).first->second;
  }
  static Json parsed(std::string const& text) {
    auto json = parse_json(text, {.max_bytes = 8 << 20, .max_string = 4 << 20});
    if (!json) broken();
    return std::move(*json);
  }
  std::string_view raw(std::uint64_t length) {
    if (length > rest_.size()) broken();
    auto const piece = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return piece;
  }
  std::uint64_t number() {
    auto const piece = raw(8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(piece[i])} << (8 * i);
    return value;
  }
  template <class T>
  T list() {
    T out;
    auto const count = number();
    if (count > rest_.size()) broken();  // an item has at least one byte
    for (std::uint64_t i = 0; i < count; ++i) {
      auto item = take<typename T::value_type>();
      if constexpr (Keyed<T>) {
        if (!out.empty() && !out.value_comp()(*out.rbegin(), item)) broken();
        out.insert(out.end(), std::move(item));
      } else {
        out.push_back(std::move(item));
      }
    }
    return out;
  }

  std::string_view rest_;
  std::map<std::string_view, Shared<Policy>> policies_;  // by their bytes
};

}  // namespace

std::string encode_state(State const& state) {
  Writer writer;
  writer.put(state);
  // Of the rules, what entries changed after config.loaded: who is in which group, and of which nobody knows. Every
  // field is named, so that a new one does not compile before somebody has asked whether an entry changes it.
  auto const& [people, robots, runbooks, policies, triggers, channels, sources, unread, runbook_digests,
               policy_digests] = state.rules;
  std::map<std::string, std::set<std::string>> groups_of;
  for (auto const& [key, person] : people) {
    auto const& [name, email, groups, accounts, token_sha256, scopes] = person;
    groups_of.emplace(key, groups);
  }
  writer.put(groups_of);
  writer.put(unread);
  return std::move(writer.bytes);
}

Result<State> decode_state(std::string_view bytes, FileLookup const& lookup) {
  try {
    Bytes input(bytes);
    auto state = input.take<State>();
    auto const groups = input.take<std::map<std::string, std::set<std::string>>>();
    auto unread = input.take<std::set<std::string>>();
    if (!input.done()) broken();
    if (!state.config_digest.empty()) {
      if (!is_digest(state.config_digest)) broken();
      auto const file = lookup("config/" + state.config_digest.substr(7) + ".json");
      if (!file) return file.error();
      if (digest_of(*file) != state.config_digest)
        return make_error(Errc::corrupt, "the configuration that the stored state names has another digest");
      auto rules = rules_from_bytes(*file);
      if (!rules) return rules.error();
      state.rules = std::move(*rules);
    }
    if (groups.size() != state.rules.people.size()) broken();
    for (auto& [key, person] : state.rules.people) {
      auto const known = groups.find(key);
      if (known == groups.end()) broken();
      person.groups = known->second;
    }
    state.rules.unread = std::move(unread);
    for (auto const& [group, asked_at] : state.memberships) {
      if (!state.rules.sources.contains(group)) broken();
    }
    // Whoever follows these ids may rely on finding them.
    for (auto const& id : state.open) {
      if (!state.requests.contains(id)) broken();
    }
    // No run is ordered by what stands here unless it is what people saw and approved.
    for (auto const& [id, request] : state.requests) {
      if (request.bound && (request.bound->id != id || binding_of(*request.bound) != request.binding)) broken();
      if (!request.bound || !request.pinned || state.pinned.contains(request.bound->policy_digest)) continue;
      if (digest_of(*request.pinned) != request.bound->policy_digest) broken();  // later requests will share it
      state.pinned.emplace(request.bound->policy_digest, request.pinned);
    }
    for (auto const& id : state.active) {
      if (!state.requests.contains(id) || !state.requests.at(id).bound) broken();
    }
    for (auto const& [time, id] : state.due) {
      if (!state.requests.contains(id) || !state.requests.at(id).bound) broken();
    }
    for (auto const* ids : {&state.settled, &state.settled_of_triggers}) {
      for (auto const& id : *ids) {
        if (!state.cases.contains(id)) broken();
      }
    }
    for (auto const& id : state.open_cases) {
      if (!state.cases.contains(id)) broken();
    }
    for (auto const& [time, id] : state.unsettled) {
      if (!state.cases.contains(id)) broken();
    }
    for (auto const& [key, history] : state.outcomes) {
      if (history.empty()) broken();
    }
    return state;
  } catch (Failure const& failure) {
    return make_error(Errc::corrupt, failure.error().message);
  }
}

}  // namespace core
