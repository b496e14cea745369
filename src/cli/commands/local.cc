// Commands that need no server: requests for certificates, hashes of passwords, what is done to the database
// of one that is stopped. And those that say why they are not here.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <ostream>

#include "cli/commands/certificate_request.h"
#include "cli/commands/handlers.h"
#include "cli/documents/sealing.h"
#include "cli/documents/source.h"
#include "env/file.h"
#include "settings/settings.h"
#include "store/compaction.h"

namespace mullion::cli {
Result<uint64_t> number_argument(const std::string& text) {
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && failure == std::errc() && end == text.data() + text.size()) return number;
  return usage_error("expected a number instead of `" + text + "`");
}

Result<void> password_hash(Invocation& call) {
  Result<std::string> hash = hash_password(read_secret(call, call.argument(0)));
  if (!hash) return hash.error();
  call.terminal.out << *hash << "\n";
  return {};
}

Result<void> certificate_request(Invocation& call) {
  const std::vector<std::string> hosts(call.arguments.begin() + 2, call.arguments.end());
  Result<CertificateRequest> made = make_certificate_request(call.argument(1), hosts);
  if (!made) return made.error();
  const std::string key_file = call.argument(0) + ".key";
  const std::string request_file = call.argument(0) + ".csr";
  Result<void> written = env::write_file_atomic(key_file, made->key, 0600);
  if (written) written = env::write_file_atomic(request_file, made->request);
  if (!written)
    return Error(written.error().code, fmt::format("cannot write {} and {}", key_file, request_file));
  call.terminal.out << fmt::format("{} holds the private key, {} the request to sign\n", key_file,
                                   request_file);
  return {};
}

/// The lock keeps a server from starting meanwhile.
Result<void> system_compact(Invocation& call) {
  std::string given = call.optional_argument(0);
  if (given.empty()) given = settings::Settings::defaults().text("base-root");
  const env::Path base_root = std::move(given);
  if (!std::filesystem::is_directory(base_root))
    return Error(ErrorCode::kNotFound, fmt::format("{} is no directory", base_root.string()));
  const Result<env::FileLock> lock = env::FileLock::acquire(base_root / "mullion.lock");
  if (!lock && lock.error().code == ErrorCode::kConflict)
    return Error(ErrorCode::kConflict, fmt::format("a server runs on {}: stop it first", base_root.string()));
  if (!lock) return lock.error();
  const Result<store::Compaction> done = store::compact(base_root / "data");
  if (!done) return done.error();
  call.terminal.out << fmt::format("{} bytes before, {} now\n", done->bytes_before, done->bytes_after);
  return {};
}

Result<void> not_served(Invocation& call) {
  return Error(ErrorCode::kUnavailable, fmt::format("{} is not here: it {}", call.command.name,
                                                    call.command.summary.substr(kNotHere.size())));
}

}  // namespace mullion::cli
