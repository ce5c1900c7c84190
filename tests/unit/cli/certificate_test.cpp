// The doctor on the certificate of a messaging endpoint; certificates are made here.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "bot/cli/doctor_certificate.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"

namespace {

using cli::doctor::Finding;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

Key new_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

struct Wish {
  long from_days = -1, to_days = 90;
  bool own_issuer = false;
};

Certificate new_certificate(EVP_PKEY* key, EVP_PKEY* issuer, Wish const& wish) {
  Certificate made(X509_new(), &X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_time_adj_ex(X509_getm_notBefore(made.get()), static_cast<int>(wish.from_days), 60, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(made.get()), static_cast<int>(wish.to_days), 60, nullptr);
  auto const name = [](X509_NAME* to, char const* text) {
    X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>(text), -1, -1, 0);
  };
  name(X509_get_subject_name(made.get()), "bot.example.org");
  name(X509_get_issuer_name(made.get()), wish.own_issuer ? "bot.example.org" : "An authority");
  X509_set_pubkey(made.get(), key);
  REQUIRE(X509_sign(made.get(), issuer, EVP_sha256()) > 0);
  return made;
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  auto const size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string pem(X509* certificate) {
  Bio const bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

std::string pem(EVP_PKEY* key, char const* pass_phrase = nullptr) {
  Bio const bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_PrivateKey(bio.get(), key, pass_phrase ? EVP_aes_128_cbc() : nullptr, nullptr, 0, nullptr,
                           const_cast<char*>(pass_phrase));
  return text_of(bio.get());
}

std::vector<Finding> look(std::string const& certificate, std::string const& key) {
  support::TempDir const dir;
  support::write_file(dir / "certificate", certificate);
  support::write_file(dir / "key", key);
  cli::doctor::Findings findings({});
  cli::doctor::look_at_certificate((dir / "certificate").string(), (dir / "key").string(), findings);
  return findings.all();
}

}  // namespace

TEST_CASE("doctor: a certificate with its chain and its key is fine") {
  auto const key = new_key(), authority = new_key();
  auto const own = new_certificate(key.get(), authority.get(), {});
  auto const above = new_certificate(authority.get(), authority.get(), {});
  auto const found = look(pem(own.get()) + pem(above.get()), pem(key.get()));
  REQUIRE(found.size() == 1);
  CHECK(found[0].state == Finding::State::ok);
}

TEST_CASE("doctor: what is wrong with a certificate or its key is said") {
  auto const key = new_key(), authority = new_key();
  auto const good = pem(new_certificate(key.get(), authority.get(), {}).get());
  struct Row {
    std::string certificate, key;
    Finding::State state;
    char const* words;
  };
  for (auto const& row :
       std::vector<Row>{{"", pem(key.get()), Finding::State::mend, "holds no certificate"},
                        {"nonsense", pem(key.get()), Finding::State::mend, "holds no certificate"},
                        {pem(key.get()), pem(key.get()), Finding::State::mend, "holds no certificate"},
                        {good, "", Finding::State::mend, "holds no private key"},
                        {good, good, Finding::State::mend, "holds no private key"},
                        {good, pem(key.get(), "secret"), Finding::State::mend, "needs no pass phrase"},
                        {good, pem(authority.get()), Finding::State::mend, "don't belong together"},
                        {pem(new_certificate(key.get(), authority.get(), {.to_days = -1}).get()), pem(key.get()),
                         Finding::State::mend, "has expired"},
                        {pem(new_certificate(key.get(), authority.get(), {.from_days = 2}).get()), pem(key.get()),
                         Finding::State::mend, "not in force yet"},
                        {pem(new_certificate(key.get(), authority.get(), {.to_days = 5}).get()), pem(key.get()),
                         Finding::State::advice, "expires in 5 days"},
                        {pem(new_certificate(key.get(), key.get(), {.own_issuer = true}).get()), pem(key.get()),
                         Finding::State::advice, "vouches for itself"},
                        {good, pem(key.get()), Finding::State::advice, "the certificate alone"}}) {
    CAPTURE(row.words);
    auto const found = look(row.certificate, row.key);
    REQUIRE_FALSE(found.empty());
    CHECK(found[0].state == row.state);
    CHECK_THAT(found[0].text, Catch::Contains(row.words));
    CHECK_FALSE(found[0].mend.empty());
    // The service takes a renewed one by reload.
    if (row.words == std::string("has expired") || row.words == std::string("expires in 5 days"))
      CHECK_THAT(found[0].mend, Catch::Contains("reload the service"));
    // Advice leaves it usable.
    CHECK((found.back().state == Finding::State::ok) == (row.state == Finding::State::advice));
  }
  cli::doctor::Findings findings({});
  cli::doctor::look_at_certificate("/nowhere/certificate", "/nowhere/key", findings);
  REQUIRE(findings.all().size() == 1);
  CHECK_THAT(findings.all()[0].text, Catch::Contains("/nowhere/certificate"));
}
