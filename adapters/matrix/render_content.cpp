#include "adapters/matrix/render_content.hpp"

namespace matrix {

namespace {

using core::Json;
using Form = Meaning::Form;

std::string_view word_of(Form form) {
  switch (form) {
    case Form::none: return {};
    case Form::direct: return "direct";
    case Form::with_note: return "with_note";
    case Form::view: return "view";
  }
  return {};
}

Json message_json(Meaning const& meaning) {
  auto out = Json::object({{"v", 1}, {"key", meaning.key}});
  switch (meaning.kind) {
    case Meaning::Kind::card: out.set("kind", "card"); break;
    case Meaning::Kind::note: out.set("kind", "note"); return out;
    case Meaning::Kind::file: out.set("kind", "file"); return out;
    case Meaning::Kind::action: out.set("kind", "action"); break;
  }
  out.set("request", meaning.request).set("binding", meaning.binding).set("rendering", meaning.rendering);
  if (meaning.approve != Form::none) out.set("approve", word_of(meaning.approve));
  if (meaning.deny != Form::none) out.set("deny", word_of(meaning.deny));
  if (meaning.asks) out.set("ask", true);
  if (meaning.again) out.set("again", true);
  out.set("note_required", meaning.approve == Form::with_note || meaning.deny == Form::with_note);
  return out;
}

}  // namespace

Json content_of(Text const& text, std::vector<std::string> const& mentions, Meaning const& meaning, bool notice) {
  Json users = Json::array();
  for (auto const& user : mentions) users.push(user);
  return Json::object(
      {{"msgtype", notice ? "m.notice" : "m.text"},
       {"body", text.plain()},
       {"format", "org.matrix.custom.html"},
       {"formatted_body", text.html()},
       {"m.mentions", mentions.empty() ? Json::object({}) : Json::object({{"user_ids", std::move(users)}})},
       {std::string(kOurs), message_json(meaning)}});
}

Json render_file(core::LongExhibit const& exhibit, std::string const& mxc, std::string const& key) {
  Meaning meaning;
  meaning.kind = Meaning::Kind::file;
  meaning.key = key;
  // `body` beside another `filename` is a caption (v1.10).
  return Json::object({{"msgtype", "m.file"},
                       {"body", clean_line(core::about(exhibit))},
                       {"filename", clean_line(exhibit.name)},
                       {"url", mxc},
                       {"info", Json::object({{"mimetype", std::string(media_type_of(exhibit))},
                                              {"size", std::uint64_t{exhibit.bytes}}})},
                       {"m.mentions", Json::object({})},
                       {std::string(kOurs), message_json(meaning)}});
}

std::string_view media_type_of(core::LongExhibit const& exhibit) {
  return core::is_text(exhibit) ? "text/plain" : "application/octet-stream";
}

bool fits(Json const& content) { return core::dump(content).size() <= kMaxCopyBytes; }

void too_long(std::string const& what) {
  throw core::Failure(core::make_error(core::Errc::too_large, what + " does not fit a Matrix message."));
}

std::vector<std::string> clean_lines(std::vector<std::string> const& lines) {
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (auto const& line : lines) out.push_back(clean_line(line));
  return out;
}

// --- what a message says about itself
// ---------------------------------------------------------------------------------

std::optional<Meaning> meaning_of(Json const& content) {
  auto const& said = content[kOurs];
  if (!said.is_object() || said["v"] != Json(1)) return std::nullopt;
  Meaning meaning;
  auto const kind = said["kind"].text();
  if (kind == "card") {
    meaning.kind = Meaning::Kind::card;
  } else if (kind == "action") {
    meaning.kind = Meaning::Kind::action;
  } else if (kind == "file") {
    meaning.kind = Meaning::Kind::file;
  } else if (kind != "note") {
    return std::nullopt;
  }
  meaning.key = said["key"].text();
  meaning.request = said["request"].text();
  meaning.binding = said["binding"].text();
  meaning.rendering = said["rendering"].text();
  auto const read = [&](std::string_view name) {
    auto const word = said[name].text();
    for (auto const form : {Form::direct, Form::with_note, Form::view}) {
      if (word == word_of(form)) return form;
    }
    return Form::none;
  };
  meaning.approve = read("approve");
  meaning.deny = read("deny");
  meaning.asks = said["ask"].boolean();
  meaning.again = said["again"].boolean();
  return meaning;
}

// --- forms of sending
// -------------------------------------------------------------------------------------------------

Json render_edit(Json const& body, std::string const& event) {
  auto const shown = lines_of(body["body"].text());
  std::string brief = "*";  // for clients that know no edits
  for (std::size_t i = 0; i < shown.size() && i < 3; ++i) brief += ' ' + shown[i];
  return Json::object({{"msgtype", body["msgtype"]},
                       {"body", cut(brief, 1000)},
                       {"m.mentions", Json::object({})},
                       {"m.new_content", body},
                       {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", event}})}});
}

Json in_thread(Json body, std::string const& root) {
  body.set("m.relates_to", Json::object({{"rel_type", "m.thread"},
                                         {"event_id", root},
                                         {"is_falling_back", true},
                                         {"m.in_reply_to", Json::object({{"event_id", root}})}}));
  return body;
}

Json as_reply(Json body, std::string const& event) {
  body.set("m.relates_to", Json::object({{"m.in_reply_to", Json::object({{"event_id", event}})}}));
  return body;
}

Json plain_fallback(Json const& body) {
  Json plain = body;
  if (auto* members = plain.if_object()) {
    members->erase("format");
    members->erase("formatted_body");
  }
  auto const text = body["body"].text();
  auto const shorter = cut(text, 8 * 1024);
  plain.set("body", shorter);
  if (auto said = body[kOurs]; shorter != text && said["approve"].is_string()) {
    said.set("approve", word_of(Form::view));
    plain.set(std::string(kOurs), std::move(said));
  }
  return plain;
}

}  // namespace matrix
