#include "adapters/matrix/files.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kUploadTimeout = 60s;
// A repeated upload leaves a second copy at the homeserver that nobody names: harmless.
constexpr unsigned kMaxTries = 5;
constexpr std::size_t kMostText = 8'000;  // bytes; a note shows 12 KiB of code at most

}  // namespace

void Files::attach(std::string room, ports::MessageRef const& thread, ports::ChatFile file, std::string key,
                   core::Time since, Done done) {
  // Before a byte is uploaded: media is not kept apart by room, so a room that we don't work in gets none of it.
  if (auto const why = closed_(room); why && !why->empty()) {
    parts_.loop.post(
        alive_.guard([done = std::move(done), error = core::make_error(core::Errc::forbidden, *why)] { done(error); }));
    return;
  }
  auto one =
      std::make_shared<Attachment>(Attachment{.room = std::move(room),
                                              .thread = thread,
                                              .exhibit = std::move(file.exhibit),
                                              .bytes = std::make_shared<std::string const>(std::move(file.bytes)),
                                              .key = std::move(key),
                                              .since = since,
                                              .done = std::move(done)});
  if (asked_) return upload(one);
  ask_limit(one);
}

void Files::ask_limit(Ref const& one) {
  Client::Call call;
  call.path = "/_matrix/client/v1/media/config";
  call.tries = kMaxTries;
  client_.call(std::move(call), alive_.guard([this, one](Client::Outcome const& outcome) {
    if (outcome.ok()) {
      auto const limit = parse_upload_limit(outcome.body);
      if (limit.has_value()) limit_ = *limit;
      asked_ = true;
    }  // else an older server, or one that is down: the upload itself tells
    upload(one);
  }));
}

void Files::upload(Ref const& one) {
  if (limit_ && one->bytes->size() > *limit_) return show_text(one, "it is larger than the homeserver takes");
  Client::Call call;
  call.method = "POST";
  call.path = "/_matrix/media/v3/upload";
  call.query = {{"filename", one->exhibit.name}};
  call.bytes = one->bytes;
  call.media_type = media_type_of(one->exhibit);
  call.tries = kMaxTries;
  call.timeout = kUploadTimeout;
  client_.call(std::move(call), alive_.guard([this, one](Client::Outcome const& outcome) { uploaded(one, outcome); }));
}

void Files::uploaded(Ref const& one, Client::Outcome const& outcome) {
  if (!outcome.ok()) return show_text(one, outcome.to_error("an upload").message);
  auto const uri = parse_content_uri(outcome.body);
  if (uri.has_error()) return show_text(one, uri.error().message);
  ++counters_.files;
  post(one, render_file(one->exhibit, *uri, one->key), core::InThread::file);
}

void Files::show_text(Ref const& one, std::string const& why) {
  ++counters_.files_as_text;
  parts_.log.warn("matrix takes no file; its text is shown instead", {{"file", one->exhibit.path}, {"error", why}});
  post(one, render_note(core::as_note(one->exhibit, *one->bytes, kMostText), one->key, {}).body, core::InThread::text);
}

void Files::post(Ref const& one, core::Json content, core::InThread as) {
  outbox_.post(one->room, one->thread, std::move(content), one->key, one->since,
               alive_.guard([one, as](core::Result<ports::MessageRef> const& posted) {
                 if (!posted) return one->done(posted.error());
                 one->done(as);
               }),
               /*patient=*/true);
}

}  // namespace matrix
