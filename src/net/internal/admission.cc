#include "net/internal/admission.h"

#include "base/mutex.h"

namespace mullion::net::internal {
namespace {

constexpr size_t kToldSo = 64;  // refused connections that are open to be told so

}  // namespace

Admission::Place::~Place() {
  end_handshake();
  admission_->leave(*this);
}

void Admission::Place::end_handshake() {
  if (handshake_) admission_->leave_handshake(host_);
  handshake_ = false;
}

size_t Admission::most_of(const env::Network& from) const {
  return from.loopback ? limits_.max_connections_of_loopback : limits_.max_connections_per_address;
}

Admission::PlacePtr Admission::enter(const env::Network& from, bool tls) {
  const Lock lock(mutex_);
  if (counts_.open >= max_connections_) return refuse(counts_.refused, "too many connections", tls);
  const auto found = hosts_.find(from.host);
  const Host known = found == hosts_.end() ? Host() : found->second;
  if (known.open >= most_of(from))
    return refuse(counts_.refused_of_address, "too many connections from this address", tls);
  const bool too_many_of_host = !from.loopback && known.handshakes >= limits_.max_handshakes_per_address;
  if (tls && (too_many_of_host || counts_.handshakes >= limits_.max_handshakes))
    return refuse(counts_.refused_handshakes, "too many TLS handshakes", tls);
  Host& host = hosts_[from.host];
  ++host.open;
  ++counts_.open;
  host.handshakes += tls ? 1 : 0;
  counts_.handshakes += tls ? 1 : 0;
  return PlacePtr(new Place(shared_from_this(), from.host, tls, ""));
}

Admission::PlacePtr Admission::refuse(uint64_t& counter, std::string_view why, bool tls) {
  ++counter;
  if (tls || refused_open_ >= kToldSo) return nullptr;
  ++refused_open_;
  return PlacePtr(new Place(shared_from_this(), "", false, why));
}

void Admission::leave(const Place& place) {
  const Lock lock(mutex_);
  if (!place.refusal_.empty()) {
    --refused_open_;
    return;
  }
  --counts_.open;
  const auto host = hosts_.find(place.host_);
  if (--host->second.open == 0) hosts_.erase(host);
}

void Admission::leave_handshake(const std::string& host) {
  const Lock lock(mutex_);
  --counts_.handshakes;
  --hosts_.find(host)->second.handshakes;
}

void Admission::note_cut() {
  const Lock lock(mutex_);
  ++counts_.cut;
}

ConnectionStatistics Admission::statistics() const {
  const Lock lock(mutex_);
  return counts_;
}

}  // namespace mullion::net::internal
