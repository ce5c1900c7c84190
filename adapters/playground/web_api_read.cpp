// Methods that only look: conversations.*, users.*, usergroups.*, auth.test and the like.
#include <algorithm>

#include "adapters/playground/web_api.hpp"

namespace playground {

using core::Json;

namespace {
constexpr std::int64_t kDefaultPage = 100, kMaxPage = 999;
}

Answer WebApi::api_test(Arguments const& arguments) {
  if (auto const word = arguments.text("error"); !word.empty()) return Answer::error(word);
  return Answer::ok(Json::object({{"args", arguments.recorded()}}));
}

Answer WebApi::auth_test(Arguments const&) {
  auto const& world = context_.options.world;
  return Answer::ok(Json::object({{"url", "https://" + world.team_domain + ".slack.example/"},
                                  {"team", world.team_name},
                                  {"user", world.bot_name},
                                  {"team_id", world.team_id},
                                  {"user_id", world.bot_user_id},
                                  {"bot_id", world.bot_id},
                                  {"is_enterprise_install", false}}));
}

Answer WebApi::open_connection(Arguments const&) { return Answer::ok(Json::object({{"url", hub_.new_url()}})); }

Json WebApi::channel_json(SlackChannel const& channel) const {
  auto out = Json::object({{"id", channel.id},
                           {"is_private", channel.is_private},
                           {"is_archived", channel.is_archived},
                           {"is_im", !channel.im_with.empty()},
                           {"is_shared", false},
                           {"is_ext_shared", false},
                           {"is_org_shared", false},
                           {"context_team_id", context_.options.world.team_id},
                           {"shared_team_ids", Json::array({context_.options.world.team_id})}});
  if (channel.im_with.empty()) {
    out.set("name", channel.name).set("is_channel", true).set("is_member", channel.bot_is_member);
  } else {
    out.set("user", channel.im_with);
  }
  return out;
}

Answer WebApi::conversation_info(Arguments const& arguments) {
  auto const* channel = context_.options.world.channel(arguments.text("channel"));
  if (channel == nullptr || (channel->is_private && !channel->bot_is_member && channel->im_with.empty())) {
    return Answer::error("channel_not_found");
  }
  auto out = channel_json(*channel);
  if (arguments.flag("include_num_members")) out.set("num_members", std::uint64_t{channel->members.size()});
  return Answer::ok(Json::object({{"channel", out}}));
}

Answer WebApi::conversation_open(Arguments const& arguments) {
  if (auto const known = arguments.text("channel"); !known.empty()) {
    if (context_.options.world.channel(known) == nullptr) return Answer::error("channel_not_found");
    return Answer::ok(Json::object({{"channel", Json::object({{"id", known}})}}));
  }
  auto const users = arguments.text("users");
  if (users.empty()) return Answer::error("users_list_not_supplied");
  if (users.find(',') != std::string::npos) return Answer::error("too_many_users");
  auto const* person = context_.options.world.user(users);
  if (person == nullptr) return Answer::error("user_not_found");
  if (person->deleted) return Answer::error("user_disabled");
  if (person->is_bot) return Answer::error("invalid_user_combination");
  auto const before = context_.options.world.channels.size();
  auto const id = store_.direct_channel(users);
  auto answer = Json::object({{"channel", Json::object({{"id", id}})}});
  if (context_.options.world.channels.size() == before) answer.set("already_open", true).set("no_op", true);
  return Answer::ok(std::move(answer));
}

Answer WebApi::conversation_members(Arguments const& arguments) {
  auto const* channel = context_.options.world.channel(arguments.text("channel"));
  if (channel == nullptr) return Answer::error("channel_not_found");
  Json members = Json::array();
  for (auto const& id : channel->members) members.push(id);
  if (channel->bot_is_member) members.push(context_.options.world.bot_user_id);
  return Answer::ok(Json::object({{"members", members}, {"response_metadata", Json::object({{"next_cursor", ""}})}}));
}

Answer WebApi::conversation_list(Arguments const& arguments) {
  auto const types = arguments.has("types") ? arguments.text("types") : std::string("public_channel");
  Json channels = Json::array();
  for (auto const& channel : context_.options.world.channels) {
    auto const* type = !channel.im_with.empty() ? "im" : channel.is_private ? "private_channel" : "public_channel";
    if (types.find(type) == std::string::npos) continue;
    if (channel.is_private && !channel.bot_is_member) continue;
    if (channel.is_archived && arguments.flag("exclude_archived")) continue;
    channels.push(channel_json(channel));
  }
  return Answer::ok(Json::object({{"channels", channels}, {"response_metadata", Json::object({{"next_cursor", ""}})}}));
}

// Pages of `messages`, which are in the order of the answer. The cursor is the ts of the next message.
Answer WebApi::page_of(std::vector<StoredMessage const*> const& messages, Arguments const& arguments) {
  auto const limit = arguments.number("limit", kDefaultPage);
  if (limit < 1 || limit > kMaxPage) return Answer::error("invalid_limit");
  auto const cursor = arguments.text("cursor");
  auto from = messages.begin();
  if (!cursor.empty()) {
    from =
        std::find_if(messages.begin(), messages.end(), [&](auto const* one) { return "next_ts:" + one->ts == cursor; });
    if (from == messages.end()) return Answer::error("invalid_cursor");
  }
  bool const all = arguments.flag("include_all_metadata");
  Json list = Json::array();
  for (std::int64_t n = 0; from != messages.end() && n < limit; ++from, ++n) list.push(store_.shown(**from, all));
  bool const more = from != messages.end();
  return Answer::ok(Json::object(
      {{"messages", list},
       {"has_more", more},
       {"response_metadata", Json::object({{"next_cursor", more ? "next_ts:" + (*from)->ts : std::string()}})}}));
}

namespace {

bool is_ts(std::string const& text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
}

// "1764000000.000100" and "1764000000" compare as numbers with whole and fraction apart.
bool before(std::string const& a, std::string const& b) {
  auto const split = [](std::string const& text) {
    auto const dot = text.find('.');
    auto fraction = dot == std::string::npos ? std::string() : text.substr(dot + 1);
    fraction.resize(6, '0');
    return std::pair{std::stoll("0" + text.substr(0, dot)), fraction};
  };
  return split(a) < split(b);
}

struct Range {
  std::string oldest, latest;
  bool inclusive = false;

