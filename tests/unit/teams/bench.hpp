// A Teams adapter with everything around it, on a clock that the test moves.
#pragma once

#include <optional>

#include "bot/net/io.hpp"
#include "tests/support/fake_sink.hpp"
#include "tests/unit/teams/cards.hpp"
#include "tests/unit/teams/cloud.hpp"

namespace cloud {

using Sink = support::FakeSink;

struct Answer {
  unsigned status = 0;
  Json body;  // null: none, or no JSON
};

struct Bench {
  explicit Bench(unsigned listeners = 1);
  ~Bench();

  // As lists and single look-ups name one of our organisation.
  static Json member(std::string const& id, std::string const& object, std::string const& role = "user");

  teams::Adapter& start();
  teams::Adapter& connected();

  void open(std::size_t wire);
  void text(std::size_t wire, std::string message);
  void binary(std::size_t wire, std::string message);
  void end(std::size_t wire, net::WebSocketEnd end = {});
  void refused(std::size_t wire, unsigned status, std::string reason = "TrackingId:abc");

  // A request as the relay tells of it.
  static Json request(std::string const& id, net::Headers const& headers, bool body,
                      std::string const& target = "/approvals/api/messages", std::string const& method = "POST");
  net::Headers headers() const;
  std::string header() const;
  Json claims() const;
  std::string token() const;

  // Sends it; the id of the request.
  std::string send(std::string const& body, net::Headers const& with, std::size_t wire = 0);
  std::string send(Json const& activity, std::size_t wire = 0);
  // What was answered; nothing while there is no answer.
  std::optional<Answer> answer(std::string const& id, std::size_t wire = 0) const;
  Answer ask(Json const& activity);
  void engine(std::size_t index, ports::Answer::State state, std::string text = "words");
  std::string log_text() const;

  support::VirtualLoop loop;
  net::Io io;
  Http http;
  Dialer dialer;
  support::MemoryLog log;
  support::MemoryNotebook notebook;
  Sink sink;
  teams::Settings settings;
  std::uint64_t random = 0;  // no jitter: every wait is as short as it may be
  unsigned requests = 0;
  std::unique_ptr<teams::Adapter> adapter;
};

}  // namespace cloud
