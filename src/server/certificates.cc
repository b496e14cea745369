#include "server/certificates.h"

#include <filesystem>

#include "base/mutex.h"
#include "env/file.h"
#include "server/internal/log.h"

namespace mullion::server {
namespace {

bool exist(const net::TlsFiles& files) {
  std::error_code ignored;
  return std::filesystem::exists(files.key_file, ignored) &&
         std::filesystem::exists(files.certificate_file, ignored);
}

}  // namespace

PortCertificates::PortCertificates(net::TlsFiles api, net::TlsFiles own_static)
    : api_(std::move(api)), own_static_(std::move(own_static)) {}

net::TlsFiles PortCertificates::files(Port port) const {
  Lock lock(mutex_);
  return files_locked(port);
}

net::TlsFiles PortCertificates::files_locked(Port port) const {
  return port == Port::kStatic && exist(own_static_) ? own_static_ : api_;
}

void PortCertificates::attach(Port port, net::Server& server) {
  Lock lock(mutex_);
  servers_[port] = &server;
  note_fingerprint_locked(port);
}

std::string PortCertificates::fingerprint(Port port) const {
  Lock lock(fingerprints_mutex_);
  const auto found = fingerprints_.find(port);
  return found == fingerprints_.end() ? "" : found->second;
}

void PortCertificates::note_fingerprint_locked(Port port) {
  Result<std::string> fingerprint = net::certificate_fingerprint(files_locked(port).certificate_file);
  Lock lock(fingerprints_mutex_);
  fingerprints_[port] = fingerprint ? std::move(*fingerprint) : "";
}

Result<std::string> PortCertificates::certificate(Port port) const {
  return env::read_file(files(port).certificate_file);
}

Result<void> PortCertificates::replace(Port port, const std::string& certificate_pem,
                                       const std::string& key_pem) {
  Lock lock(mutex_);
  const net::TlsFiles& target = port == Port::kApi ? api_ : own_static_;
  Result<void> replaced = net::replace_certificate(target, certificate_pem, key_pem);
  if (!replaced) return replaced;
  for (const auto& [served, server] : servers_) {
    Result<void> used = server->use_certificate(files_locked(served));
    if (!used) return used;
    note_fingerprint_locked(served);
  }
  kLog.audit("certificate replaced port={}", port == Port::kApi ? "api" : "static");
  return {};
}

}  // namespace mullion::server
