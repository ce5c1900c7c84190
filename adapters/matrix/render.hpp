// The neutral card, note and view as content of m.room.message. Pure: the same input gives the same bytes.
//
// A message has two forms, plain and HTML, and says in `org.countersign.message` what it stands for: a reaction names
// only the event. Untrusted text is escaped in HTML and marked or indented in plain form. Whoever is to be told stands
// in `m.mentions` and nowhere else; that member is always there, which switches off the matching of words in the body.
// Every copy has at most 24 KiB (an edit holds the text twice and an event 64 KiB); should an action still not fit,
// core::Failure is thrown: it is never dropped silently.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/card.hpp"
#include "bot/core/json.hpp"
#include "bot/ports.hpp"

namespace matrix {

inline constexpr std::size_t kMaxCopyBytes = 24 * 1024;  // of a message's content as JSON
inline constexpr std::size_t kMaxNote = 2000;            // characters of a voter's note
// Member of every message of ours. Trusted only where the homeserver says that we sent it.
inline constexpr std::string_view kOurs = "org.countersign.message";

using People = std::map<std::string, std::string>;  // person key → Matrix user id

ports::Rendered render_card(core::Card const& card, std::string const& key, People const& people);
ports::Rendered render_note(core::Note const& note, std::string const& key, People const& people);

// A file that the homeserver holds at `mxc`.
// What it is uploaded as: text, or bytes. Whatever else it says it is, a browser is to make nothing of it.
std::string_view media_type_of(core::LongExhibit const& exhibit);
core::Json render_file(core::LongExhibit const& exhibit, std::string const& mxc, std::string const& key);

// What a message of ours says about itself.
struct Meaning {
  enum class Kind { card, note, action, file };
  enum class Form { none, direct, with_note, view };  // what the reaction does
  Kind kind = Kind::note;
  std::string key, request, binding, rendering;
  Form approve = Form::none, deny = Form::none;
  bool asks = false, again = false;  // whether reactions invite to ask a question, to ask for the same again

  bool takes_clicks() const { return kind == Kind::card || kind == Kind::action; }
};
// Nothing when it holds none, or one of a later form.
std::optional<Meaning> meaning_of(core::Json const& content);

// The whole action, in as many messages as it takes; the last one takes the vote. `card`: the meaning of the message it
// was opened from; `user`: whom the last one mentions.
std::vector<core::Json> render_action(core::VoteView const& view, Meaning const& card, std::string const& key,
                                      std::string const& user);
// Words for one person: with `ring` a message that notifies, else a notice.
core::Json render_answer(std::string const& user, std::string_view text, std::string const& key, bool ring);

// The content that replaces an earlier message, for all clients.
core::Json render_edit(core::Json const& body, std::string const& event);
// With its place in a thread.
core::Json in_thread(core::Json body, std::string const& root);
// As a reply to one message outside of any thread.
core::Json as_reply(core::Json body, std::string const& event);

// The same message without HTML and shorter, for when a server refuses it. Shows it the action no longer whole, the
// approval is taken only where all of it stands.
core::Json plain_fallback(core::Json const& body);

}  // namespace matrix
