#include "tests/browser/scripted_chats.hpp"

#include <chrono>

#include "adapters/playground/cast.hpp"
#include "adapters/playground/same_origin.hpp"
#include "bot/core/time.hpp"

namespace browser {

using core::Json;

namespace {

Json parsed(std::string_view text) {
  auto json = core::parse_json(text);
  if (!json) throw core::Failure(json.error());
  return *std::move(json);
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

playground::Person const& person_of(std::string_view platform, std::string const& account) {
  for (auto const& one : playground::cast()) {
    if (one.account(platform) == account) return one;
  }
  throw core::Failure(core::make_error(core::Errc::not_found, "nobody has the account " + account));
}

// Every element that the page knows, one that it does not, markup that must stay text, and a mention without an entity.
Json base_card() {
  return parsed(R"json({
    "type": "AdaptiveCard", "version": "1.5",
    "msteams": {"width": "Full", "entities": [
      {"type": "mention", "text": "<at>Bob Roy</at>", "mentioned": {"id": "29:bob", "name": "Bob Roy"}}]},
    "body": [
      {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true, "text": "Restart orders"},
      {"type": "TextBlock", "wrap": true, "text": "**Waiting** for 1 of _sre_, <at>Bob Roy</at> <at>Nobody</at>\n\n- a \\*star\\*\n- [a page](https://example.org/x) [no page](javascript:alert(1))"},
      {"type": "ColumnSet", "columns": [
        {"type": "Column", "width": "stretch", "items": [{"type": "TextBlock", "text": "left column"}]},
        {"type": "Column", "width": "auto", "items": [{"type": "TextBlock", "isSubtle": true, "text": "right column"}]}]},
      {"type": "FactSet", "facts": [{"title": "Risk", "value": "medium"}, {"title": "Target", "value": "service/orders"}]},
      {"type": "Container", "style": "emphasis", "items": [
        {"type": "RichTextBlock", "inlines": [
          {"type": "TextRun", "fontType": "Monospace", "text": "ERROR <img src=x onerror=alert(1)> **not bold** [not a link](x)\nGET /healthz 503"}]}]},
      {"type": "Media", "sources": []},
      {"type": "TextBlock", "isVisible": false, "text": "hidden until asked for"},
      {"type": "ActionSet", "actions": [
        {"type": "Action.Execute", "title": "Approve", "verb": "approve", "style": "positive", "data": {"v": 1}},
        {"type": "Action.Execute", "title": "Deny", "verb": "deny", "style": "destructive", "associatedInputs": "none", "data": {"v": 1}},
        {"type": "Action.Execute", "title": "Show all", "verb": "view", "data": {"v": 1}},
        {"type": "Action.ShowCard", "title": "Approve with a note", "card": {"type": "AdaptiveCard", "body": [
            {"type": "Input.Text", "id": "note", "label": "Why?", "isMultiline": true, "isRequired": true, "regex": "^[\\s\\S]{5,}$", "errorMessage": "At least five characters", "maxLength": 100}],
          "actions": [{"type": "Action.Submit", "title": "Approve so", "data": {"verb": "approve"}}]}},
        {"type": "Action.OpenUrl", "title": "Evidence", "url": "https://example.org/evidence"}]}]})json");
}

Json own_view(std::string const& name) {
  return parsed(R"json({"type": "AdaptiveCard", "version": "1.5", "body": [
    {"type": "TextBlock", "weight": "Bolder", "text": "All that will run, for )json" +
                name + R"json("},
    {"type": "TextBlock", "fontType": "Monospace", "wrap": true, "text": "restart /usr/bin/true"}]})json");
}

class Teams final : public ScriptedChat {
 public:
  explicit Teams(std::function<void(std::string)> decided) : decided_(std::move(decided)) {}

  std::string_view platform() const override { return "teams"; }
  Json state(std::string const& account) override {
    auto people = Json::array();
    for (auto const& one : playground::cast())
      people.push(Json::object(
          {{"key", one.key}, {"id", "29:" + one.key}, {"object_id", one.account("teams")}, {"name", one.name}}));
    auto messages = Json::array();
    for (auto message : messages_) {
      message.set("view", message["views"][account].is_object());
      if (message["view"].boolean()) message.set("card", message["views"][account]);
      message.if_object()->erase("views");
      messages.push(std::move(message));
    }
    return Json::object(
        {{"me", person_of("teams", account).key},
         {"team", "Operations"},
         {"bot", Json::object({{"id", "28:bot"}, {"name", "Countersign"}})},
         {"people", people},
         {"conversations", Json::array({Json::object({{"id", kChannel}, {"type", "channel"}, {"name", "incidents"}})})},
         {"messages", Json::object({{kChannel, messages}})},
         {"warnings", Json::array()},
         {"listeners", 1}});
  }

