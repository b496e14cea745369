#include "net/internal/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

namespace mullion::net::internal {
namespace {

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Error failed(ErrorCode code, const std::string& path, int number) {
  return Error(code, fmt::format("socket {}: {}", path, std::generic_category().message(number)));
}

Result<int> new_socket(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return descriptor >= 0 ? Result<int>(descriptor) : Result<int>(failed(ErrorCode::kInternal, path, errno));
}

/// A socket file whose server is gone may be taken over.
Result<void> remove_abandoned(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return Error(ErrorCode::kConflict, path + " exists and is no socket");
  Result<int> other = connect_unix(path);
  if (other) {
    ::close(*other);
    return Error(ErrorCode::kConflict, "somebody listens on " + path + " already");
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<int> connect_unix(const std::string& path) {
  const std::optional<sockaddr_un> address = address_of(path);
  if (!address) return Error(ErrorCode::kInvalid, "the path of the socket is empty or too long: " + path);
  Result<int> descriptor = new_socket(path);
  if (!descriptor) return descriptor;
  if (::connect(*descriptor, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0)
    return descriptor;
  const int number = errno;
  ::close(*descriptor);
  return failed(ErrorCode::kUnreachable, path, number);
}

Result<int> listen_unix(const std::string& path) {
  const std::optional<sockaddr_un> address = address_of(path);
  if (!address) return Error(ErrorCode::kInvalid, "the path of the socket is empty or too long: " + path);
  Result<void> free = remove_abandoned(path);
  if (!free) return free.error();
  Result<int> descriptor = new_socket(path);
  if (!descriptor) return descriptor;
  // The mode set before bind() is the mode the name is born with: there is no moment in which others may
  // connect.
  const bool bound =
      ::fchmod(*descriptor, S_IRUSR | S_IWUSR) == 0 &&
      ::bind(*descriptor, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0 &&
      ::listen(*descriptor, SOMAXCONN) == 0;
  if (bound) return descriptor;
  const int number = errno;
  ::close(*descriptor);
  return failed(ErrorCode::kInternal, path, number);
}

bool is_unix_socket(int descriptor) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace mullion::net::internal
