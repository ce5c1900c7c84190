#include "adapters/slack/files.hpp"

#include "bot/core/text.hpp"

namespace slack {

namespace {

using core::Json;
using namespace std::chrono_literals;

// An upload that did not arrive begins again at the first step, with a fresh URL.
constexpr unsigned kMaxRounds = 3;
constexpr unsigned kMaxTries = 5;
constexpr std::size_t kMostText = 2'300;  // bytes; what a note shows of a block is 2,500 characters

}  // namespace

void Files::attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile file, std::string key,
                   core::Time since, Done done) {
  ask_where(std::make_shared<Attachment>(Attachment{.channel = std::move(channel),
                                                    .thread = thread,
                                                    .file = std::move(file),
                                                    .key = std::move(key),
                                                    .since = since,
                                                    .done = std::move(done),
                                                    .id = {}}));
}

void Files::ask_where(Ref const& one) {
  WebApi::Call call;
  call.method = "files.getUploadURLExternal";
  call.form = WebApi::Form::form;
  call.tries = kMaxTries;
  call.arguments = [one] {
    return Json::object({{"filename", one->file.exhibit.name}, {"length", std::uint64_t{one->file.bytes.size()}}});
  };
  api_.call(std::move(call), alive_.guard([this, one](WebApi::Outcome const& outcome) {
    if (!outcome.ok()) return show_text(one, outcome.answer ? outcome.answer->error : outcome.failure);
    auto const url = outcome.answer->body["upload_url"].text();
    one->id = outcome.answer->body["file_id"].text();
    if (one->id.empty() || one->id.size() > 64 || one->id != core::printable_ascii(one->id, 64))
      return show_text(one, "Slack named no file");
    // Evidence goes to Slack alone, whatever an answer says.
    if (!api_.may_upload_to(url)) return show_text(one, "the upload URL leads elsewhere");
    upload(one, url);
  }));
}

void Files::upload(Ref const& one, std::string const& url) {
  api_.upload(url, one->file.bytes, alive_.guard([this, one](core::Result<void> const& uploaded) {
    if (uploaded) return announce(one);
    if (++one->rounds == kMaxRounds) return show_text(one, uploaded.error().message);
    parts_.loop.call_after(2s * (1 << one->rounds), alive_.guard([this, one] { ask_where(one); }));
  }));
}

void Files::announce(Ref const& one) {
  outbox_.post(one->channel, one->thread,
               render_note({.text = core::about(one->file.exhibit), .mention = {}, .block = {}}, one->key, {}).body,
               one->key, one->since, alive_.guard([this, one](core::Result<ports::MessageRef> const& posted) {
                 if (!posted) return one->done(posted.error());
                 share(one, *posted);
               }),
               /*patient=*/true);
}

void Files::share(Ref const& one, ports::MessageRef const& note) {
  WebApi::Call call;
  call.method = "files.completeUploadExternal";
  call.form = WebApi::Form::form;
  call.arguments = [one] {
    auto const file = Json::object({{"id", one->id}, {"title", one->file.exhibit.name}});
    return Json::object({{"files", core::dump(Json::array({file}))},
                         {"channel_id", one->channel},
                         {"thread_ts", one->thread["ts"].text()}});
  };
  api_.call(std::move(call), alive_.guard([this, one, note](WebApi::Outcome const& outcome) {
    if (outcome.ok()) {
      ++counters_.files;
      return one->done(core::InThread::file);
    }
    // Perhaps shared all the same: shown twice is better than not.
    ++counters_.files_as_text;
    parts_.log.warn(
        "slack did not share a file; its text is shown instead",
        {{"file", one->file.exhibit.path}, {"error", outcome.answer ? outcome.answer->error : outcome.failure}});
    outbox_.update(note, text_of(*one), alive_.guard([one](core::Result<void> const& updated) {
      if (!updated) return one->done(updated.error());
      one->done(core::InThread::text);
    }));
  }));
}

core::Json Files::text_of(Attachment const& one) const {
  return render_note(core::as_note(one.file.exhibit, one.file.bytes, kMostText), one.key, {}).body;
}

void Files::show_text(Ref const& one, std::string const& why) {
  ++counters_.files_as_text;
  parts_.log.warn("slack takes no file; its text is shown instead", {{"file", one->file.exhibit.path}, {"error", why}});
  outbox_.post(one->channel, one->thread, text_of(*one), one->key, one->since,
               alive_.guard([one](core::Result<ports::MessageRef> const& posted) {
                 if (!posted) return one->done(posted.error());
                 one->done(core::InThread::text);
               }),
               /*patient=*/true);
}

}  // namespace slack
