#include "net/peer_key.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/letters.h"

namespace mullion::net {
namespace {

constexpr size_t kKeySize = 32;

std::string hex_of(EVP_PKEY* key) {
  std::array<unsigned char, kKeySize> bytes{};
  size_t size = bytes.size();
  if (key == nullptr || EVP_PKEY_id(key) != EVP_PKEY_ED25519) return {};
  if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1 || size != kKeySize) return {};
  return hex_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// Self-signed, valid for as long as the format can say.
CertificatePtr certificate_around(EVP_PKEY* key) {
  CertificatePtr out(X509_new());
  X509* raw = out.get();
  constexpr unsigned char kName[] = "mullion";
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), 1);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(raw), "19700101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(raw), "99991231235959Z");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC, kName, -1, -1, 0);
  X509_set_issuer_name(raw, X509_get_subject_name(raw));
  X509_set_pubkey(raw, key);
  return X509_sign(raw, key, nullptr) > 0 ? std::move(out) : nullptr;
}

}  // namespace

std::string public_key_of(X509* certificate) {
  return certificate == nullptr ? std::string() : hex_of(X509_get0_pubkey(certificate));
}

Result<PeerKey> PeerKey::around(KeyPtr key) {
  PeerKey out;
  out.public_key_ = hex_of(key.get());
  if (out.public_key_.empty()) return Error(ErrorCode::kCorrupt, "the key is no Ed25519 key");
  out.certificate_ = certificate_around(key.get());
  if (!out.certificate_) return Error(ErrorCode::kInternal, "the certificate cannot be made");
  out.key_ = std::move(key);
  return out;
}

Result<PeerKey> PeerKey::make() {
  KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return Error(ErrorCode::kInternal, "OpenSSL makes no Ed25519 keys");
  return around(std::move(key));
}

Result<PeerKey> PeerKey::load(const env::Path& file) {
  const Result<std::string> text = env::read_file(file);
  if (!text.ok()) return text.error();
  const BioPtr bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return Error(ErrorCode::kCorrupt, file.string() + " holds no key");
  return around(std::move(key));
}

Result<void> PeerKey::store(const env::Path& file) const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return Error(ErrorCode::kInternal, "the key cannot be written");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return env::write_file_atomic(file, std::string_view(data, static_cast<size_t>(size)), 0600);
}

}  // namespace mullion::net
