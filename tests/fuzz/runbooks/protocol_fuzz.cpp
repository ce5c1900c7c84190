// What service and runner say to each other: no line of either crashes the other, and what is understood is said again
// in the same words.
#include <array>
#include <cstdlib>

#include "bot/runbooks/protocol.hpp"
#include "tests/fuzz/spliced.hpp"

namespace {

using namespace runbooks;

std::array<std::string, 7> const& good() {
  static std::array<std::string, 7> const lines = [] {
    std::string const id = "CS-20261121-000001-R1";
    return std::array<std::string, 7>{
        encode(Order{.kind = Order::Kind::run, .request = core::RequestId::parse(id).value()}),
        encode(Message(Ready{})),
        encode(Message(Accepted{.request = id, .confinement = {}})),
        encode(Message(Refused{.kind = Order::Kind::check, .request = id, .why = "no"})),
        encode(Message(Output{.request = id, .step = "restart", .text = "done"})),
        encode(Message(Finished{.request = id, .result = core::Json::object({{"state", "succeeded"}}), .output = "x"})),
        encode(Message(Ended{.why = "gone"}))};
  }();
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  if (size < 1) return 0;
  auto const& from = good()[data[0] % good().size()];
  auto const line = spliced(from, data + 1, size - 1);
  if (auto const order = parse_order(line)) {
    auto const again = parse_order(encode(*order));
    if (!again || again->kind != order->kind || again->request != order->request) std::abort();
  }
  if (auto const message = parse_message(line)) {
    auto const said = encode(*message);
    auto const again = parse_message(said);
    if (!again || encode(*again) != said) std::abort();
  }
  if (!parse_order(good()[0])) std::abort();
  for (std::size_t i = 1; i < good().size(); ++i) {
    if (!parse_message(good()[i])) std::abort();
  }
  return 0;
}
