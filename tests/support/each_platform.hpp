// ON_EACH("words") { ServiceKit kit(on<TestType>()); … }: one case a platform, whose name ends in the platform's.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"
#include "tests/support/service_kit.hpp"

namespace support {

struct Slack {
  static constexpr auto kPlatform = Platform::slack;
};
struct Teams {
  static constexpr auto kPlatform = Platform::teams;
};
struct MatrixSync {
  static constexpr auto kPlatform = Platform::matrix_sync;
};
struct MatrixWebsocket {
  static constexpr auto kPlatform = Platform::matrix_websocket;
};
// The platform as the service's only chat.
template <class On>
KitOptions on(KitOptions options = {}) {
  options.platforms = {On::kPlatform};
  return options;
}

// Everything on Slack; on the others, before every commit, what `sample` names.
template <class On, class Values>
Values sampled(Values all, Values sample) {
  return On::kPlatform == Platform::slack || full() ? all : sample;
}

}  // namespace support

// By their bare names, which end the names of the cases.
using support::MatrixSync;
using support::MatrixWebsocket;
using support::Slack;
using support::Teams;
#define ON_EACH(words) TEMPLATE_TEST_CASE(words, "", Slack, Teams, MatrixSync, MatrixWebsocket)
