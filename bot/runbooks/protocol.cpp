#include "bot/runbooks/protocol.hpp"

#include <algorithm>
#include <utility>

namespace runbooks {
namespace {

core::Json message(char const* operation) { return core::Json::object({{"v", kProtocolVersion}, {"op", operation}}); }

core::Error malformed(std::string what) {
  return core::make_error(core::Errc::bad_input, "A line on the runner's socket " + std::move(what) + ".");
}

char const* word_of(Order::Kind kind) { return kind == Order::Kind::check ? "check" : "run"; }

core::Result<core::Json> parse_line(std::string_view line, std::size_t max_bytes) {
  auto json = core::parse_json(line, {.max_bytes = max_bytes, .max_depth = 8});
  if (!json) return json.error();
  if (!json->is_object()) return malformed("holds no object");
  if ((*json)["v"].integer() != kProtocolVersion)
    return malformed("is not of protocol version " + std::to_string(kProtocolVersion) +
                     ": service and runner must be the same program");
  return json;
}

bool has_strings(core::Json const& json, std::initializer_list<std::string_view> keys) {
  for (auto const key : keys) {
    if (!json[key].is_string()) return false;
  }
  return true;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

struct Encode {
  static core::Json with(core::Json json, core::Confinement const& how) {
    return std::move(json.set("sandbox", how.sandbox).set("cgroup", how.cgroup));
  }
  std::string operator()(Ready const& said) const { return core::dump(with(message("ready"), said.can)); }
  std::string operator()(Accepted const& said) const {
    return core::dump(with(message("accepted").set("request", said.request), said.confinement));
  }
  std::string operator()(Refused const& said) const {
    return core::dump(
        message("refused").set("request", said.request).set("order", word_of(said.kind)).set("why", said.why));
  }
  std::string operator()(Output const& said) const {
    return core::dump(message("output").set("request", said.request).set("step", said.step).set("text", said.text));
  }
  std::string operator()(Finished const& said) const {
    return core::dump(
        message("finished").set("request", said.request).set("result", said.result).set("output", said.output));
  }
  std::string operator()(Ended const& said) const { return core::dump(message("ended").set("why", said.why)); }
};

}  // namespace

std::string encode(Order const& order) {
  return core::dump(message(word_of(order.kind)).set("request", order.request.str()));
}

core::Result<Order> parse_order(std::string_view line) {
  auto const json = parse_line(line, kMaxOrderBytes);
  if (!json) return json.error();
  if (json->if_object()->size() != 3 || !has_strings(*json, {"op", "request"}))
    return malformed("must hold exactly v, op and request");
  auto const operation = (*json)["op"].text();
  if (operation != "check" && operation != "run") return malformed("asks for something else than check or run");
  auto id = core::RequestId::parse((*json)["request"].text());
  if (!id) return id.error();
  return Order{operation == "check" ? Order::Kind::check : Order::Kind::run, std::move(*id)};
}

std::string encode(Message const& said) { return std::visit(Encode{}, said); }

core::Result<Message> parse_message(std::string_view line) {
  auto const parsed = parse_line(line, kMaxMessageBytes);
  if (!parsed) return parsed.error();
  auto const& json = *parsed;
  auto const operation = json["op"].text();
  auto const request = json["request"].text();
  core::Confinement const how{json["sandbox"].text(), json["cgroup"].text()};
  bool const confined =
      is_one_of(how.sandbox, {"basic", "strict"}) && is_one_of(how.cgroup, {"none", "kill", "limits"});
  if (operation == "ready" && confined) return Message{Ready{how}};
  if (operation == "ended" && has_strings(json, {"why"})) return Message{Ended{json["why"].text()}};
  if (operation == "accepted" && has_strings(json, {"request"}) && confined) return Message{Accepted{request, how}};
  auto const order = json["order"].text();
  if (operation == "refused" && has_strings(json, {"request", "why"}) && is_one_of(order, {"check", "run"}))
    return Message{Refused{order == "check" ? Order::Kind::check : Order::Kind::run, request, json["why"].text()}};
  if (operation == "output" && has_strings(json, {"request", "step", "text"}))
    return Message{Output{request, json["step"].text(), json["text"].text()}};
  if (operation == "finished" && has_strings(json, {"request", "output"}) && json["result"].is_object())
    return Message{Finished{request, json["result"], json["output"].text()}};
  return malformed("holds no message that a runner sends");
}

}  // namespace runbooks
