#include "tests/unit/engine/fake_chat.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"

namespace rig {

FakeChat::FakeChat(ports::Loop& on, std::string named) : loop(on), name(std::move(named)) {}

ports::Rendered FakeChat::render(core::Card const& card, std::string const&) const {
  Json votes = Json::array(), mention = Json::array();
  for (auto const& vote : card.votes) votes.push(vote);
  for (auto const& person : card.mention) mention.push(person);
  Json evidence = Json::array();
  for (auto const& line : card.evidence) evidence.push(line);
  auto body = Json::object({{"title", card.title},
                            {"status", card.status},
                            {"votes", votes},
                            {"mention", mention},
                            {"evidence", evidence},
                            {"buttons", std::uint64_t{card.buttons.size()}},
                            {"rendering", card.rendering}});
  auto digest = core::digest_of(core::dump(body));
  return {std::move(body), std::move(digest)};
}

ports::Rendered FakeChat::render(core::Note const& note, std::string const&) const {
  Json mention = Json::array();
  for (auto const& person : note.mention) mention.push(person);
  auto body = Json::object({{"note", note.text}, {"mention", mention}, {"block", note.block}});
  auto digest = core::digest_of(core::dump(body));
  return {std::move(body), std::move(digest)};
}

void FakeChat::post(std::string channel, std::optional<ports::MessageRef> thread, Json body, std::string key,
                    core::Time, std::function<void(core::Result<ports::MessageRef>)> done) {
  ++posts;
  auto act = [this, channel, thread, body, key, done] {
    bool const unwanted = refuse_live && key.find(":live:") != std::string::npos;
    if (refuse_posts || unwanted || channel == refuse_channel)
      return done(core::make_error(Errc::forbidden, "not in the channel"));
    messages.push_back({channel, thread ? (*thread)["ts"].text() : "", key, body, 0});
    done(ref(messages.size()));
  };
  hold_posts ? held.push_back(act) : loop.post(act);
}

void FakeChat::update(ports::MessageRef message, Json body, std::function<void(core::Result<void>)> done,
                      ports::Urgency urgency) {
  ++updates;
  last_urgency = urgency;
  auto act = [this, message, body, done] {
    if (refuse_updates) return done(core::make_error(Errc::unavailable, "down"));
    auto& one = messages.at(static_cast<std::size_t>(std::stoul(message["ts"].text())) - 1);
    one.body = body;
    ++one.updates;
    done({});
  };
  hold_updates ? held.push_back(act) : loop.post(act);
}

void FakeChat::find(std::string channel, std::optional<ports::MessageRef>, std::string key, core::Time,
                    std::function<void(core::Result<std::optional<ports::MessageRef>>)> done) {
  ++finds;
  auto act = [this, channel, key, done] {
    if (refuse_finds) return done(core::make_error(Errc::forbidden, "no right to read the channel"));
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (messages[i].channel == channel && messages[i].key == key)
        return done(std::optional<ports::MessageRef>(ref(i + 1)));
    }
    for (auto const& file : files) {
      if (file.channel == channel && file.key == key) return done(std::optional<ports::MessageRef>(ref(1000)));
    }
    done(std::optional<ports::MessageRef>());
  };
  hold_finds ? held.push_back(act) : loop.post(act);
}

void FakeChat::attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, core::Time,
                      std::function<void(core::Result<core::InThread>)> done) {
  ++attaches;
  auto act = [this, channel, thread, file, key, done] {
    if (refuse_files) return done(core::make_error(Errc::forbidden, "no files here"));
    files.push_back({channel, thread["ts"].text(), key, file.exhibit.path, file.bytes});
    done(files_as);
  };
  hold_files ? held.push_back(act) : loop.post(act);
}

void FakeChat::whisper(ports::Account const& to, std::string, std::string text) {
  whispers.emplace_back(to.id, std::move(text));
}

ports::MessageRef FakeChat::ref(std::size_t number) { return Json::object({{"ts", std::to_string(number)}}); }

void FakeChat::release() {
  for (auto const& act : std::exchange(held, {})) loop.post(act);
}

std::size_t FakeChat::cards() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      messages, [](Message const& message) { return message.body["status"].if_string() != nullptr; }));
}

std::vector<FakeChat::Message> FakeChat::notes() const {
  std::vector<Message> found;
  for (auto const& message : messages) {
    if (message.body["note"].if_string()) found.push_back(message);
  }
  return found;
}

Json FakeChat::shown_for(core::RequestId const& id) const {
  for (auto const& message : messages) {
    if (message.key.starts_with(id.str() + ":card:")) return message.body;
  }
  return {};
}

std::vector<std::string> FakeChat::live(core::RequestId const& id) const {
  std::vector<std::string> found;
  for (auto const& message : messages) {
    if (message.key.starts_with(id.str() + ":live:"))
      found.push_back(message.body["note"].text() + "\n" + message.body["block"].text());
  }
  return found;
}

}  // namespace rig
