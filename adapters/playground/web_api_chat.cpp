// chat.* and reactions.*. Source: docs.slack.dev/reference/methods/chat.postMessage and its neighbours.
#include <algorithm>

#include "adapters/playground/web_api.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kCutText = 40'000, kMaxUpdateText = 4'000, kMaxAttachments = 100;
constexpr std::size_t kMaxMetadataBytes = 8'000;  // undocumented; clients are told to stay below 1 KB

bool is_event_type(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string WebApi::writable(std::string& channel, bool people_too) {
  auto& world = context_.options.world;
  if (people_too && channel.starts_with('U')) {
    channel = store_.direct_channel(channel);
    if (channel.empty()) return "channel_not_found";
  }
  auto const* room = world.channel(channel);
  if (room == nullptr) return "channel_not_found";
  if (!room->bot_is_member && room->im_with.empty()) return room->is_private ? "channel_not_found" : "not_in_channel";
  return room->is_archived ? "is_archived" : "";
}

Answer WebApi::content(Arguments const& arguments, Json& body) {
  bool bad = false;
  auto blocks = arguments.nested("blocks", &bad);
  if (bad || (!blocks.is_null() && !blocks.is_array())) return Answer::error("invalid_blocks_format");
  if (blocks.is_array()) {
    if (auto const problems = check_blocks(blocks, Surface::message); !problems.empty()) {
      return Answer::error("invalid_blocks", problems);
    }
    if (text_length(blocks) > kMaxBlockText) return Answer::error("msg_blocks_too_long");
    complete_blocks(blocks, [this] { return context_.random_text(5); });
  }
  auto const attachments = arguments.nested("attachments");
  if (auto const* list = attachments.if_array(); list != nullptr && list->size() > kMaxAttachments) {
    return Answer::error("too_many_attachments");
  }
  auto const text = arguments.text("text");
  bool const has_blocks = blocks.is_array() && !blocks.if_array()->empty();
  bool const has_attachments = attachments.is_array() && !attachments.if_array()->empty();
  if (text.empty() && !has_blocks && !has_attachments) return Answer::error("no_text");
  if (text.empty()) context_.find("a message without text: nothing for the lock screen");
  body.set("text", re_escape(cut_to(text, kCutText)));
  if (has_blocks) {
    body.set("blocks", std::move(blocks));
  } else {
    body.if_object()->erase("blocks");
  }
  if (has_attachments) body.set("attachments", attachments);
  return Answer::ok();
}

Answer WebApi::metadata(Arguments const& arguments, Json& into) {
  if (!arguments.has("metadata")) return Answer::ok();
  bool bad = false;
  auto const metadata = arguments.nested("metadata", &bad);
  if (bad || !metadata.is_object()) return Answer::error("invalid_metadata_format");
  if (!is_event_type(metadata["event_type"].text()) || !metadata["event_payload"].is_object()) {
    return Answer::error("invalid_metadata_schema");
  }
  if (core::dump(metadata).size() > kMaxMetadataBytes) return Answer::error("metadata_too_large");
  into = metadata;
  return Answer::ok();
}

Answer WebApi::post_message(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, true); !word.empty()) return Answer::error(word);
  auto const& world = context_.options.world;
  StoredMessage message;
  message.channel = channel;
  message.ours = true;
  message.body = Json::object(
      {{"user", world.bot_user_id}, {"bot_id", world.bot_id}, {"app_id", world.app_id}, {"team", world.team_id}});
  if (auto refused = content(arguments, message.body); !refused.good()) return refused;
  if (auto refused = metadata(arguments, message.metadata); !refused.good()) return refused;
  if (auto const thread = arguments.text("thread_ts"); !thread.empty()) {
    auto const* root = store_.find(channel, thread);
    if (root == nullptr) return Answer::error("cannot_reply_to_message");
    if (root->is_reply()) context_.find("a reply to a reply: thread_ts must be the root's");
    message.body.set("thread_ts", thread);
    message.broadcast = arguments.flag("reply_broadcast");
  }
  bool const link_names = arguments.flag("link_names") || arguments.text("parse") == "full";
  auto const& stored = store_.add(std::move(message), link_names);
  auto answer = Json::object({{"channel", channel}, {"ts", stored.ts}, {"message", store_.shown(stored, true)}});
  if (length_of(arguments.text("text")) > kCutText) {
    answer.set("response_metadata", Json::object({{"warnings", Json::array({"message_truncated"})}}));
    answer.set("warning", "message_truncated");
  }
  return Answer::ok(std::move(answer));
}

