#include "bot/cli/doctor_certificate.hpp"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <memory>

#include "ledger/disk.hpp"

namespace cli::doctor {

namespace {

constexpr int kSoonDays = 21;
constexpr char const* kRenew = "Renew it and reload the service (SIGHUP).";
constexpr std::size_t kMaxPemBytes = 1u << 20;

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

// A key with a pass phrase could not be used by a service that starts alone: nobody is asked for it.
int no_pass_phrase(char*, int, int, void*) { return -1; }

// Whole days from now until then; negative when it lies behind.
int days_until(ASN1_TIME const* then) {
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, then) != 1) return -1;
  return seconds < 0 && days == 0 ? -1 : days;
}

}  // namespace

void look_at_certificate(std::string const& certificate_file, std::string const& key_file, Findings& findings) {
  auto const certificate_text = ledger::disk::read_all(certificate_file, kMaxPemBytes);
  auto const key_text = ledger::disk::read_all(key_file, kMaxPemBytes);
  for (auto const* text : {&certificate_text, &key_text}) {
    if (!*text)
      return findings.must_mend("endpoint", "A file can't be read: " + text->error().message + ".",
                                "Make both files readable for the account that runs the service.");
  }
  Bio const certificate_bytes(BIO_new_mem_buf(certificate_text->data(), static_cast<int>(certificate_text->size())));
  Certificate const certificate(PEM_read_bio_X509(certificate_bytes.get(), nullptr, &no_pass_phrase, nullptr));
  if (!certificate)
    return findings.must_mend("endpoint", certificate_file + " holds no certificate in PEM.",
                              "Write the certificate and behind it those that it was signed with.");
  bool const chain =
      Certificate(PEM_read_bio_X509(certificate_bytes.get(), nullptr, &no_pass_phrase, nullptr)) != nullptr;
  Bio const key_bytes(BIO_new_mem_buf(key_text->data(), static_cast<int>(key_text->size())));
  Key const key(PEM_read_bio_PrivateKey(key_bytes.get(), nullptr, &no_pass_phrase, nullptr));
  if (!key)
    return findings.must_mend("endpoint", key_file + " holds no private key in PEM that needs no pass phrase.",
                              "Write it anew without a pass phrase, readable for the service alone.");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return findings.must_mend("endpoint", "Certificate and key don't belong together.",
                              "Give the key that the certificate was made with.");
  if (days_until(X509_get0_notBefore(certificate.get())) > 0)
    return findings.must_mend("endpoint", "The certificate is not in force yet.",
                              "See that this host's clock is right.");
  auto const days = days_until(X509_get0_notAfter(certificate.get()));
  if (days < 0) return findings.must_mend("endpoint", "The certificate has expired.", kRenew);
  if (days < kSoonDays)
    findings.advise("endpoint", "The certificate expires in " + std::to_string(days) + " days.", kRenew);
  if (X509_NAME_cmp(X509_get_subject_name(certificate.get()), X509_get_issuer_name(certificate.get())) == 0) {
    findings.advise("endpoint", "The certificate vouches for itself; Microsoft takes publicly trusted ones only.",
                    "Get one of a public authority, or put a proxy that has one before the bot.");
  } else if (!chain) {
    findings.advise("endpoint", "The file holds the certificate alone, without those that it was signed with.",
                    "Add them behind it, unless it was signed by a root.");
  }
  findings.ok("endpoint", "Its certificate is the key's and in force.");
}

}  // namespace cli::doctor
