// A private key and a request for a certificate, made here.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

struct CertificateRequest {
  std::string key;      // PEM, unencrypted
  std::string request;  // PEM
};

/// A P-256 key and a request that names `common_name` and, as alternative names, `hosts`: DNS names or
/// addresses. kBadRequest when a name does not fit.
Result<CertificateRequest> make_certificate_request(const std::string& common_name,
                                                    const std::vector<std::string>& hosts);

}  // namespace mullion::cli
