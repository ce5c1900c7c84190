// Views (modals) and whispers: what one person sees.
#include "adapters/slack/blocks.hpp"
#include "adapters/slack/render.hpp"
#include "adapters/slack/render_text.hpp"
#include "bot/core/state.hpp"

namespace slack {

namespace {

using core::Json;

constexpr std::size_t kMaxViewWord = 24;          // title, submit, close
constexpr std::size_t kMaxViewText = 240'000;     // of the 250 KB that a view may have
constexpr std::size_t kMaxViewPiece = 12 * 1000;  // of the action, a block
constexpr std::size_t kMaxWhisper = 9'000;

Json word(std::string_view text) { return blocks::plain(cut(clean_line(text), kMaxViewWord)); }

}  // namespace

Json render_view(core::VoteView const& view, ViewOrigin const& origin, bool whole_action) {
  bool const approve = view.verdict == core::Verdict::approve;
  std::vector<Json> list;
  if (auto const summary = cut(clean(view.summary), kMaxSection); !summary.empty())
    list.push_back(blocks::section("summary", blocks::plain(summary)));
  if (view.show_action || whole_action) {
    std::string action;
    for (auto const& line : view.action) action += (action.empty() ? "" : "\n") + clean_line(line);
    std::size_t part = 0;
    for (auto const& piece : pieces_of(action, kMaxViewPiece)) {
      ++part;
      list.push_back(blocks::preformatted("action-" + std::to_string(part),
                                          part == 1 ? "Exactly this will run" : "(continued)", piece));
    }
  }
  if (view.ask_note || view.note_required) {
    list.push_back(Json::object({{"type", "input"},
                                 {"block_id", kNoteBlock},
                                 {"optional", !view.note_required},
                                 {"label", blocks::plain(approve ? "Why do you approve?" : "Why do you deny?")},
                                 {"hint", blocks::plain("Goes into the signed record.")},
                                 {"element", Json::object({{"type", "plain_text_input"},
                                                           {"action_id", kNoteInput},
                                                           {"multiline", true},
                                                           {"max_length", std::int64_t{kMaxNote}},
                                                           {"focus_on_load", !view.show_action && !whole_action}})}}));
  }
  if (list.empty()) list.push_back(blocks::section("summary", blocks::plain(clean_line(view.request_id))));
  Json out = Json::object({{"type", "modal"},
                           {"callback_id", kVoteView},
                           {"private_metadata", to_text(origin)},
                           {"title", word(view.title.empty() ? (approve ? "Approve" : "Deny") : view.title)},
                           {"submit", word(approve ? "Approve" : "Deny")},
                           {"close", word("Back")},
                           {"notify_on_close", false},
                           {"clear_on_close", false},
                           {"blocks", Json(std::move(list))}});
  blocks::check_limits(out, kMaxViewBlocks, kMaxViewText);
  if (core::dump(out).size() > 250'000 || length_of(out["private_metadata"].text()) > kMaxPrivateMetadata)
    throw core::Failure(core::make_error(core::Errc::bad_input, "The action does not fit a Slack view."));
  return out;
}

Json render_question_view(ViewOrigin const& origin) {
  auto input = Json::object({{"type", "plain_text_input"},
                             {"action_id", kNoteInput},
                             {"multiline", true},
                             {"min_length", 1},
                             {"max_length", std::int64_t{core::kMaxQuestionCharacters}},
                             {"focus_on_load", true}});
  auto block =
      Json::object({{"type", "input"},
                    {"block_id", kNoteBlock},
                    {"optional", false},
                    {"label", blocks::plain("What do you want to know?")},
                    {"hint", blocks::plain("It goes into the request's thread, mentions who asked for it, and into "
                                           "the signed record. It is no vote.")},
                    {"element", std::move(input)}});
  return Json::object({{"type", "modal"},
                       {"callback_id", kAskView},
                       {"private_metadata", to_text(origin)},
                       {"title", word("Ask a question")},
                       {"submit", word("Ask")},
                       {"close", word("Back")},
                       {"notify_on_close", false},
                       {"clear_on_close", false},
                       {"blocks", Json::array({std::move(block)})}});
}

Json render_answer_view(std::string_view title, std::string_view text) {
  auto const words = cut(clean(text), kMaxSection);
  return Json::object(
      {{"type", "modal"},
       {"callback_id", "answer"},
       {"title", word(title)},
       {"close", word("Close")},
       {"blocks", Json::array({blocks::section("answer", blocks::plain(words.empty() ? "-" : words))})}});
}

Json render_whisper(std::string_view text) {
  auto const shown = fit_lines(lines_of(clean(text)), kMaxWhisper, "not shown here").text;
  Json list = Json::array();
  std::size_t part = 0;
  for (auto const& piece : pieces_of(shown.empty() ? "-" : shown, kMaxSection)) {
    ++part;
    list.push(blocks::section("whisper-" + std::to_string(part), blocks::plain(piece)));
  }
  return Json::object(
      {{"text", escape_and_cut(shown.empty() ? "-" : shown, kMaxMessageText - 100)}, {"blocks", std::move(list)}});
}

}  // namespace slack
