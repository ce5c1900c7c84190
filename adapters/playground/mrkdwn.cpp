#include "adapters/playground/mrkdwn.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace playground {
namespace {

bool starts_with_entity(std::string_view text) {
  return text.starts_with("&amp;") || text.starts_with("&lt;") || text.starts_with("&gt;");
}

bool is_id(std::string_view text) {
  return text.size() > 1 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

// What stands between the brackets, or nothing if it is no token.
std::optional<Token> token_from(std::string_view inner) {
  Token token;
  auto const bar = inner.find('|');
  auto const head = inner.substr(0, bar);
  if (bar != std::string_view::npos) token.label = inner.substr(bar + 1);
  auto const rest = head.empty() ? head : head.substr(1);
  if (head.starts_with('@') && is_id(rest)) {
    token.kind = "user";
    token.target = rest;
  } else if (head.starts_with('#') && is_id(rest)) {
    token.kind = "conversation";
    token.target = rest;
  } else if (head == "!here" || head == "!channel" || head == "!everyone") {
    token.kind = rest;
  } else if (head.starts_with("!subteam^")) {
    token.kind = "subteam";
    token.target = head.substr(9);
  } else if (head.starts_with("!date^")) {
    token.kind = "date";
    token.target = head.substr(6);
  } else if (head.starts_with("http://") || head.starts_with("https://") || head.starts_with("mailto:")) {
    token.kind = "link";
    token.target = head;
  } else {
    return std::nullopt;
  }
  return token;
}

bool name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'; }

void find_in_text(std::string_view text, std::string const& where, bool link_names, SlackWorld const& world,
                  std::vector<Mention>& out) {
  for (auto const& token : tokens_of(text)) {
    if (token.kind == "user" || token.kind == "subteam" || token.kind == "here" || token.kind == "channel" ||
        token.kind == "everyone") {
      out.push_back({where, token.kind, token.target});
    }
  }
  if (!link_names) return;
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    auto end = at + 1;
    while (end < text.size() && name_char(text[end])) ++end;
    auto const name = text.substr(at + 1, end - at - 1);
    if (name == "here" || name == "channel" || name == "everyone") out.push_back({where, std::string(name), {}});
    for (auto const& user : world.users) {
      if (user.name == name) out.push_back({where, "user", user.id});
    }
  }
}

void find_in_blocks(core::Json const& node, std::string const& where, bool link_names, SlackWorld const& world,
                    std::vector<Mention>& out) {
  if (auto const* array = node.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      find_in_blocks((*array)[i], where + "/" + std::to_string(i), link_names, world, out);
    }
    return;
  }
  auto const* object = node.if_object();
  if (object == nullptr) return;
  auto const type = node["type"].text();
  if (type == "mrkdwn" || (type == "markdown" && node["text"].if_string() != nullptr)) {
    find_in_text(node["text"].text(), where + "/text", link_names, world, out);
    return;
  }
  if (type == "user" && node["user_id"].if_string() != nullptr) {
    out.push_back({where, "user", node["user_id"].text()});
  } else if (type == "usergroup" && node["usergroup_id"].if_string() != nullptr) {
    out.push_back({where, "subteam", node["usergroup_id"].text()});
  } else if (type == "broadcast") {
    out.push_back({where, node["range"].text("channel"), {}});
  }
  for (auto const& [key, value] : *object) {
    if (key == "confirm") continue;  // shown in a dialog of the clicker's own client: notifies nobody
    find_in_blocks(value, where + "/" + key, link_names, world, out);
  }
}

std::size_t sequence_bytes(char lead) {
  auto const byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (auto open = text.find('<'); open != std::string_view::npos; open = text.find('<', open + 1)) {
    auto const close = text.find_first_of("<>", open + 1);
    if (close == std::string_view::npos) break;
    if (text[close] == '<') continue;
    if (auto token = token_from(text.substr(open + 1, close - open - 1))) {
      token->begin = open;
      token->end = close + 1;
      tokens.push_back(*std::move(token));
    }
  }
  return tokens;
}

std::string escape(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string re_escape(std::string_view text) {
  std::string out;
  auto plain = [&](std::string_view part) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '&' && starts_with_entity(part.substr(i))) {
        out += '&';
      } else {
        out += escape(part.substr(i, 1));
      }
    }
  };
  std::size_t at = 0;
  for (auto const& token : tokens_of(text)) {
    plain(text.substr(at, token.begin - at));
    out += text.substr(token.begin, token.end - token.begin);
    at = token.end;
  }
  plain(text.substr(at));
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto const rest = text.substr(i);
    if (rest.starts_with("&amp;")) {
      out += '&';
      i += 5;
    } else if (rest.starts_with("&lt;")) {
      out += '<';
      i += 4;
    } else if (rest.starts_with("&gt;")) {
      out += '>';
      i += 4;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string to_plain(std::string_view text, SlackWorld const& world) {
  std::string out;
  std::size_t at = 0;
  for (auto const& token : tokens_of(text)) {
    out += unescape(text.substr(at, token.begin - at));
    at = token.end;
    if (token.kind == "user") {
      auto const* user = world.user(token.target);
      out += "@" + (token.target == world.bot_user_id ? world.bot_name : user != nullptr ? user->name : token.target);
    } else if (token.kind == "subteam") {
      auto const group = std::find_if(world.usergroups.begin(), world.usergroups.end(),
                                      [&](auto const& g) { return g.id == token.target; });
      out += "@" + (group == world.usergroups.end() ? token.target : group->handle);
    } else if (token.kind == "conversation") {
      auto const* channel = world.channel(token.target);
      out += "#" + (channel == nullptr ? token.target : channel->name);
    } else if (token.kind == "link" || token.kind == "date") {
      out += unescape(token.label.empty() ? token.target : token.label);
    } else {
      out += "@" + token.kind;
    }
  }
  return out + unescape(text.substr(at));
}

std::vector<Mention> mentions_of(core::Json const& text, core::Json const& blocks, bool link_names,
                                 SlackWorld const& world) {
  std::vector<Mention> found;
  find_in_text(text.text(), "/text", link_names, world, found);
  find_in_blocks(blocks, "/blocks", link_names, world, found);
  return found;
}

std::size_t length_of(std::string_view utf8) {
  std::size_t units = 0;
  for (std::size_t i = 0; i < utf8.size();) {
    auto const bytes = sequence_bytes(utf8[i]);
    units += bytes == 4 ? 2 : 1;
    i += bytes;
  }
  return units;
}

std::string cut_to(std::string_view utf8, std::size_t units) {
  std::size_t used = 0, i = 0;
  while (i < utf8.size()) {
    auto const bytes = sequence_bytes(utf8[i]);
    used += bytes == 4 ? 2 : 1;
    if (used > units) break;
    i += bytes;
  }
  return std::string(utf8.substr(0, i));
}

}  // namespace playground