Answer WebApi::post_ephemeral(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  if (!arguments.has("user")) return Answer::missing("user");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, false); !word.empty()) return Answer::error(word);
  auto const user = arguments.text("user");
  auto const& world = context_.options.world;
  auto const* room = world.channel(channel);
  if (room->im_with != user && std::find(room->members.begin(), room->members.end(), user) == room->members.end()) {
    return Answer::error("user_not_in_channel");
  }
  StoredMessage message;
  message.channel = channel;
  message.ours = true;
  message.only_for = user;
  message.body = Json::object({{"user", world.bot_user_id},
                               {"bot_id", world.bot_id},
                               {"app_id", world.app_id},
                               {"team", world.team_id},
                               {"is_ephemeral", true},
                               {"ephemeral_user", user}});
  if (auto refused = content(arguments, message.body); !refused.good()) return refused;
  if (auto const thread = arguments.text("thread_ts"); !thread.empty()) message.body.set("thread_ts", thread);
  auto const& stored = store_.add(std::move(message), arguments.flag("link_names"));
  return Answer::ok(Json::object({{"message_ts", stored.ts}}));
}

Answer WebApi::update(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  if (!arguments.has("ts")) return Answer::missing("ts");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, false); !word.empty()) return Answer::error(word);
  auto* message = store_.find(channel, arguments.text("ts"));
  if (message == nullptr || !message->only_for.empty()) return Answer::error("message_not_found");
  if (!message->ours) return Answer::error("cant_update_message");
  if (length_of(arguments.text("text")) > kMaxUpdateText) return Answer::error("msg_too_long");
  auto body = message->body;
  if (!arguments.has("blocks") && !message->body["blocks"].is_null()) {
    context_.find("chat.update without blocks on a message with blocks: what stays depends on the case");
  }
  if (auto refused = content(arguments, body); !refused.good()) return refused;
  if (auto refused = metadata(arguments, message->metadata); !refused.good()) return refused;
  body.set("edited", Json::object({{"user", context_.options.world.bot_user_id}, {"ts", store_.next_ts()}}));
  message->body = std::move(body);
  store_.pinged(*message, arguments.flag("link_names"), /*update=*/true);
  context_.changed();
  return Answer::ok(Json::object({{"channel", channel},
                                  {"ts", message->ts},
                                  {"text", message->body["text"]},
                                  {"message", store_.shown(*message, true)}}));
}

Answer WebApi::remove(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  if (!arguments.has("ts")) return Answer::missing("ts");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, false); !word.empty()) return Answer::error(word);
  auto const ts = arguments.text("ts");
  auto const* message = store_.find(channel, ts);
  if (message == nullptr || !message->only_for.empty()) return Answer::error("message_not_found");
  if (!message->ours) return Answer::error("cant_delete_message");
  store_.erase(channel, ts);
  return Answer::ok(Json::object({{"channel", channel}, {"ts", ts}}));
}

Answer WebApi::permalink(Arguments const& arguments) {
  auto const channel = arguments.text("channel");
  auto ts = arguments.text("message_ts");
  if (context_.options.world.channel(channel) == nullptr) return Answer::error("channel_not_found");
  if (store_.find(channel, ts) == nullptr) return Answer::error("message_not_found");
  std::erase(ts, '.');
  return Answer::ok(Json::object({{"channel", channel},
                                  {"permalink", "https://" + context_.options.world.team_domain +
                                                    ".slack.example/archives/" + channel + "/p" + ts}}));
}

Answer WebApi::add_reaction(Arguments const& arguments) {
  auto const name = arguments.text("name");
  if (name.empty() || name.find(':') != std::string::npos) return Answer::error("invalid_name");
  auto* message = store_.find(arguments.text("channel"), arguments.text("timestamp"));
  if (message == nullptr) return Answer::error("message_not_found");
  auto reactions = message->body["reactions"];
  if (!reactions.is_array()) reactions = Json::array();
  auto const& bot = context_.options.world.bot_user_id;
  for (auto const& reaction : *reactions.if_array()) {
    if (reaction["name"].text() == name) return Answer::error("already_reacted");
  }
  reactions.push(Json::object({{"name", name}, {"count", 1}, {"users", Json::array({bot})}}));
  message->body.set("reactions", std::move(reactions));
  context_.changed();
  return Answer::ok();
}

}  // namespace playground