  bool holds(std::string const& ts) const {
    if (!oldest.empty() && (before(ts, oldest) || (!inclusive && !before(oldest, ts)))) return false;
    return latest.empty() || before(ts, latest) || (inclusive && !before(latest, ts));
  }
};

}  // namespace

Answer WebApi::history(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, false); !word.empty() && word != "is_archived") return Answer::error(word);
  Range const range{arguments.text("oldest"), arguments.text("latest"), arguments.flag("inclusive")};
  if (!range.oldest.empty() && !is_ts(range.oldest)) return Answer::error("invalid_ts_oldest");
  if (!range.latest.empty() && !is_ts(range.latest)) return Answer::error("invalid_ts_latest");
  std::vector<StoredMessage const*> found;
  auto const& all = store_.in(channel);
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    if (!one->only_for.empty() || (one->is_reply() && !one->broadcast) || !range.holds(one->ts)) continue;
    found.push_back(&*one);
  }
  return page_of(found, arguments);
}

Answer WebApi::replies(Arguments const& arguments) {
  if (!arguments.has("channel")) return Answer::missing("channel");
  if (!arguments.has("ts")) return Answer::missing("ts");
  auto channel = arguments.text("channel");
  if (auto const word = writable(channel, false); !word.empty() && word != "is_archived") return Answer::error(word);
  auto const root = arguments.text("ts");
  if (store_.find(channel, root) == nullptr) return Answer::error("thread_not_found");
  Range const range{arguments.text("oldest"), arguments.text("latest"), arguments.flag("inclusive")};
  std::vector<StoredMessage const*> found;
  for (auto const& one : store_.in(channel)) {
    bool const belongs = one.ts == root || (one.is_reply() && one.thread() == root && range.holds(one.ts));
    if (belongs && one.only_for.empty()) found.push_back(&one);
  }
  return page_of(found, arguments);
}

