#include "catalog/catalog_url.h"

#include <algorithm>
#include <cctype>

#include "base/letters.h"

namespace mullion::catalog {

CatalogUrl catalog_url(std::string_view place) {
  constexpr std::string_view kPin = "#sha256=";
  CatalogUrl out;
  const size_t pin = place.find(kPin);
  out.url = place.substr(0, pin);
  if (pin == std::string_view::npos) {
    out.trust.system_authorities = true;
    return out;
  }
  // As OpenSSL prints it, too: "AB:CD:...".
  out.trust.pinned_fingerprint = plain_fingerprint(place.substr(pin + kPin.size()));
  return out;
}

}  // namespace mullion::catalog
