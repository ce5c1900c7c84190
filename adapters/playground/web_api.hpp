// The Web API's methods: arguments from form or JSON, tokens, limits, faults, answers. Internal to this folder.
// Source: docs.slack.dev/apis/web-api and /reference/methods/*.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/people.hpp"
#include "adapters/playground/slack_context.hpp"
#include "adapters/playground/slack_store.hpp"
#include "adapters/playground/socket_hub.hpp"
#include "bot/net/http_server.hpp"

namespace playground {

// Arguments of one call. A form's values are strings; nested ones are JSON inside a string.
class Arguments {
 public:
  static Arguments from(net::HttpRequestIn const& request, bool ignores_json);

  std::string text(std::string_view key) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  std::int64_t number(std::string_view key, std::int64_t otherwise) const;
  bool has(std::string_view key) const { return !values_[key].is_null(); }
  // A nested value; `bad` is set if it was a string that holds no JSON.
  core::Json nested(std::string_view key, bool* bad = nullptr) const;
  core::Json recorded() const;  // for the list of calls: nested values parsed, no token

  std::string error;    // an error word: the body couldn't be read
  std::string warning;  // "missing_charset"
  std::string body_token;

 private:
  core::Json values_{core::Json::Object{}};
};

// What a method answers: {"ok":true,…} or an error word with details.
struct Answer {
  core::Json body;

  static Answer ok(core::Json members = core::Json(core::Json::Object{}));
  static Answer error(std::string_view word);
  static Answer error(std::string_view word, std::vector<BlockProblem> const& problems);
  static Answer missing(std::string_view argument);
  bool good() const { return body["ok"].boolean(); }
};

class WebApi {
 public:
  WebApi(SlackContext& context, SlackStore& store, People& people, SocketHub& hub);

  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  // Bytes sent to an upload URL; faults for them are named "upload".
  void take_upload(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  std::optional<std::string> file(std::string const& id) const;
  std::optional<std::string> text_of(std::string const& id) const;  // of a file that a client would show

  std::deque<ApiCall> calls;
  std::deque<Fault> faults;

 private:
  using Method = Answer (WebApi::*)(Arguments const&);
  struct Entry {
    Method method = nullptr;
    int per_minute = 0;         // Slack's tier; 0: not limited
    bool ignores_json = false;  // read methods take a form alone
    bool app_token = false;
  };
  static std::map<std::string, Entry, std::less<>> const& methods();

  struct Bucket {
    double tokens = 0;
    core::Time at{};
  };
  // Seconds to wait, 0 if the call may pass.
  unsigned take(std::string const& bucket, double per_second, double burst);
  Fault* next_fault(std::string_view method);
  Answer call(std::string_view name, Arguments const& arguments, net::HttpRequestIn const& request);
  std::string check_token(Entry const& entry, Arguments const& arguments, net::HttpRequestIn const& request) const;
  net::HttpResponse to_response(Answer const& answer, Arguments const& arguments);

  // web_api_chat.cpp
  Answer post_message(Arguments const& arguments);
  Answer post_ephemeral(Arguments const& arguments);
  Answer update(Arguments const& arguments);
  Answer remove(Arguments const& arguments);
  Answer permalink(Arguments const& arguments);
  Answer add_reaction(Arguments const& arguments);
  Answer content(Arguments const& arguments, core::Json& body);  // text, blocks, attachments, checked and completed
  Answer metadata(Arguments const& arguments, core::Json& into);
  std::string writable(std::string& channel, bool people_too);  // error word

  // web_api_read.cpp
  Answer api_test(Arguments const& arguments);
  Answer auth_test(Arguments const& arguments);
  Answer open_connection(Arguments const& arguments);
  Answer conversation_info(Arguments const& arguments);
  Answer conversation_open(Arguments const& arguments);
  Answer conversation_members(Arguments const& arguments);
  Answer conversation_list(Arguments const& arguments);
  Answer history(Arguments const& arguments);
  Answer replies(Arguments const& arguments);
  Answer user_info(Arguments const& arguments);
  Answer user_by_email(Arguments const& arguments);
  Answer user_list(Arguments const& arguments);
  Answer usergroup_list(Arguments const& arguments);
  Answer usergroup_users(Arguments const& arguments);
  Answer bot_info(Arguments const& arguments);
  Answer team_info(Arguments const& arguments);
  Answer page_of(std::vector<StoredMessage const*> const& messages, Arguments const& arguments);
  core::Json user_json(SlackUser const& user) const;
  core::Json channel_json(SlackChannel const& channel) const;

  // web_api_files.cpp
  static constexpr std::size_t kMaxShownText = 64u << 10;
  struct StoredFile {
    std::string name, title, ticket, bytes;
    std::size_t length = 0;  // as announced
    bool uploaded = false;
    std::vector<std::pair<std::string, std::string>> shares;  // channel and ts
  };
  Answer may_write_files() const;
  Answer upload_url(Arguments const& arguments);
  Answer complete_upload(Arguments const& arguments);
  Answer file_info(Arguments const& arguments);
  void share(std::string const& channel, std::string const& thread, std::string const& comment,
             std::vector<std::string> const& ids);
  core::Json file_json(std::string const& id) const;

  // web_api_views.cpp
  Answer open_view(Arguments const& arguments);
  Answer push_view(Arguments const& arguments);
  Answer update_view(Arguments const& arguments);
  Answer show_view(Arguments const& arguments, bool push);
  Answer view_argument(Arguments const& arguments, core::Json& view);

  SlackContext& context_;
  SlackStore& store_;
  People& people_;
  SocketHub& hub_;
  std::map<std::string, Bucket> buckets_;
  std::map<std::string, StoredFile> files_;  // by id
  std::size_t files_bytes_ = 0;
  std::string host_;  // as the caller of now addresses us
};

}  // namespace playground