Json WebApi::user_json(SlackUser const& user) const {
  auto const team = user.team_id.empty() ? context_.options.world.team_id : user.team_id;
  auto profile = Json::object({{"display_name", user.name}, {"real_name", user.real_name}, {"team", team}});
  if (!user.is_stranger) profile.set("email", user.email);
  auto out = Json::object({{"id", user.id},
                           {"name", user.name},
                           {"deleted", user.deleted},
                           {"real_name", user.real_name},
                           {"tz", "Etc/UTC"},
                           {"is_bot", user.is_bot},
                           {"is_app_user", false},
                           {"is_admin", false},
                           {"is_owner", false},
                           {"is_restricted", user.is_restricted},
                           {"is_ultra_restricted", user.is_ultra_restricted},
                           {"is_stranger", user.is_stranger},
                           {"is_email_confirmed", true},
                           {"profile", profile}});
  if (!user.hide_team_id) out.set("team_id", team);
  return out;
}

Answer WebApi::user_info(Arguments const& arguments) {
  auto const id = arguments.text("user");
  auto const& world = context_.options.world;
  if (id == world.bot_user_id) {
    SlackUser bot;
    bot.id = world.bot_user_id;
    bot.name = bot.real_name = world.bot_name;
    bot.is_bot = true;
    return Answer::ok(Json::object({{"user", user_json(bot)}}));
  }
  auto const* user = world.user(id);
  return user == nullptr ? Answer::error("user_not_found") : Answer::ok(Json::object({{"user", user_json(*user)}}));
}

Answer WebApi::user_by_email(Arguments const& arguments) {
  if (!arguments.has("email")) return Answer::missing("email");
  for (auto const& user : context_.options.world.users) {
    if (user.email == arguments.text("email") && !user.deleted && !user.is_stranger) {
      return Answer::ok(Json::object({{"user", user_json(user)}}));
    }
  }
  return Answer::error("users_not_found");
}

Answer WebApi::user_list(Arguments const&) {
  Json members = Json::array();
  for (auto const& user : context_.options.world.users) members.push(user_json(user));
  return Answer::ok(Json::object({{"members", members}, {"response_metadata", Json::object({{"next_cursor", ""}})}}));
}

Answer WebApi::usergroup_list(Arguments const& arguments) {
  auto const& world = context_.options.world;
  if (!world.usergroups_available) return Answer::error("plan_upgrade_required");
  Json groups = Json::array();
  for (auto const& group : world.usergroups) {
    auto out = Json::object({{"id", group.id},
                             {"team_id", world.team_id},
                             {"handle", group.handle},
                             {"name", group.name},
                             {"is_usergroup", true},
                             {"date_delete", 0}});
    if (arguments.flag("include_users")) {
      Json users = Json::array();
      for (auto const& id : group.users) users.push(id);
      out.set("users", users);
    }
    groups.push(out);
  }
  return Answer::ok(Json::object({{"usergroups", groups}}));
}

Answer WebApi::usergroup_users(Arguments const& arguments) {
  auto const& world = context_.options.world;
  if (!world.usergroups_available) return Answer::error("plan_upgrade_required");
  for (auto const& group : world.usergroups) {
    if (group.id != arguments.text("usergroup")) continue;
    Json users = Json::array();
    for (auto const& id : group.users) users.push(id);
    return Answer::ok(Json::object({{"users", users}}));
  }
  return Answer::error("no_such_subteam");
}

Answer WebApi::bot_info(Arguments const& arguments) {
  auto const& world = context_.options.world;
  if (arguments.text("bot") != world.bot_id) return Answer::error("bot_not_found");
  return Answer::ok(Json::object({{"bot", Json::object({{"id", world.bot_id},
                                                        {"deleted", false},
                                                        {"name", world.bot_name},
                                                        {"app_id", world.app_id},
                                                        {"user_id", world.bot_user_id}})}}));
}

Answer WebApi::team_info(Arguments const&) {
  auto const& world = context_.options.world;
  return Answer::ok(Json::object(
      {{"team", Json::object({{"id", world.team_id}, {"name", world.team_name}, {"domain", world.team_domain}})}}));
}

}  // namespace playground
