#include "bot/net/http_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <utility>

namespace net::detail {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t kRequestLineExtra = 64;  // method, blanks and version beside the target
constexpr std::size_t kMaxChunkDigits = 8;     // of a chunk's size: 4 GiB, far above every limit of a body

// Fields that may stand there once: a proxy before us could take the other one.
constexpr std::array kOnce{http::field::host,         http::field::content_length,   http::field::transfer_encoding,
                           http::field::content_type, http::field::authorization,    http::field::expect,
                           http::field::upgrade,      http::field::sec_websocket_key};

bool is_token_char(char c) {  // RFC 9110 section 5.6.2
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_char); }

// A field line as RFC 9112 section 5 has it: no blank before the colon, no fold, no control characters.
bool is_field_line(std::string_view line) {
  auto const colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
  return std::ranges::all_of(line.substr(colon + 1),
                             [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f'); });
}

// One blank between the parts, printable ASCII alone.
bool is_request_line(std::string_view line) {
  auto const first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || line.find(' ', first + 1) != last) return false;
  if (!is_token(line.substr(0, first)) || last == first + 1) return false;
  auto const version = line.substr(last + 1);
  return (version == "HTTP/1.1" || version == "HTTP/1.0") &&
         std::ranges::all_of(line, [](char c) { return c >= ' ' && c < '\x7f'; });
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 300 && std::ranges::all_of(text, [](char c) {
    return is_token_char(c)
               ? std::string_view{"#^`|"}.find(c) == std::string_view::npos
               : c == ':' || c == '[' || c == ']' || c == ';' || c == '=' || c == '(' || c == ')' || c == ',';
  });
}

}  // namespace

void HttpReader::refuse(unsigned status) {
  state_ = State::refused;
  status_ = status;
  message_.body().clear();
}

std::size_t HttpReader::put(std::string_view bytes) {
  if (state_ == State::head) return put_head(bytes);
  if (state_ == State::body) return chunked_ ? put_chunked(bytes) : put_body(bytes);
  return 0;
}

// Where the head ends, looking at each byte once. Refuses what no head may hold as soon as it is seen.
std::optional<std::size_t> HttpReader::head_end(std::string_view bytes) {
  for (; scanned_ < bytes.size(); ++scanned_) {
    auto const c = bytes[scanned_];
    if (scanned_ >= limits_.header_bytes) {
      refuse(431);
      return std::nullopt;
    }
    if (in_request_line_ && scanned_ >= limits_.target_bytes + kRequestLineExtra) {
      refuse(414);
      return std::nullopt;
    }
    bool const at_start = scanned_ == line_start_;
    bool const after_cr = scanned_ > 0 && bytes[scanned_ - 1] == '\r';
    bool const bad = c == '\0' || (c == '\n') != after_cr || (in_request_line_ && at_start && !is_token_char(c)) ||
                     (at_start && (c == ' ' || c == '\t'));
    if (bad) {
      refuse(400);
      return std::nullopt;
    }
    if (c != '\n') continue;
    if (scanned_ == line_start_ + 1) return scanned_ + 1;  // an empty line
    if (!std::exchange(in_request_line_, false) && ++fields_ > limits_.header_fields) {
      refuse(431);
      return std::nullopt;
    }
    line_start_ = scanned_ + 1;
  }
  return std::nullopt;
}

std::size_t HttpReader::put_head(std::string_view bytes) {
  auto const end = head_end(bytes);
  if (!end) return 0;
  parse_head(bytes.substr(0, *end));
  return *end;
}

void HttpReader::parse_head(std::string_view head) {
  for (std::size_t at = 0, line = 0; at + 2 < head.size(); ++line) {
    auto const end = head.find("\r\n", at);
    auto const text = head.substr(at, end - at);
    if (!(line == 0 ? is_request_line(text) : is_field_line(text))) return refuse(400);
    at = end + 2;
  }
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes + 1));
  parser.body_limit(limits_.body_bytes);
  boost::system::error_code error;
  auto const used = parser.put(boost::asio::buffer(head), error);
  if (error == http::error::body_limit) return refuse(413);
  if (error || used != head.size() || !parser.is_header_done()) return refuse(400);
  keep_alive_ = parser.keep_alive();
  left_ = parser.content_length().value_or(0);
  message_ = parser.release();
  if (message_.target().size() > limits_.target_bytes) return refuse(414);
  if (!framed()) return refuse(400);
  state_ = State::ready;
}

