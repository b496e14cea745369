#include "server/limits.h"

#include <algorithm>
#include <thread>

namespace mullion::server {

size_t thread_count(const settings::Settings& settings) {
  const uint64_t wanted = settings.number("threads");
  if (wanted != 0) return wanted;
  return std::max(2U, std::thread::hardware_concurrency());
}

size_t connections_that_fit(uint64_t open_files) {
  constexpr uint64_t kForTheRest = 128;  // the database, logs, plugins, lines to other servers
  constexpr uint64_t kEach = 2, kPorts = 2, kFewest = 16;
  return std::max(kFewest, (std::max(open_files, kForTheRest) - kForTheRest) / (kEach * kPorts));
}

net::ServerLimits server_limits(const settings::Settings& settings, uint64_t open_files) {
  net::ServerLimits limits;
  limits.max_header_bytes = settings.number("max-header");
  limits.max_connections =
      std::min<size_t>(settings.number("max-connections"), connections_that_fit(open_files));
  limits.idle_timeout = std::chrono::seconds(settings.number("idle-timeout"));
  limits.header_timeout = std::chrono::seconds(settings.number("header-timeout"));
  limits.body_timeout = std::chrono::seconds(settings.number("body-timeout"));
  limits.max_websocket_queue = settings.number("max-websocket-queue");
  return limits;
}

net::PeerLimits peer_limits(const settings::Settings& settings, uint64_t open_files) {
  net::PeerLimits limits;
  // One address leaves something to others, also where little fits.
  limits.max_connections_per_address =
      std::min<size_t>(settings.number("max-connections-per-address"), connections_that_fit(open_files) / 2);
  limits.max_connections_of_loopback = settings.number("max-connections-loopback");
  limits.max_handshakes = settings.number("max-handshakes");
  limits.max_handshakes_per_address = settings.number("max-handshakes-per-address");
  limits.least_rate = settings.number("least-rate");
  return limits;
}

api::Limits api_limits(const settings::Settings& settings) {
  api::Limits limits;
  limits.body_bytes = settings.number("max-body");
  limits.upload_bytes = settings.number("max-upload");
  limits.json_depth = settings.number("max-json-depth");
  limits.websocket_queue.bytes = settings.number("max-websocket-queue");
  return limits;
}

files::BlobLimits blob_limits(const settings::Settings& settings) {
  files::BlobLimits limits;
  limits.unpacked_bytes = settings.number("max-unpacked");
  limits.archive_entries = settings.number("max-archive-entries");
  limits.archive_ratio = settings.number("max-archive-ratio");
  limits.unfinished_age = std::chrono::seconds(settings.number("unfinished-upload-age"));
  return limits;
}

files::ExplodeLimits unpack_limits(const settings::Settings& settings) {
  const files::BlobLimits limits = blob_limits(settings);
  return {limits.unpacked_bytes, limits.archive_entries, std::max<uint64_t>(limits.archive_ratio, 1)};
}

}  // namespace mullion::server
