// The certificates of the ports: two files each, replaced while the server runs.
#pragma once

#include <map>
#include <vector>

#include "api/api.h"
#include "base/mutex.h"
#include "net/http.h"

namespace mullion::server {

class PortCertificates final : public api::Certificates {
 public:
  /// The static port uses the API's pair until it gets one of its own.
  PortCertificates(net::TlsFiles api, net::TlsFiles own_static);

  /// What a port listens with now.
  net::TlsFiles files(Port port) const;
  /// From now on `server` is told of replacements. It must outlive the last replace().
  void attach(Port port, net::Server& server);

  Result<std::string> certificate(Port port) const override;
  std::string fingerprint(Port port) const override;
  Result<void> replace(Port port, const std::string& certificate_pem, const std::string& key_pem) override;

 private:
  net::TlsFiles files_locked(Port port) const;
  void note_fingerprint_locked(Port port);

  const net::TlsFiles api_, own_static_;
  mutable Mutex mutex_;  // one replacement at a time
  std::map<Port, net::Server*> servers_ GUARDED_BY(mutex_);
  mutable Mutex fingerprints_mutex_;  // never held while the disk is waited for
  std::map<Port, std::string> fingerprints_ GUARDED_BY(fingerprints_mutex_);
};

}  // namespace mullion::server