// Beast lets some things pass that two parties could read differently (RFC 9112 sections 3.2, 6.1 and 6.3).
bool HttpReader::framed() {
  for (auto const field : kOnce) {
    if (message_.count(field) > 1) return false;
  }
  bool const length = message_.count(http::field::content_length) != 0;
  bool const encoding = message_.count(http::field::transfer_encoding) != 0;
  if (length && encoding) return false;
  if (length) {
    auto const value = message_[http::field::content_length];
    if (value.empty() || value.size() > 19 || !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }))
      return false;
  }
  if (encoding) {
    if (message_.version() < 11 || !beast::iequals(message_[http::field::transfer_encoding], "chunked")) return false;
    chunked_ = true;
    left_ = 0;
  }
  auto const hosts = message_.count(http::field::host);
  if (hosts == 0) return message_.version() < 11;
  auto const host = message_[http::field::host];
  return is_host({host.data(), host.size()});
}

bool HttpReader::limit_body(std::uint64_t bytes) {
  limits_.body_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(limits_.body_bytes, bytes));
  return chunked_ ? limits_.body_bytes != 0 : left_ <= limits_.body_bytes;
}

void HttpReader::go_on() {
  if (state_ != State::ready) return;
  state_ = chunked_ || left_ != 0 ? State::body : State::done;
}

BeastRequest HttpReader::take() { return std::move(message_); }

std::size_t HttpReader::put_body(std::string_view bytes) {
  auto const part = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  message_.body().append(part);
  left_ -= part.size();
  if (left_ == 0) state_ = State::done;
  return part.size();
}

bool HttpReader::append(std::string_view part) {
  if (message_.body().size() + part.size() > limits_.body_bytes) {
    refuse(413);
    return false;
  }
  message_.body().append(part);
  return true;
}

// chunk = 1*8HEXDIG CRLF data CRLF, to the end in "0" CRLF CRLF. No extensions and no trailers: nobody who calls us
// needs them, and they are where readers differ.
std::size_t HttpReader::put_chunked(std::string_view bytes) {
  std::size_t used = 0;
  while (state_ == State::body) {
    auto const rest = bytes.substr(used);
    if (rest.empty()) return used;
    if (chunk_ == Chunk::data) {
      auto const part = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      if (!append(part)) return used;
      left_ -= part.size();
      used += part.size();
      if (left_ == 0) chunk_ = Chunk::data_end;
      continue;
    }
    if (chunk_ == Chunk::data_end || chunk_ == Chunk::last) {
      if (rest.front() != '\r' || (rest.size() > 1 && rest[1] != '\n')) {
        refuse(400);
        return used;
      }
      if (rest.size() == 1) return used;
      used += 2;
      if (std::exchange(chunk_, Chunk::size) == Chunk::last) state_ = State::done;
      continue;
    }
    auto const digits = std::min(rest.find_first_not_of("0123456789abcdefABCDEF"), rest.size());
    auto const after = rest.substr(digits);
    bool const fine = digits <= kMaxChunkDigits && (digits != 0 || after.empty()) &&
                      (after.empty() || after.front() == '\r') && (after.size() < 2 || after[1] == '\n');
    if (!fine) {
      refuse(400);
      return used;
    }
    if (after.size() < 2) return used;
    std::uint64_t size = 0;
    std::from_chars(rest.data(), rest.data() + digits, size, 16);
    if (message_.body().size() + size > limits_.body_bytes) {
      refuse(413);
      return used;
    }
    used += digits + 2;
    left_ = size;
    chunk_ = size == 0 ? Chunk::last : Chunk::data;
  }
  return used;
}

}  // namespace net::detail
