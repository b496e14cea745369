// Catalogs of elsewhere, as `manager_catalog_urls` names them. What was read last stays in use while they
// cannot be read.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/items.h"
#include "content/content.h"
#include "env/runtime.h"
#include "net/http.h"

namespace mullion::catalog {

/// The items of a catalog document: a content pack with section `catalog_items`, or that section alone. Items
/// that make no sense are left out and told. kInvalid: no catalog.
struct ReadCatalog {
  std::vector<Item> items;
  std::vector<std::string> warnings;
};
Result<ReadCatalog> read_catalog(std::string_view text);

/// `manager_catalog_urls` of the body of profile global: a list, or one text with commas.
std::vector<std::string> catalog_places(std::string_view profile_body);

/// How a catalog of a place is read. It decides what is installed, so who serves it over https is verified:
/// by the authorities of this system, or by the fingerprint of its certificate in `URL#sha256=HEX`.
struct CatalogUrl {
  std::string url;
  net::TrustPolicy trust;
};
CatalogUrl catalog_url(const std::string& place);

/// One reader at a time; problems() from everywhere.
class RemoteCatalogs {
 public:
  RemoteCatalogs(env::Runtime& runtime, content::Blobs& blobs, env::Path cache)
      : runtime_(runtime), blobs_(blobs), cache_(std::move(cache)) {}

  /// Reads every place again: "self://PATH" below files/, http(s) URLs. Places not named any more are
  /// forgotten.
  env::Task<void> refresh(std::vector<std::string> places);
  /// Without asking anybody: what was read last, in the order of the places.
  std::vector<Item> items(const std::vector<std::string>& places);
  std::vector<std::string> problems() const;

 private:
  struct Known {
    std::string etag;
    std::vector<Item> items;
    std::string problem;
  };
  env::Task<Result<std::string>> read_place(std::string place, std::string& etag);
  env::Path cache_file(const std::string& place) const;
  const Known& known(const std::string& place);
  void take(const std::string& place, const Result<std::string>& text, const std::string& etag);

  env::Runtime& runtime_;
  content::Blobs& blobs_;
  const env::Path cache_;
  mutable std::mutex mutex_;  // guards known_
  std::map<std::string, Known> known_;
};

}  // namespace mullion::catalog
