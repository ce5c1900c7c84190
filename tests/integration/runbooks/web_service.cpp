#include "tests/integration/runbooks/web_service.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "bot/core/json.hpp"
#include "bot/net/io.hpp"

namespace rig {

using core::Json;

namespace {

std::string line_of(net::HttpRequestIn const& in) {
  Json headers = Json::array();
  for (auto const& [name, value] : in.headers) headers.push(Json::array({name, value}));
  return core::dump(
      Json::object({{"method", in.method}, {"target", in.target}, {"headers", std::move(headers)}, {"body", in.body}}));
}

// In the service's process. Never returns.
[[noreturn]] void serve(WebService::Handler const& handler, std::filesystem::path const& told, int port_to) {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    net::Io io;
    std::ofstream lines(told, std::ios::app);
    int number = 0;
    std::vector<std::shared_ptr<net::Responder>> waiting;
    auto const server = net::make_http_server(io, {}, [&](net::HttpRequestIn const& in, auto responder) {
      lines << line_of(in) << std::endl;
      auto response = handler(in, ++number);
      response ? responder->respond(std::move(*response)) : waiting.push_back(responder);
    });
    auto const port = server.value()->port();
    if (::write(port_to, &port, sizeof port) == sizeof port) io.run();
  } catch (...) {
  }
  ::_exit(1);
}

}  // namespace

WebService::WebService(Handler const& handler) {
  std::string name = (std::filesystem::temp_directory_path() / "cs-web-XXXXXX").string();
  int const file = ::mkstemp(name.data());
  int pipe[2];
  if (file < 0) throw std::runtime_error("no file for a web service");
  ::close(file);
  told_ = name;
  if (::pipe(pipe) != 0) {
    end();
    throw std::runtime_error("no pipe for a web service");
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(pipe[0]);
    serve(handler, told_, pipe[1]);
  }
  ::close(pipe[1]);
  bool const up = pid_ > 0 && ::read(pipe[0], &port_, sizeof port_) == sizeof port_;
  ::close(pipe[0]);
  if (up) return;
  end();
  throw std::runtime_error("the web service did not come up");
}

WebService::~WebService() { end(); }

void WebService::end() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove(told_, ignored);
}

std::vector<net::HttpRequestIn> WebService::heard() const {
  std::vector<net::HttpRequestIn> all;
  std::ifstream lines(told_);
  for (std::string line; std::getline(lines, line);) {
    auto const json = core::parse_json(line).value();
    net::HttpRequestIn in;
    in.method = json["method"].text();
    in.target = json["target"].text();
    in.body = json["body"].text();
    for (auto const& header : *json["headers"].if_array())
      in.headers.emplace_back(header.at_index(0).text(), header.at_index(1).text());
    all.push_back(std::move(in));
  }
  return all;
}

}  // namespace rig
