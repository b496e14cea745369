// The certificates that servers showed when they were first talked to.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

/// SHA-256 fingerprint as lower-case hex, from any usual spelling: capitals, colons, blanks, "sha256:" or
/// what `openssl x509 -fingerprint -sha256` prints. kBadRequest for everything else.
Result<std::string> parse_fingerprint(std::string_view text);

/// "https://host:port", in small letters and with the port, of a URL or of "host[:port]". kBadRequest when it
/// is no address of a server.
Result<std::string> server_address(const std::string& url);

/// A file of lines "ADDRESS sha256:FINGERPRINT", oldest first; other lines are passed over. Its folder is the
/// caller's alone. Several processes may use it at once.
class KnownServers {
 public:
  static constexpr size_t kMost = 1000;  // the oldest make room

  /// An empty name: nothing is known, and nothing can be remembered.
  explicit KnownServers(std::filesystem::path file) : file_(std::move(file)) {}

  /// Fingerprint of the server at `address`; "" when it is not known.
  std::string find(std::string_view address) const;

  struct Learned {
    std::string fingerprint;  // that counts from now on
    bool added = false;       // false: the server was known already, perhaps by another certificate
  };
  /// Remembers what a server that was not known shows. An Error says why it cannot be remembered.
  Result<Learned> learn(const std::string& address, const std::string& fingerprint) const;
  /// Remembers it in place of what was known.
  Result<void> accept(const std::string& address, const std::string& fingerprint) const;

 private:
  struct Entry {
    std::string address;
    std::string fingerprint;
  };
  std::vector<Entry> read() const;
  Result<void> write(const std::vector<Entry>& entries) const;
  Result<void> prepare() const;

  std::filesystem::path file_;
};

}  // namespace mullion::cli
