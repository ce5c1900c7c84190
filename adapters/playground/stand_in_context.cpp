#include "adapters/playground/stand_in_context.hpp"

namespace playground {

StandInContext::StandInContext(net::Io& loop, std::uint64_t seed, std::function<core::Time()> clock)
    : io(loop), clock_(std::move(clock)), random_(seed) {}

core::Time StandInContext::now() const {
  if (clock_) return clock_();
  return std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
}

std::string StandInContext::random_text(std::size_t length) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string text;
  while (text.size() < length) text += kAlphabet[pick(kAlphabet.size())];
  return text;
}

std::string StandInContext::uuid() {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
  for (char& c : text) {
    if (c == 'x') c = kHex[pick(kHex.size())];
  }
  return text;
}

bool StandInContext::chance(unsigned one_in) { return random_() % one_in == 0; }

std::size_t StandInContext::pick(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

void StandInContext::later(std::function<void()> work) {
  io.post([alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.lock()) work();
  });
}

net::Io::TimerId StandInContext::after(net::Duration delay, std::function<void()> work) {
  return io.call_after(delay, [alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.lock()) work();
  });
}

void StandInContext::changed() {
  ++revision;
  if (announced_) return;
  announced_ = true;
  later([this] {
    announced_ = false;
    auto const copy = observers;  // an observer may forget itself
    for (auto const& [id, observer] : copy) {
      if (observers.contains(id)) observer();
    }
  });
}

void StandInContext::find(std::string finding) {
  if (findings.size() < 1000) findings.push_back(std::move(finding));
  changed();
}

void merge_patch(core::Json& target, core::Json const& patch) {
  auto const* members = patch.if_object();
  if (members == nullptr) return;
  if (!target.is_object()) target = core::Json(core::Json::Object{});
  for (auto const& [key, value] : *members) {
    if (value.is_null()) {
      target.if_object()->erase(key);
    } else if (value["$null"].boolean()) {
      target.set(key, nullptr);
    } else if (value.is_object()) {
      auto& object = *target.if_object();
      merge_patch(object[key], value);
    } else {
      target.set(key, value);
    }
  }
}

}  // namespace playground
