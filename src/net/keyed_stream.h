// Streams of bytes between servers that know each other by their keys.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/runtime.h"
#include "net/peer_key.h"

namespace mullion::net {

/// TLS 1.3, both sides having shown a key. Whose key it is, and whether it is welcome, is for the user to
/// decide before anything else is read. One reader and one writer at the same time; abort() by anybody.
class KeyedStream {
 public:
  virtual ~KeyedStream() = default;
  /// Hex of the Ed25519 key that the peer has proved to have.
  virtual const std::string& peer_key() const = 0;
  /// Exactly `size` bytes within `patience`, else kTimeout; kUnreachable at the end of the stream.
  virtual env::Task<Result<void>> read(char* data, size_t size, env::Duration patience) = 0;
  /// Both, one after the other; kTimeout when the peer takes nothing for `patience`.
  virtual env::Task<Result<void>> write(std::string_view head, std::string_view rest,
                                        env::Duration patience) = 0;
  virtual void abort() = 0;
};
using KeyedStreamPtr = std::shared_ptr<KeyedStream>;

/// Connects to "IP:port" and shows `key`, all within `patience`. kInvalid: no such address; kUnreachable,
/// kTimeout.
env::Task<Result<KeyedStreamPtr>> connect_keyed(env::Runtime& runtime, const std::string& address,
                                                const PeerKey& key, env::Duration patience);

struct KeyedListenOptions {
  std::string address;  // "IP:port"; port 0: any
  size_t max_connections = 256;
  env::Duration handshake_time = std::chrono::seconds(2);
};

/// Accepts until it is destroyed, which cuts what there is and waits for it: outside of the runtime's
/// threads.
class KeyedListener {
 public:
  virtual ~KeyedListener() = default;
  virtual uint16_t port() const = 0;
};
/// `serve` is called for each stream whose handshake has ended well, on a strand of its own. Connections
/// beyond the limit are closed at once. kInvalid: no such address; kConflict: the port is in use.
Result<std::unique_ptr<KeyedListener>> listen_keyed(env::Runtime& runtime, const KeyedListenOptions& options,
                                                    const PeerKey& key,
                                                    std::function<env::Task<void>(KeyedStreamPtr)> serve);

/// Whether `text` is "IP:port" with an IP address and a port from 1 on; of IPv6 "[IP]:port".
bool is_ip_and_port(std::string_view text);

}  // namespace mullion::net
