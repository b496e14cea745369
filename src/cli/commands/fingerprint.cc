#include "cli/commands/fingerprint.h"

#include <openssl/sha.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/letters.h"
#include "base/text.h"
#include "cli/documents/sealing.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

/// First line of a file without blanks at its ends; "" when it cannot be read.
std::string line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(trimmed(line));
}

/// Serial numbers leave this computer only as hashes.
std::string hash_of(const std::string& text) {
  if (text.empty()) return {};
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return base64_encode({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

/// Addresses of real network cards, sorted; loopback and virtual devices have no `device` link.
std::vector<std::string> card_addresses(const fs::path& sys) {
  std::vector<std::string> addresses;
  std::error_code failure;
  for (fs::directory_iterator entry(sys / "class/net", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    const std::string address = line_of(entry->path() / "address");
    if (fs::exists(entry->path() / "device", ignored) && !address.empty()) addresses.push_back(address);
  }
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

}  // namespace

json::value local_fingerprint(const fs::path& sys) {
  const fs::path dmi = sys / "class/dmi/id";
  const std::string uuid = lower_case(line_of(dmi / "product_uuid"));
  return json::object{{"SSNHash", hash_of(line_of(dmi / "product_serial"))},
                      {"CSNHash", hash_of(line_of(dmi / "chassis_serial"))},
                      {"CloudInstanceID", ""},
                      {"SystemUUID", uuid},
                      {"MemoryIds", json::array()}};
}

json::value local_whoami(const fs::path& sys, const fs::path& id_file) {
  json::array addresses;
  for (const std::string& address : card_addresses(sys)) addresses.emplace_back(address);
  return json::object{{"Fingerprint", local_fingerprint(sys)},
                      {"MacAddrs", std::move(addresses)},
                      {"OnDiskUUID", line_of(id_file)}};
}

}  // namespace mullion::cli
