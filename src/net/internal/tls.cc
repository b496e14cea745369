#include "net/internal/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>

#include "base/letters.h"
#include "base/mutex.h"
#include "env/file.h"
#include "env/random.h"
#include "net/openssl.h"

namespace mullion::net {
namespace {

constexpr long kCertificateSeconds = 3650L * 24 * 3600;

Error openssl_error(std::string_view doing) {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Error(ErrorCode::kInternal, fmt::format("{}: {}", doing, text == nullptr ? "OpenSSL failed" : text));
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string text(name.data());
  const bool plain =
      !text.empty() && text.size() <= 64 &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
          std::string::npos;
  return plain ? text : "localhost";
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool fill_certificate(X509* certificate, EVP_PKEY* key) {
  const std::string host = host_name();
  const std::string names =
      fmt::format("DNS:localhost,{}IP:127.0.0.1,IP:::1", host == "localhost" ? "" : "DNS:" + host + ",");
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), env::random_id() >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);  // clocks of sites differ
  X509_gmtime_adj(X509_getm_notAfter(certificate), kCertificateSeconds);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  return add_extension(certificate, NID_subject_alt_name, names) &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), hash.data(), &size) != 1) return "";
  return hex_text({reinterpret_cast<const char*>(hash.data()), size});
}

/// Signed by itself, with this computer's name and nothing else as its subject: see fill_certificate().
bool is_self_made(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_cmp(subject, X509_get_issuer_name(certificate)) != 0) return false;
  if (X509_NAME_entry_count(subject) != 1) return false;
  std::array<char, 256> name{};
  const int length =
      X509_NAME_get_text_by_NID(subject, NID_commonName, name.data(), static_cast<int>(name.size()));
  return length > 0 && std::string_view(name.data(), static_cast<size_t>(length)) == host_name();
}

}  // namespace

Result<void> ensure_certificate(const TlsFiles& files) {
  if (Result<void> completed = complete_certificate(files); !completed) return completed;
  if (::access(files.key_file.c_str(), F_OK) == 0 && ::access(files.certificate_file.c_str(), F_OK) == 0)
    return {};
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  if (!key || !certificate || !fill_certificate(certificate.get(), key.get())) {
    return openssl_error("make certificate");
  }
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) {
    return openssl_error("write certificate");
  }
  for (const std::string& file : {files.key_file, files.certificate_file}) {
    const env::Path parent = env::Path(file).parent_path();
    if (parent.empty()) continue;
    if (Result<void> made = env::make_directories(parent, 0755); !made) return made;
  }
  if (Result<void> done = env::write_file_atomic(files.key_file, bio_text(key_text.get()), 0600); !done)
    return done;
  return env::write_file_atomic(files.certificate_file, bio_text(certificate_text.get()), 0600);
}

Result<std::string> certificate_base64(const std::string& certificate_file) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_file(certificate_file.c_str(), "r"));
  const CertificatePtr certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  unsigned char* bytes = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &bytes) : -1;
  if (size <= 0) return openssl_error("read certificate " + certificate_file);
  std::string out((static_cast<size_t>(size) + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, size);
  OPENSSL_free(bytes);
  out.resize(static_cast<size_t>(length));
  return out;
}

Result<std::string> certificate_fingerprint(const std::string& certificate_file) {
  Result<std::string> text = env::read_file(certificate_file);
  if (!text) return text.error();
  const BioPtr bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  const CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return openssl_error("read certificate " + certificate_file);
  return fingerprint_of(certificate.get());
}

