#include "adapters/matrix/history.hpp"

#include <algorithm>
#include <iterator>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

constexpr unsigned kTries = 2;  // then the others go on without this room, until it is read again
constexpr unsigned kMaxPages = 100;
constexpr std::size_t kMaxEvents = 5000;  // one gap; more is not a gap but a room that lived without us

}  // namespace

std::vector<Event> take_out_redactions(std::vector<Event>& events) {
  auto const first = std::stable_partition(events.begin(), events.end(),
                                           [](Event const& event) { return event.type != "m.room.redaction"; });
  std::vector<Event> redactions(std::make_move_iterator(first), std::make_move_iterator(events.end()));
  events.erase(first, events.end());
  return redactions;
}

void History::read(Gap gap, Done done) {
  auto const reading = std::make_shared<Reading>();
  reading->gap = std::move(gap);
  reading->done = std::move(done);
  next(reading);
}

void History::newest(std::string const& room, Done done) {
  auto const reading = std::make_shared<Reading>();
  reading->gap.room = room;
  reading->once = true;
  reading->done = std::move(done);
  next(reading);
}

void History::next(std::shared_ptr<Reading> const& reading) {
  Client::Call call;
  call.path = room_path(reading->gap.room, {"messages"});
  call.query = {{"dir", "b"}, {"limit", std::to_string(reading->limit)}};
  if (!reading->gap.from.empty()) call.query.emplace_back("from", reading->gap.from);
  if (!reading->gap.to.empty()) call.query.emplace_back("to", reading->gap.to);
  call.tries = kTries;
  call.timeout = std::chrono::seconds(30);
  call.max_bytes = kMaxPageBytes;
  client_.call(std::move(call),
               alive_.guard([this, reading](Client::Outcome const& outcome) { answered(reading, outcome); }));
}

void History::answered(std::shared_ptr<Reading> const& reading, Client::Outcome const& outcome) {
  auto const& room = reading->gap.room;
  auto const fewer = [&] {  // one event is never too large
    if (reading->limit == 1) return false;
    reading->limit = std::max(1U, reading->limit / 4);
    next(reading);
    return true;
  };
  if (!outcome.ok()) {
    if (outcome.too_large && fewer()) return;
    parts_.log.warn("matrix room can't be read back",
                    {{"room", core::printable_ascii(room, 255)}, {"reason", outcome.to_error("its messages").message}});
    return finish(reading, outcome.transient() ? End::failed : End::refused);
  }
  auto page = parse_page(outcome.body, room);
  if (page.has_error()) {
    if (page.error().code == core::Errc::too_large && fewer()) return;
    parts_.log.error("matrix room can't be read back",
                     {{"room", core::printable_ascii(room, 255)}, {"reason", page.error().message}});
    return finish(reading, End::failed);
  }
  for (auto& event : page->events) {
    if (inbox_.done(room, event.id)) return finish(reading, End::found);
    reading->events.push_back(std::move(event));
  }
  bool const end = page->end.empty() || page->entries == 0 || page->end == reading->gap.from;
  if (reading->once) return finish(reading, End::found);
  if (end || page->end == reading->gap.to) return finish(reading, reading->gap.to.empty() ? End::unknown : End::found);
  if (++reading->pages == kMaxPages || reading->events.size() >= kMaxEvents) {
    parts_.log.error("matrix room has more new events than are read back",
                     {{"room", core::printable_ascii(room, 255)}, {"read", std::uint64_t{reading->events.size()}}});
    return finish(reading, End::unknown);
  }
  reading->gap.from = page->end;
  next(reading);
}

void History::finish(std::shared_ptr<Reading> const& reading, End end) {
  std::ranges::reverse(reading->events);
  reading->done(std::move(reading->events), end);
}

}  // namespace matrix
