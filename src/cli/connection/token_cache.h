// Tokens of earlier commands, each for the one server that gave it.
#pragma once

#include <filesystem>
#include <string>

namespace mullion::cli {

/// Whom a token was given to, and by whom.
struct TokenOwner {
  std::string address;      // "https://host:port"
  std::string fingerprint;  // of the server's certificate; "" without TLS
  std::string username;
};

/// One file a token in the folder `by-server` below `directory`, which is the caller's alone; a file that
/// says anything but what is looked for counts as absent. A cache that cannot be written costs a login at the
/// next command, nothing else. Several processes may use it at once.
class TokenCache {
 public:
  static constexpr size_t kMost = 64;  // the oldest make room

  /// An empty name: no token is kept.
  explicit TokenCache(const std::filesystem::path& directory);

  /// "" when there is none.
  std::string find(const TokenOwner& owner) const;
  void keep(const TokenOwner& owner, const std::string& token) const;

 private:
  std::filesystem::path file_of(const TokenOwner& owner) const;
  bool prepare() const;
  void make_room() const;

  std::filesystem::path directory_;
};

}  // namespace mullion::cli
