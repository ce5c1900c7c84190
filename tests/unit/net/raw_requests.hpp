// Raw requests that a strict server refuses (T62), each with what is wrong with it and the status.
#pragma once

#include <string>
#include <vector>

namespace net_test {

struct RawRequest {
  char const* why;
  std::string bytes;
  unsigned status = 400;
};

inline std::vector<RawRequest> const& doubtful_requests() {
  static std::vector<RawRequest> const kRequests = [] {
    std::string const post = "POST / HTTP/1.1\r\nHost: h\r\n", get = "GET / HTTP/1.1\r\nHost: h\r\n";
    std::string const chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    std::string const nul(1, '\0');
    return std::vector<RawRequest>{
        // Two lengths, or a length beside an encoding.
        {"two different lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
        {"two equal lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
        {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc"},
        {"a list of different lengths", post + "Content-Length: 3,4\r\n\r\nabc"},
        {"a length with a sign", post + "Content-Length: +3\r\n\r\nabc"},
        {"a negative length", post + "Content-Length: -3\r\n\r\nabc"},
        {"a hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc"},
        {"a length with a fraction", post + "Content-Length: 3.0\r\n\r\nabc"},
        {"a length with a blank inside", post + "Content-Length: 1 0\r\n\r\nabc"},
        {"an empty length", post + "Content-Length:\r\n\r\nabc"},
        {"a length that overflows", post + "Content-Length: 18446744073709551619\r\n\r\nabc"},
        {"a length of forty digits", post + "Content-Length: " + std::string(40, '0') + "3\r\n\r\nabc"},
        {"TE after CL", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"CL after TE", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
        // Transfer-Encoding that is not exactly "chunked", once.
        {"gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {"chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
        {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"chunked and identity", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
        {"identity", post + "Transfer-Encoding: identity\r\n\r\nabc"},
        {"xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        {"chunked in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
        {"chunked with a parameter", post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"},
        {"chunked with a vertical tab", post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"},
        {"chunked with a comma", post + "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"},
        {"an empty encoding", post + "Transfer-Encoding:\r\n\r\n0\r\n\r\n"},
        {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"a blank before the colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
        {"a tab before the colon", post + "Content-Length\t: 3\r\n\r\nabc"},
        {"an underscore's cousin", post + "Content Length: 3\r\n\r\nabc"},
        // Lines.
        {"bare LF throughout", "GET / HTTP/1.1\nHost: h\n\n"},
        {"bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n"},
        {"bare LF between fields", get + "A: b\nC: d\r\n\r\n"},
        {"bare LF as the end", get + "\n"},
        {"bare CR in a value", get + "A: b\rC: d\r\n\r\n"},
        {"CR CR LF", get + "A: b\r\r\n\r\n"},
        {"obs-fold with a blank", get + "A: b\r\n c\r\n\r\n"},
        {"obs-fold with a tab", get + "A: b\r\n\tContent-Length: 3\r\n\r\nabc"},
        {"obs-fold before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
        {"NUL in a value", get + "A: b" + nul + "c\r\n\r\n"},
        {"NUL in a name", get + "A" + nul + ": b\r\n\r\n"},
        {"a control character in a value", get + "A: b\x01\r\n\r\n"},
        {"DEL in a value", get + "A: b\x7f\r\n\r\n"},
        {"a line without a colon", get + "nonsense\r\n\r\n"},
        {"a field without a name", get + ": b\r\n\r\n"},
        {"a name that is no token", get + "A(b): c\r\n\r\n"},
        {"a name that is not ASCII", get + "\xc3\xa9: c\r\n\r\n"},
        {"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        // The request line.
        {"two blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a tab for a blank", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a blank at the end", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
        {"a blank at the beginning", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"HTTP/0.9", "GET /\r\nHost: h\r\n\r\n"},
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
        {"http/1.1", "GET / http/1.1\r\nHost: h\r\n\r\n"},
        {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"},
        {"no version", "GET / \r\nHost: h\r\n\r\n"},
        {"no target", "GET  HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a method that is no token", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a target that is not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
        {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        // Host and other fields that may stand there once.
        {"no Host", "GET / HTTP/1.1\r\n\r\n"},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
        {"a Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {"a Host with a user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"},
        {"two Authorizations", get + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"},
        {"two Content-Types", post + "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n"},
        {"two Expects", post + "Expect: 100-continue\r\nExpect: x\r\nContent-Length: 1\r\n\r\n"},
        // Chunks.
        {"a chunk extension", chunked + "3;a=b\r\nabc\r\n0\r\n\r\n"},
        {"a chunk extension without a name", chunked + "3;\r\nabc\r\n0\r\n\r\n"},
        {"an extension at the last chunk", chunked + "3\r\nabc\r\n0;a\r\n\r\n"},
        {"a blank after the size", chunked + "3 \r\nabc\r\n0\r\n\r\n"},
        {"a blank before the size", chunked + " 3\r\nabc\r\n0\r\n\r\n"},
        {"a size with 0x", chunked + "0x3\r\nabc\r\n0\r\n\r\n"},
        {"a size with a sign", chunked + "+3\r\nabc\r\n0\r\n\r\n"},
        {"a negative size", chunked + "-1\r\nabc\r\n0\r\n\r\n"},
        {"an empty size", chunked + "\r\nabc\r\n0\r\n\r\n"},
        {"a size that overflows", chunked + "fffffffffffffffff3\r\nabc\r\n0\r\n\r\n"},
        {"a size of many zeros", chunked + std::string(40, '0') + "3\r\nabc\r\n0\r\n\r\n"},
        {"LF after the size", chunked + "3\nabc\r\n0\r\n\r\n"},
        {"CR alone after the size", chunked + "3\rabc\r\n0\r\n\r\n"},
        {"LF after the data", chunked + "3\r\nabc\n0\r\n\r\n"},
        {"data longer than its size", chunked + "3\r\nabcd\r\n0\r\n\r\n"},
        {"data shorter than its size", chunked + "4\r\nabc\r\n0\r\n\r\n"},
        {"a trailer", chunked + "3\r\nabc\r\n0\r\nX: y\r\n\r\n"},
        {"a trailer that authorises", chunked + "0\r\nAuthorization: Bearer t\r\n\r\n"},
        {"a trailer with a length", chunked + "0\r\nContent-Length: 5\r\n\r\n"},
        {"LF after the last chunk", chunked + "0\r\n\n"},
        {"no CRLF after the last chunk", chunked + "0\r\nGET / HTTP/1.1\r\n\r\n"},
    };
  }();
  return kRequests;
}

}  // namespace net_test