namespace internal {
namespace {

// "http/1.1" as a list of length-prefixed names.
constexpr std::array<unsigned char, 9> kProtocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_size, kProtocols.data(), kProtocols.size(), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

using SslContextPtr = std::shared_ptr<ssl_ctx_st>;

void set_common_options(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A missing close_notify is judged by the HTTP message: is it complete?
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

/// The newest session of a client's server.
struct TlsContext::Sessions {
  ~Sessions() {
    if (newest != nullptr) SSL_SESSION_free(newest);
  }
  void keep(SSL_SESSION* session) {
    Lock lock(mutex);
    if (newest != nullptr) SSL_SESSION_free(newest);
    newest = session;
  }
  void offer(SSL* side) {
    Lock lock(mutex);
    if (newest != nullptr) SSL_set_session(side, newest);
  }

  Mutex mutex;
  SSL_SESSION* newest GUARDED_BY(mutex) = nullptr;
};

namespace {

using SessionsPtr = std::shared_ptr<TlsContext::Sessions>;

void free_sessions(void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<SessionsPtr*>(held);
}

/// Where a client's connection holds its sessions: servers send tickets as long as it lives, which may be
/// longer than the client.
int sessions_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_sessions);
  return slot;
}

int on_new_session(SSL* side, SSL_SESSION* session) {
  const auto* const held = static_cast<SessionsPtr*>(SSL_get_ex_data(side, sessions_slot()));
  if (held == nullptr) return 0;
  (*held)->keep(session);
  return 1;  // kept: the reference is ours
}

Result<SslContextPtr> new_client_context() {
  ERR_clear_error();
  SslContextPtr made(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX* context = made.get();
  if (context == nullptr) return openssl_error("TLS context");
  set_common_options(context);
  SSL_CTX_set_alpn_protos(context, kProtocols.data(), kProtocols.size());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &on_new_session);
  return made;
}

/// For clients that verify nothing, or a fingerprint themselves: a manager has thousands of them.
Result<SslContextPtr> shared_client_context() {
  static Mutex mutex;
  static SslContextPtr shared;  // guarded by it
  const Lock lock(mutex);
  if (shared) return shared;
  Result<SslContextPtr> made = new_client_context();
  if (made) shared = *made;
  return made;
}

}  // namespace

TlsContext::TlsContext(std::shared_ptr<ssl_ctx_st> context)
    : context_(std::move(context)), sessions_(std::make_shared<Sessions>()) {}

Result<std::shared_ptr<TlsContext>> TlsContext::for_server(const TlsFiles& files) {
  ERR_clear_error();
  SslContextPtr made(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  SSL_CTX* context = made.get();
  if (context == nullptr) return openssl_error("TLS context");
  set_common_options(context);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1) {
    return openssl_error("read certificate " + files.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return openssl_error("read key " + files.key_file);
  }
  constexpr std::string_view kSessionName = "mullion";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessionName.data()),
                                 kSessionName.size());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(made)));
}

Result<std::shared_ptr<TlsContext>> TlsContext::for_client(const TrustPolicy& trust) {
  const bool verifies = !trust.ca_file.empty() || trust.system_authorities;
  Result<SslContextPtr> made = verifies ? new_client_context() : shared_client_context();
  if (!made) return made.error();
  SSL_CTX* context = made->get();
  std::shared_ptr<TlsContext> client(new TlsContext(*made));
  if (!verifies) return client;
  if (trust.system_authorities && SSL_CTX_set_default_verify_paths(context) != 1) {
    return openssl_error("read the authorities of this system");
  }
  if (!trust.ca_file.empty() && SSL_CTX_load_verify_locations(context, trust.ca_file.c_str(), nullptr) != 1) {
    return openssl_error("read CA file " + trust.ca_file);
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  client->verifies_ = true;
  return client;
}

ssl_st* TlsContext::new_server_side() {
  SSL* side = SSL_new(context_.get());
  if (side != nullptr) SSL_set_accept_state(side);
  return side;
}

ssl_st* TlsContext::new_client_side(const std::string& host) {
  SSL* side = SSL_new(context_.get());
  if (side == nullptr) return nullptr;
  SSL_set_connect_state(side);
  const bool address = is_address(host);
  if (!address) SSL_set_tlsext_host_name(side, host.c_str());
  if (verifies_ && address) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(side), host.c_str());
  if (verifies_ && !address) SSL_set1_host(side, host.c_str());
  SSL_set_ex_data(side, sessions_slot(), new SessionsPtr(sessions_));
  sessions_->offer(side);
  return side;
}

PeerCertificate peer_certificate_of(ssl_st* session) {
  const CertificatePtr certificate(SSL_get1_peer_certificate(session));
  if (!certificate) return {};
  return {fingerprint_of(certificate.get()), is_self_made(certificate.get())};
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), hash.data(), static_cast<int>(size));
  return std::string(reinterpret_cast<const char*>(encoded.data()), static_cast<size_t>(length));
}

std::string websocket_key() {
  std::array<unsigned char, 16> bytes{};
  env::secure_random(bytes);
  std::array<unsigned char, 32> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), bytes.data(), bytes.size());
  return std::string(reinterpret_cast<const char*>(encoded.data()), static_cast<size_t>(length));
}

}  // namespace internal
}  // namespace mullion::net
