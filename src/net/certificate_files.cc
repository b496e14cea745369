// Keys and certificates as files: a pair is checked, and changes as a whole.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <charconv>
#include <memory>

#include "env/file.h"
#include "net/http.h"
#include "net/openssl.h"

namespace mullion::net {
namespace {

Error unusable(std::string message) {
  ERR_clear_error();
  return Error(ErrorCode::kInvalid, std::move(message));
}

BioPtr memory_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Without this OpenSSL would ask for the password of an encrypted key on the terminal.
int no_password(char*, int, int, void*) { return 0; }

/// Both files as one, so that writing them is one step: "SIZE OF KEY\nKEYCERTIFICATE".
std::string joined(const std::string& certificate, const std::string& key) {
  return fmt::format("{}\n{}{}", key.size(), key, certificate);
}

bool split(std::string_view text, std::string& certificate, std::string& key) {
  size_t size = 0;
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + line, size);
  if (failure != std::errc{} || end != text.data() + line || size > text.size() - line - 1) return false;
  key = text.substr(line + 1, size);
  certificate = text.substr(line + 1 + size);
  return true;
}

env::Path pending_file(const TlsFiles& files) { return files.certificate_file + ".pending"; }

Result<void> write_both(const TlsFiles& files, const std::string& certificate, const std::string& key) {
  Result<void> written = env::write_file_atomic(files.key_file, key, 0600);
  if (!written) return written;
  return env::write_file_atomic(files.certificate_file, certificate, 0600);
}

}  // namespace

Result<void> check_certificate(const std::string& certificate_pem, const std::string& key_pem) {
  if (certificate_pem.size() > INT32_MAX || key_pem.size() > INT32_MAX) return unusable("Too large");
  ERR_clear_error();
  const BioPtr certificate_text = memory_of(certificate_pem);
  const CertificatePtr certificate(PEM_read_bio_X509(certificate_text.get(), nullptr, &no_password, nullptr));
  if (!certificate) return unusable("Cert: no certificate in PEM");
  const BioPtr key_text = memory_of(key_pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, &no_password, nullptr));
  if (!key) return unusable("Key: no private key in PEM (keys with a password are not taken)");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return unusable("Cert and Key do not belong together");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return unusable("Cert: the certificate has expired");
  }
  return {};
}

Result<void> replace_certificate(const TlsFiles& files, const std::string& certificate_pem,
                                 const std::string& key_pem) {
  Result<void> checked = check_certificate(certificate_pem, key_pem);
  if (!checked) return checked;
  Result<void> noted = env::write_file_atomic(pending_file(files), joined(certificate_pem, key_pem), 0600);
  if (!noted) return noted;
  return complete_certificate(files);
}

Result<void> complete_certificate(const TlsFiles& files) {
  const env::Path pending = pending_file(files);
  const Result<std::string> text = env::read_file(pending);
  if (!text && text.error().code == ErrorCode::kNotFound) return {};
  if (!text) return text.error();
  std::string certificate, key;
  if (!split(*text, certificate, key)) {
    return Error(ErrorCode::kCorrupt, fmt::format("{} is damaged: remove it", pending.string()));
  }
  Result<void> written = write_both(files, certificate, key);
  if (!written) return written;
  return env::remove_tree(pending);
}

}  // namespace mullion::net
