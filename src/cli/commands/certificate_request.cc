#include "cli/commands/certificate_request.h"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <memory>

#include "net/openssl.h"

namespace mullion::cli {
namespace {

using Request = std::unique_ptr<X509_REQ, net::Free<X509_REQ_free>>;

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return std::string(data, static_cast<size_t>(size));
}

bool is_plain_name(const std::string& host) {
  return !host.empty() && host.find_first_of(",:\r\n ") == std::string::npos;
}

/// "DNS:a,IP:10.0.0.1" for the extension; "" when a host is neither name nor address.
std::string alternative_names(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    boost::system::error_code failure;
    boost::asio::ip::make_address(host, failure);
    if (failure && !is_plain_name(host)) return {};
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", failure ? "DNS" : "IP", host);
  }
  return names;
}

bool add_alternative_names(X509_REQ* request, const std::string& names) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, nullptr, request, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, names.c_str());
  if (extension == nullptr) return false;
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  sk_X509_EXTENSION_push(extensions, extension);
  const bool added = X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return added;
}

bool name_request(X509_REQ* request, const std::string& common_name) {
  X509_NAME* name = X509_REQ_get_subject_name(request);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                                    0) == 1;
}

}  // namespace

Result<CertificateRequest> make_certificate_request(const std::string& common_name,
                                                    const std::vector<std::string>& hosts) {
  const std::string names = alternative_names(hosts);
  if (!hosts.empty() && names.empty()) {
    return Error(ErrorCode::kBadRequest, "hosts are names or addresses, without blanks and commas");
  }
  const net::KeyPtr key(EVP_EC_gen("P-256"));
  const Request request(X509_REQ_new());
  bool made = key && request && name_request(request.get(), common_name);
  if (!made) return Error(ErrorCode::kBadRequest, "`" + common_name + "` cannot be a common name");
  made = names.empty() || add_alternative_names(request.get(), names);
  if (!made) return Error(ErrorCode::kBadRequest, "these hosts cannot be alternative names");
  const net::BioPtr key_text(BIO_new(BIO_s_mem()));
  const net::BioPtr request_text(BIO_new(BIO_s_mem()));
  made = X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
         X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0 &&
         PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
         PEM_write_bio_X509_REQ(request_text.get(), request.get()) == 1;
  if (!made) return Error(ErrorCode::kInternal, "the request cannot be signed");
  return CertificateRequest{text_of(key_text.get()), text_of(request_text.get())};
}

}  // namespace mullion::cli