  void post() override {
    add("", "", "", base_card(), Json::object({{"summary", "CS-42 Restart orders"}}));
    card_ = messages_.back()["id"].text();
  }

  std::optional<net::HttpResponse> act(std::string_view what, std::string const& account, Json const& a) override {
    auto const& who = person_of("teams", account);
    if (what == "say") {
      auto const text = (a["mention"].boolean() ? "<at>Countersign</at>&nbsp;" : "") + escaped(a["text"].text());
      add(who.key, text, a["thread"].text(), Json(),
          parsed(
              R"json({"textFormat": "plain", "entities": [{"type": "mention", "text": "<at>Countersign</at>", "mentioned": {"id": "28:bot"}}]})json"));
      return fine();
    }
    if (what != "click" && what != "forget-view") return std::nullopt;
    auto const verb = a["action"].text();
    for (auto& message : messages_) {
      if (message["id"].text() != a["activity"].text()) continue;
      if (what == "forget-view") {
        message.set("views", Json());
      } else if (verb == "view") {
        auto views = message["views"];
        if (!views.is_object()) views = Json(Json::Object{});
        message.set("views", views.set(account, own_view(who.name)));
      } else if (who.groups != std::vector<std::string>{"sre"}) {
        return refused("Only members of sre may decide this.");
      } else {
        auto card = parsed(R"json({"type": "AdaptiveCard", "version": "1.5", "body": []})json");
        auto const note = a["inputs"]["note"].text();
        card.set("body", Json::array({Json::object(
                             {{"type", "TextBlock"},
                              {"wrap", true},
                              {"text", "✅ **Approved** by " + who.key + (note.empty() ? "" : ": " + note)}})}));
        message.set("card", card).set("updates", 1);
        decided_(who.key);
        tell_outcome();
      }
      changed();
      return fine();
    }
    return refused("There is no such message.");
  }

 private:
  static constexpr auto kChannel = "19:incidents@thread.tacv2";
  // As Teams' clients send what somebody typed.
  static std::string escaped(std::string const& text) {
    std::string out;
    for (char const c : text) out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    return out;
  }
  void tell_outcome() {
    add("", "<at>Alice Ng</at> Restart orders: **succeeded** in 3 s", card_, Json(),
        parsed(
            R"json({"entities": [{"type": "mention", "text": "<at>Alice Ng</at>", "mentioned": {"id": "29:alice"}}]})json"));
  }
  // from: a person's key; empty: the bot.
  void add(std::string const& from, std::string text, std::string thread, Json card, Json activity) {
    std::string name = "Countersign";
    for (auto const& one : playground::cast()) {
      if (one.key == from) name = one.name;
    }
    auto const id = "17640000" + std::to_string(10'000 + messages_.size());
    auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
    messages_.push_back(Json::object({{"id", id},
                                      {"thread", thread.empty() ? id : thread},
                                      {"from", from},
                                      {"name", name},
                                      {"ours", from.empty()},
                                      {"text", std::move(text)},
                                      {"card", std::move(card)},
                                      {"at", core::format_time(now)},
                                      {"updates", 0},
                                      {"edited", false},
                                      {"deleted", false},
                                      {"activity", std::move(activity)}}));
    changed();
  }

  std::function<void(std::string)> decided_;
  std::vector<Json> messages_;
  std::string card_;
};

class Matrix final : public ScriptedChat {
 public:
  explicit Matrix(std::function<void(std::string)> decided) : decided_(std::move(decided)) {}

  std::string_view platform() const override { return "matrix"; }
  Json state(std::string const& account) override {
    auto members = Json::array({Json::object({{"id", kBot}, {"name", "Countersign"}})});
    for (auto const& one : playground::cast())
      members.push(Json::object({{"id", one.account("matrix")}, {"name", one.name}}));
    return Json::object({{"me", account},
                         {"bot", kBot},
                         {"room", Json::object({{"id", "!inc:example.org"}, {"name", "incidents"}})},
                         {"connections", 1},
                         {"members", members},
                         {"events", Json(Json::Array(events_.begin(), events_.end()))}});
  }

