#include "adapters/playground/matrix_push.hpp"

#include <algorithm>
#include <cctype>

namespace playground {

using core::Json;

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// As a whole word, whatever the case.
bool names(std::string const& body, std::string const& word) {
  if (word.empty()) return false;
  auto const text = lower(body), wanted = lower(word);
  auto letter = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
  };
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    if ((at == 0 || !letter(at - 1)) && !letter(at + wanted.size())) return true;
  }
  return false;
}

// The rule that notifies this person, empty: none does.
std::string rule_for(MatrixEvent const& event, MatrixRoom const& room, std::string const& person,
                     std::string const& name) {
  auto const& content = event.content;
  if (content["msgtype"].text() == "m.notice") return {};  // .m.rule.suppress_notices comes before all mentions
  if (event.type == "m.room.member")
    return content["membership"].text() == "invite" && event.state_key == person ? "invite" : "";
  auto const& mentions = content["m.mentions"];
  if (auto const* users = mentions["user_ids"].if_array()) {
    if (std::any_of(users->begin(), users->end(), [&](Json const& one) { return one.text() == person; }))
      return "is_user_mention";
  }
  auto const everybody = room.content_of("m.room.power_levels")["notifications"]["room"].integer(50);
  bool const may_call_all = room.power(event.sender) >= everybody;
  if (mentions["room"].boolean() && may_call_all) return "is_room_mention";
  auto const body = content["body"].text();
  if (mentions.is_null()) {
    // Only where the event says nothing of mentions do names in its body count.
    if (names(body, name)) return "name";
    if (names(body, "@room") && may_call_all) return "is_room_mention";
  }
  if (event.type == "m.room.tombstone") return "tombstone";
  if (event.type == "m.reaction" || event.relation() == "m.replace") return {};
  if (mentions.is_null() && names(body, person.substr(1, person.find(':') - 1))) return "name";
  return event.type == "m.room.message" || event.type == "m.room.encrypted" ? "message" : "";
}

}  // namespace

std::vector<MatrixPing> pings_of(MatrixEvent const& event, MatrixRoom const& room, MatrixAccounts const& accounts) {
  std::vector<MatrixPing> out;
  auto people = room.members("join");
  if (event.type == "m.room.member" && event.state_key) people = {*event.state_key};
  for (auto const& person : people) {
    if (person == event.sender || !accounts.exists(person)) continue;
    auto const rule = rule_for(event, room, person, accounts.name(person));
    if (rule.empty()) continue;
    bool const highlight =
        rule == "is_user_mention" || rule == "is_room_mention" || rule == "name" || rule == "tombstone";
    out.push_back({room.id, event.id, person, rule, highlight, event.position});
  }
  return out;
}

}  // namespace playground
