// Values that take room only where they are needed: State holds thousands of requests for a long time.
#pragma once

#include <memory>
#include <utility>

namespace core {

// An optional value beside its holder, for what few holders have. Copies copy the value.
template <class T>
class Boxed {
 public:
  using value_type = T;
  Boxed() = default;
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(Boxed const& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  explicit operator bool() const noexcept { return value_ != nullptr; }
  bool has_value() const noexcept { return value_ != nullptr; }
  T const& operator*() const noexcept { return *value_; }
  T& operator*() noexcept { return *value_; }
  T const* operator->() const noexcept { return value_.get(); }
  T* operator->() noexcept { return value_.get(); }
  T value_or(T otherwise) const { return value_ ? *value_ : std::move(otherwise); }
  friend bool operator==(Boxed const& a, Boxed const& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  std::unique_ptr<T> value_;
};

// An optional value that never changes, so that all copies are one.
template <class T>
class Shared {
 public:
  using value_type = T;
  Shared() = default;
  Shared(T value) : value_(std::make_shared<T const>(std::move(value))) {}

  explicit operator bool() const noexcept { return value_ != nullptr; }
  bool has_value() const noexcept { return value_ != nullptr; }
  T const& operator*() const noexcept { return *value_; }
  T const* operator->() const noexcept { return value_.get(); }
  bool alone() const noexcept { return value_.use_count() == 1; }

 private:
  std::shared_ptr<T const> value_;
};

}  // namespace core
