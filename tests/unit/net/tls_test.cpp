// TLS against certificates made here: the right one, the wrong host, an unknown authority, an old protocol.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/resource.h>

#include <memory>

#include "tests/support/sanitized.hpp"
#include "tests/unit/net/support.hpp"

using namespace net_test;
using net::Errc;

namespace {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

struct Pair {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate{X509_new()};
};

void extend(X509* certificate, int kind, std::string const& value) {
  std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> const extension{
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str())};
  REQUIRE(extension);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Signed by `issuer`, or by itself. `names` as in openssl.cnf; valid from an hour ago for `seconds` from now.
Pair make_pair(std::string const& name, std::string const& names, Pair const* issuer, long seconds = 3600) {
  static long serial = 1;
  Pair pair;
  X509* const x = pair.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), seconds);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
  X509_set_pubkey(x, pair.key.get());
  extend(x, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (!names.empty()) extend(x, NID_subject_alt_name, names);
  REQUIRE(X509_sign(x, issuer ? issuer->key.get() : pair.key.get(), EVP_sha256()) > 0);
  return pair;
}

void save(Pair const& pair, std::string const& certificate_file, std::string const& key_file) {
  struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<FILE, Close> const certificate{std::fopen(certificate_file.c_str(), "w")};
  std::unique_ptr<FILE, Close> const key{std::fopen(key_file.c_str(), "w")};
  REQUIRE(PEM_write_X509(certificate.get(), pair.certificate.get()) == 1);
  REQUIRE(PEM_write_PrivateKey(key.get(), pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

struct World {
  net::Io io{};
  TempDir dir{};
  Pair authority = make_pair("Test CA", "", nullptr);
  Heard heard{};
  std::unique_ptr<net::WebSocket> accepted{};

  World() { save(authority, dir / "ca.pem", dir / "ca.key"); }

  std::unique_ptr<net::HttpServer> serve_as(std::string const& names, long seconds = 3600) {
    save(make_pair("server", names, &authority, seconds), dir / "server.pem", dir / "server.key");
    net::HttpServerOptions options;
    options.certificate_file = dir / "server.pem";
    options.key_file = dir / "server.key";
    return serve(
        io,
        [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
          if (request.websocket_upgrade)
            accepted = responder->accept_websocket({}, heard.handler());
          else
            responder->respond({200, {}, "secret " + request.body});
        },
        options);
  }
  net::Result<net::HttpResponse> get(std::string const& url, bool trusting = true) {
    net::HttpClientOptions options;
    if (trusting) options.tls.extra_ca_file = dir / "ca.pem";
    auto const client = net::make_http_client(io, options);
    net::HttpRequest request;
    request.method = "POST";
    request.body = std::string(100'000, 'x');
    request.url = url;
    return call(io, *client, request);
  }
};

}  // namespace

TEST_CASE("tls: the right certificate is trusted, for a name and for an address") {
  World world;
  auto const server = world.serve_as("DNS:localhost,IP:127.0.0.1");
  for (auto const* host : {"localhost", "127.0.0.1"}) {
    auto const answer = world.get(url(*server, "/", "https", host));
    if (!answer) FAIL(answer.error().text);
    CHECK(answer->body.size() == 100'007);
  }
}

TEST_CASE(
    "tls: another host's certificate, an unknown authority and an expired one are refused before a byte is sent") {
  World world;
  auto const [names, seconds, trusting, host] =
      GENERATE(table<std::string, long, bool, std::string>({{"DNS:example.org", 3600, true, "localhost"},
                                                            {"DNS:localhost", 3600, true, "127.0.0.1"},
                                                            {"DNS:*ocalhost", 3600, true, "localhost"},
                                                            {"DNS:localhost", 3600, false, "localhost"},
                                                            {"DNS:localhost", -60, true, "localhost"}}));
  CAPTURE(names, seconds, trusting, host);
  auto const server = world.serve_as(names, seconds);
  auto const answer = world.get(url(*server, "/", "https", host), trusting);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::tls_failed);
  CHECK_FALSE(answer.error().sent_maybe);
}

TEST_CASE("tls: plain HTTP to a TLS port, TLS to a plain port, and a silent TLS peer end in errors") {
  World world;
  auto const server = world.serve_as("DNS:localhost");
  CHECK_FALSE(world.get(url(*server, "/", "http")).has_value());
  auto const plain = serve(world.io, [](net::HttpRequestIn, std::shared_ptr<net::Responder>) {});
  auto const answer = world.get(url(*plain, "/", "https", "localhost"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::tls_failed);
  RawListener const silent;
  net::HttpRequest request;
  request.url = silent.url("https");
  request.timeout = 150ms;
  auto const client = net::make_http_client(world.io);
  auto const late = call(world.io, *client, request);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Errc::timed_out);
  CHECK_FALSE(late.error().sent_maybe);
}

TEST_CASE("tls: WebSockets too") {
  World world;
  auto const server = world.serve_as("DNS:localhost");
  Heard heard;
  auto const good = net::make_websocket_dialer(world.io, {world.dir / "ca.pem"});
  auto const socket = good->dial(url(*server, "/", "wss", "localhost"), {}, heard.handler());
  socket->send(std::string(200'000, 'x'));
  REQUIRE(run_until(world.io, [&] { return world.heard.messages.size() == 1; }));
  world.accepted->send("back");
  REQUIRE(run_until(world.io, [&] { return heard.messages.size() == 1; }));
  socket->close();
  REQUIRE(run_until(world.io, [&] { return heard.end && world.heard.end; }));
  CHECK_FALSE(heard.end->error.code);

  Heard wary;
  auto const untrusting = net::make_websocket_dialer(world.io);
  auto const refused = untrusting->dial(url(*server, "/", "wss", "localhost"), {}, wary.handler());
  REQUIRE(run_until(world.io, [&] { return wary.end.has_value(); }));
  CHECK(wary.end->error.code == Errc::tls_failed);
}

TEST_CASE("tls: files that can't be used are named") {
  net::Io io;
  net::HttpClientOptions client;
  client.tls.extra_ca_file = "/nowhere/ca.pem";
  CHECK_THROWS_WITH(net::make_http_client(io, client), Catch::Contains("/nowhere/ca.pem"));
  net::HttpServerOptions options;
  options.certificate_file = "/nowhere/cert.pem";
  CHECK_FALSE(net::make_http_server(io, options, {}).has_value());
  options.key_file = "/nowhere/key.pem";
  auto const server = net::make_http_server(io, options, {});
  REQUIRE_FALSE(server.has_value());
  CHECK(server.error().text.find("/nowhere/cert.pem") != std::string::npos);
}

namespace {

// The system's store, as OpenSSL's variables name it.
struct Store {
  Store(std::string const& file, char const* folder) {
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    if (folder != nullptr) ::setenv("SSL_CERT_DIR", folder, 1);
  }
  Store(Store const&) = delete;
  Store& operator=(Store const&) = delete;
  ~Store() {
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
  }
};

// Only `spare` more descriptors than are open now.
struct FewDescriptors {
  explicit FewDescriptors(rlim_t spare) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    int const lowest = ::dup(0);
    REQUIRE(::close(lowest) == 0);
    rlimit const few{static_cast<rlim_t>(lowest) + spare, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  FewDescriptors(FewDescriptors const&) = delete;
  FewDescriptors& operator=(FewDescriptors const&) = delete;
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("tls: a system's store that could not be opened for want of descriptors is opened at the next handshake") {
  if (support::skipped_under_address_sanitizer("few descriptors", "a sanitizer needs some to look at memory")) return;
  World world;
  auto const server = world.serve_as("IP:127.0.0.1");
  Store const store(world.dir / "ca.pem", nullptr);
  auto const client = net::make_http_client(world.io, {});
  RawListener const listener;
  net::HttpRequest request;
  request.url = listener.url("https");
  {
    FewDescriptors const one(1);  // its socket
    auto const early = call(world.io, *client, request);
    REQUIRE_FALSE(early.has_value());
    CHECK_THAT(early.error().text, Catch::Contains("certificate store can't be read"));
  }
  request.url = url(*server, "/", "https", "127.0.0.1");
  auto const late = call(world.io, *client, request);
  if (!late) FAIL(late.error().text);
  CHECK(late->status == 200);
}

TEST_CASE("tls: a system's store may have no file, or its folder switched off") {
  World world;
  auto const server = world.serve_as("DNS:localhost");
  bool const whole = GENERATE(true, false);
  Store const store(whole ? world.dir / "ca.pem" : world.dir / "ca.pem/none", "");
  auto const answer = world.get(url(*server, "/", "https", "localhost"), /*trusting=*/false);
  CHECK(answer.has_value() == whole);
  if (!answer) CHECK_THAT(answer.error().text, !Catch::Contains("certificate store"));
}
