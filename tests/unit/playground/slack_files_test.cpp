// Three steps from bytes to a message, as Slack plays them.
#include "bot/net/http_client.hpp"
#include "tests/unit/playground/stand_in_fixture.hpp"

using core::Json;

namespace {

struct FilesFixture : StandInFixture {
  std::pair<std::string, std::string> ask(std::string const& name, std::int64_t length) {
    auto const answer =
        app.call_now("files.getUploadURLExternal", Json::object({{"filename", name}, {"length", length}}));
    return {answer.body["upload_url"].text(answer.body["error"].text()), answer.body["file_id"].text()};
  }
  std::string upload(std::string const& url, std::string const& bytes, std::string const& type = "text/plain") {
    std::optional<std::string> said;
    http->request({.method = "POST", .url = url, .headers = {{"Content-Type", type}}, .body = bytes},
                  [&](auto const& answer) {
                    said = answer ? std::to_string(answer->status) + " " + answer->body : answer.error().text;
                  });
    CHECK(until([&] { return said.has_value(); }));
    return said.value_or("");
  }
  std::string complete(std::string const& id, std::string const& thread = {}, std::string const& channel = "C0INC") {
    auto arguments = Json::object(
        {{"files", core::dump(Json::array({Json::object({{"id", id}, {"title", "Plan"}})}))}, {"channel_id", channel}});
    if (!thread.empty()) arguments.set("thread_ts", thread);
    return app.call_now("files.completeUploadExternal", arguments).body["error"].text();
  }
  std::unique_ptr<net::HttpClient> http = net::make_http_client(io);
};

}  // namespace

TEST_CASE_METHOD(FilesFixture, "Slack files: shared in a thread a moment after the answer, with bytes and text") {
  auto const root = post();
  auto const [url, id] = ask("plan.txt", 5);
  CHECK(upload(url, "hello") == "200 OK - 5");
  CHECK(upload(url, "hello").starts_with("404"));  // once
  CHECK(complete(id, root).empty());
  CHECK(slack.messages("C0INC").size() == 1);
  REQUIRE(until([&] { return slack.messages("C0INC").size() == 2; }));
  auto const message = slack.messages("C0INC")[1];
  CHECK(message["thread_ts"].text() == root);
  CHECK(message["files"].at_index(0)["title"].text() == "Plan");
  CHECK(message["files"].at_index(0)["size"].integer() == 5);
  CHECK(message["files"].at_index(0)["text"].is_null());
  CHECK(slack.file(id) == "hello");
  CHECK(slack.state("U0BOB")["messages"]["C0INC"].at_index(1)["files"].at_index(0)["text"].text() == "hello");
  auto const info = app.call_now("files.info", Json::object({{"file", id}})).body["file"];
  CHECK(info["shares"]["public"]["C0INC"].at_index(0)["ts"] == message["ts"]);
  CHECK(slack.findings().empty());
}

TEST_CASE_METHOD(FilesFixture, "Slack files: what a client can do wrong is refused in Slack's words") {
  CHECK(ask("plan.txt", 0).first == "invalid_arguments");
  auto const [url, id] = ask("plan.txt", 5);
  CHECK(complete(id) == "file_not_found");  // nothing was uploaded
  CHECK(upload(url, "hello!").starts_with("400"));
  CHECK(upload(url.substr(0, url.size() - 3) + "xyz", "hello").starts_with("404"));
  CHECK(upload(url, "--b\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\nhello\r\n--b--\r\n",
               "multipart/form-data; boundary=b") == "200 OK - 5");
  CHECK(complete(id, {}, "C0QUIET") == "not_in_channel");
  CHECK(complete(id, "1.2").empty());  // says yes, and never shares it
  settle();
  CHECK(slack.messages("C0INC").empty());
  slack.world().scopes = "chat:write";
  CHECK(ask("plan.txt", 5).first == "missing_scope");
  slack.options().files = false;
  CHECK(ask("plan.txt", 5).first == "unknown_method");
}
