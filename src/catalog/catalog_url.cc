#include "catalog/catalog_url.h"

#include <algorithm>
#include <cctype>

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
  for (const unsigned char c : place.substr(pin + kPin.size())) {
    if (c != ':') out.trust.pinned_fingerprint += static_cast<char>(std::tolower(c));
  }
  return out;
}

}  // namespace mullion::catalog
