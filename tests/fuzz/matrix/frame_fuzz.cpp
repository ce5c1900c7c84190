// A frame of fi.mau.as_sync: no crash, and what is accepted keeps its promises.
#include "tests/fuzz/matrix/checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const frame = matrix::parse_frame(std::string_view(reinterpret_cast<char const*>(data), size));
  if (frame.has_error()) return 0;
  using Kind = matrix::Frame::Kind;
  checks::require(frame->id >= 0);
  checks::require(frame->kind == Kind::transaction || frame->events.empty());
  checks::require(frame->kind != Kind::transaction || !frame->txn_id.empty());
  checks::require(frame->kind != Kind::command || !frame->command.empty());
  for (auto const& event : frame->events) checks::require_event(event);
  if (frame->id != 0) {
    auto const ack = core::parse_json(matrix::transaction_ack(frame->id, frame->txn_id), {.allow_nul = true});
    checks::require(ack.has_value() && (*ack)["data"]["txn_id"].text() == frame->txn_id);
    checks::require(core::parse_json(matrix::unknown_command(frame->id)).has_value());
  }
  return 0;
}
