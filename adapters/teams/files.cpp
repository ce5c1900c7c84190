#include "adapters/teams/files.hpp"

#include <algorithm>

#include "bot/net/url.hpp"

namespace teams {

namespace {

constexpr std::size_t kPageBytes = 3'500, kLeastPageBytes = 300;
// 70 KB, at the pace of patient posts within a minute: whoever reads on opens the ledger.
constexpr std::size_t kMostPages = 20;

// Where a client opens it (learn.microsoft.com, "Deep link to Teams chat": to channel conversation, to chat messages).
// The page shows the team's group id and names, too, of which a post says nothing.
std::string link_to(ports::MessageRef const& page, ports::MessageRef const& thread, std::string const& tenant) {
  auto const channel = page["channel"].text(), activity = page["activity"].text(), root = thread["activity"].text();
  if (channel.empty() || activity.empty() || root.empty()) return {};
  auto const link =
      "https://teams.microsoft.com/l/message/" + net::percent_encode(channel) + "/" + net::percent_encode(activity);
  if (!is_team_channel(channel)) return link + "?context=" + net::percent_encode(R"({"contextType":"chat"})");
  return link + "?tenantId=" + net::percent_encode(tenant) + "&parentMessageId=" + net::percent_encode(root) +
         "&createdTime=" + net::percent_encode(activity);
}

// What a page takes in a note is known when it is rendered: a quote takes two bytes, and what a client would replace is
// cut into runs. "All of it" must be all of it, so the pages get smaller until each shows what it holds.
std::vector<core::Note> pages_that_fit(ports::ChatFile const& file) {
  for (auto bytes = kPageBytes;; bytes = bytes * 3 / 4) {
    auto pages = core::as_pages(file.exhibit, file.bytes, bytes, kMostPages);
    bool const fit = std::ranges::all_of(pages, [](auto const& page) { return fits_note(page.block); });
    if (fit || bytes <= kLeastPageBytes) return pages;
  }
}

}  // namespace

void Files::attach(std::string channel, ports::MessageRef const& thread, ports::ChatFile const& file, std::string key,
                   Done done) {
  ++counters_.files_as_text;
  post(std::make_shared<Attachment>(Attachment{.channel = std::move(channel),
                                               .thread = thread,
                                               .pages = pages_that_fit(file),
                                               .key = std::move(key),
                                               .done = std::move(done)}));
}

void Files::post(std::shared_ptr<Attachment> const& one) {
  auto const& page = one->pages[one->next];
  outbox_.post(one->channel, one->thread, render_note(page, {}).body, one->key + ":" + std::to_string(one->next + 1),
               alive_.guard([this, one](core::Result<ports::MessageRef> const& posted) {
                 if (!posted) return one->done(posted.error());
                 if (one->next == 0) one->link = link_to(*posted, one->thread, settings_.tenant);
                 if (++one->next < one->pages.size()) return post(one);
                 if (one->pages.front().block.empty()) return one->done(core::InThread::ledger);  // only named
                 one->done(core::InThread{
                     .as = core::InThread::As::text, .pages = one->pages.size(), .link = std::move(one->link)});
               }),
               /*patient=*/true);
}

}  // namespace teams
