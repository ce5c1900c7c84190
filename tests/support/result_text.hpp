// Lets Catch print a core::Result: its error's sentence, or "a value".
#pragma once

#include <string>

#include "bot/core/error.hpp"
#include "tests/support/catch.hpp"

namespace Catch {

template <class T>
struct StringMaker<core::Result<T>> {
  static std::string convert(core::Result<T> const& result) {
    return result.has_value() ? "a value" : result.error().message;
  }
};

}  // namespace Catch
