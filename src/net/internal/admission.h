// Who may connect to a port: how many connections and TLS handshakes there may be at once, in all and of one
// address.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "env/network.h"
#include "net/port.h"

namespace mullion::net::internal {

/// Thread-safe.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  /// One connection's place; given back by the destructor. One user at a time.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    /// Not empty: the connection is refused, and lives only to be told why.
    std::string_view refusal() const { return refusal_; }
    /// The TLS handshake is over, well or badly.
    void end_handshake();

   private:
    friend class Admission;
    Place(std::shared_ptr<Admission> admission, std::string host, bool handshake, std::string_view refusal)
        : admission_(std::move(admission)),
          host_(std::move(host)),
          handshake_(handshake),
          refusal_(refusal) {}

    std::shared_ptr<Admission> admission_;
    std::string host_;
    bool handshake_;
    std::string_view refusal_;
  };
  using PlacePtr = std::unique_ptr<Place>;

  /// `max_connections`: of all peers together.
  Admission(size_t max_connections, const PeerLimits& limits)
      : max_connections_(max_connections), limits_(limits) {}

  /// Null: the connection is to be closed at once. On a plain port some of those that are refused get a place
  /// to be told so; a TLS handshake is too much for that.
  PlacePtr enter(const env::Network& from, bool tls);
  /// Counts a connection that was cut because its peer was too slow.
  void note_cut();
  ConnectionStatistics statistics() const;

 private:
  struct Host {
    size_t open = 0;
    size_t handshakes = 0;
  };

  PlacePtr refuse(uint64_t& counter, std::string_view why, bool tls) REQUIRES(mutex_);
  void leave(const Place& place);
  void leave_handshake(const std::string& host);
  size_t most_of(const env::Network& from) const;

  const size_t max_connections_;
  const PeerLimits limits_;
  mutable Mutex mutex_;  // guards everything below
  std::unordered_map<std::string, Host> hosts_ GUARDED_BY(mutex_);
  ConnectionStatistics counts_ GUARDED_BY(mutex_);
  size_t refused_open_ GUARDED_BY(mutex_) = 0;
};

}  // namespace mullion::net::internal
