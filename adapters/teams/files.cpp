#include "adapters/teams/files.hpp"

namespace teams {

namespace {

constexpr std::size_t kMostText = 3'500;  // bytes a reply; a note shows 8,000 of JSON, and quotes take two

}  // namespace

void Files::attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile const& file, std::string key,
                   Done done) {
  ++counters_.files_as_text;
  post(std::make_shared<Attachment>(Attachment{.channel = std::move(channel),
                                               .thread = thread,
                                               .parts = core::as_notes(file.exhibit, file.bytes, kMostText),
                                               .key = std::move(key),
                                               .done = std::move(done)}));
}

void Files::post(std::shared_ptr<Attachment> const& one) {
  auto const body = render_note(one->parts[one->next], {}).body;
  outbox_.post(one->channel, one->thread, body, one->key + ":" + std::to_string(one->next + 1),
               alive_.guard([this, one](core::Result<ports::MessageRef> const& posted) {
                 if (!posted) return one->done(posted.error());
                 if (++one->next < one->parts.size()) return post(one);
                 one->done(core::InThread::text);
               }),
               /*patient=*/true);
}

}  // namespace teams
