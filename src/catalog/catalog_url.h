// How a catalog document behind a URL is read.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace mullion::catalog {

/// A catalog decides what is installed, so who serves it over https is verified: by the authorities of this
/// system, or by the fingerprint of its certificate in `URL#sha256=HEX`. Plain http trusts the network.
struct CatalogUrl {
  std::string url;
  net::TrustPolicy trust;
};
CatalogUrl catalog_url(std::string_view place);

}  // namespace mullion::catalog
