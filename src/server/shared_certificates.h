// The certificates of the ports of servers that are one endpoint: the same at all of them.
#pragma once

#include <functional>

#include "base/mutex.h"
#include "server/certificates.h"
#include "store/store.h"

namespace mullion::server {

/// The pairs are private values of the store that the servers keep together, and files at each of them.
/// Thread-safe; blocks on the disk.
class SharedCertificates final : public api::Certificates {
 public:
  /// Both must outlive it. `changed` is called after this server uses another certificate.
  SharedCertificates(PortCertificates& own, store::Store& store, std::function<void()> changed)
      : own_(own), store_(store), changed_(std::move(changed)) {}

  Result<std::string> certificate(Port port) const override { return own_.certificate(port); }
  std::string fingerprint(Port port) const override { return own_.fingerprint(port); }
  /// Here at once, and at the others soon; errors also of a commit: what was agreed before comes back then.
  Result<void> replace(Port port, const std::string& certificate_pem, const std::string& key_pem) override;

  /// At the server that serves: the pair that it has becomes that of all when there is none yet.
  Result<void> offer();
  /// Uses what is agreed, if it is another one. Throws store::ReadFailure.
  void follow();

 private:
  Result<void> offer_own(Port port);
  Result<void> agree(Port port, const std::string& certificate_pem, const std::string& key_pem);

  PortCertificates& own_;
  store::Store& store_;
  const std::function<void()> changed_;
  Mutex mutex_;  // one change at a time
};

}  // namespace mullion::server