  void post() override {
    card_ = send("m.room.message", kBot, parsed(R"json({
      "msgtype": "m.text", "body": "CS-42 Restart orders: Approve?", "format": "org.matrix.custom.html",
      "formatted_body": "<h4>Restart orders</h4><p>Waiting for 1 of <em>sre</em>, <a href=\"https://matrix.to/#/%40bob%3Aexample.org\">Bob</a></p><pre><code class=\"language-text\">ERROR &lt;b&gt; ✅ 503\n</code></pre><img src=\"mxc://x/y\" alt=\"a picture\" onerror=\"alert(1)\"><script>alert(2)</script><a href=\"javascript:alert(3)\">click me</a> <a href=\"https://example.org/x\" onclick=\"alert(4)\" style=\"color:red\">a page</a><custom-tag id=\"link\">kept words</custom-tag><details><summary>More</summary><p>inside</p></details>",
      "m.mentions": {"user_ids": ["@bob:example.org"]}})json"));
    for (auto const* key : {"✅", "❌"}) send("m.reaction", kBot, annotation(card_, key));
    // Somebody else's edit of the bot's message: servers pass it on, clients must not show it.
    send(
        "m.room.message", "@mallory:example.org",
        parsed(
            R"json({"msgtype": "m.text", "body": "* all is well", "m.new_content": {"msgtype": "m.text", "body": "All is well, no need to look"},
           "m.relates_to": {"rel_type": "m.replace", "event_id": ")json" +
            card_ + R"json("}})json"));
  }

  std::optional<net::HttpResponse> act(std::string_view what, std::string const& account, Json const& a) override {
    if (what == "say") {
      auto content = Json::object({{"msgtype", "m.text"}, {"body", a["text"].text()}});
      if (!a["thread"].text().empty()) content.set("m.relates_to", in_thread(a["thread"].text()));
      send("m.room.message", account, std::move(content));
      return fine();
    }
    if (what == "react") {
      send("m.reaction", account, annotation(a["event"].text(), a["key"].text()));
      auto const& who = person_of("matrix", account);
      if (a["event"].text() == card_ && a["key"].text() == "✅" && who.groups == std::vector<std::string>{"sre"}) {
        decided_(who.key);
        show_decision(who.key);
      }
      return fine();
    }
    if (what == "unreact") {
      for (auto& event : events_) {
        if (event["event_id"].text() != a["event"].text() || event["sender"].text() != account) continue;
        event.set("content", Json(Json::Object{}))
            .set("unsigned", Json::object({{"redacted_because", Json::object({{"sender", account}})}}));
        changed();
        return fine();
      }
      return refused("That is not your reaction.");
    }
    return std::nullopt;
  }

 private:
  static constexpr auto kBot = "@countersign:example.org";
  static Json annotation(std::string const& event, std::string const& key) {
    return Json::object(
        {{"m.relates_to", Json::object({{"rel_type", "m.annotation"}, {"event_id", event}, {"key", key}})}});
  }
  static Json in_thread(std::string const& root) {
    return Json::object({{"rel_type", "m.thread"},
                         {"event_id", root},
                         {"is_falling_back", true},
                         {"m.in_reply_to", Json::object({{"event_id", root}})}});
  }
  void show_decision(std::string const& who) {
    send("m.room.message", kBot,
         Json::object({{"msgtype", "m.text"},
                       {"body", "* edit"},
                       {"m.new_content",
                        Json::object({{"msgtype", "m.text"}, {"body", "✅ Restart orders: approved by " + who}})},
                       {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", card_}})}}));
    send("m.room.message", kBot,
         Json::object({{"msgtype", "m.text"},
                       {"body", "Restart orders: succeeded in 3 s"},
                       {"m.mentions", parsed(R"json({"user_ids": ["@alice:example.org"]})json")},
                       {"m.relates_to", in_thread(card_)}}));
  }
  std::string send(std::string const& type, std::string const& sender, Json content) {
    auto const id = "$event" + std::to_string(events_.size());
    events_.push_back(Json::object({{"event_id", id},
                                    {"type", type},
                                    {"sender", sender},
                                    {"origin_server_ts", now_ms()},
                                    {"content", std::move(content)}}));
    changed();
    return id;
  }

  std::function<void(std::string)> decided_;
  std::vector<Json> events_;
  std::string card_;
};

}  // namespace

net::HttpResponse ScriptedChat::control(std::string_view, Json const&) { return refused("There are no controls."); }
std::uint64_t ScriptedChat::on_change(std::function<void()> fn) {
  changed_ = std::move(fn);
  return 1;
}
void ScriptedChat::changed() const {
  if (changed_) changed_();
}
net::HttpResponse ScriptedChat::fine() { return playground::json_response(Json::object({{"ok", true}})); }
net::HttpResponse ScriptedChat::refused(char const* why) {
  return playground::json_response(Json::object({{"ok", false}, {"error", why}}));
}

std::unique_ptr<ScriptedChat> scripted_teams(std::function<void(std::string)> decided) {
  return std::make_unique<Teams>(std::move(decided));
}
std::unique_ptr<ScriptedChat> scripted_matrix(std::function<void(std::string)> decided) {
  return std::make_unique<Matrix>(std::move(decided));
}

}  // namespace browser
