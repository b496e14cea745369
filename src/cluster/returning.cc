#include "cluster/internal/returning.h"

#include <filesystem>

#include "cluster/internal/own_members.h"
#include "env/disk.h"
#include "net/peer_key.h"

namespace mullion::cluster {
namespace {

env::Path beside(const Places& places, const env::Path& own) { return places.returning() / own.filename(); }

}  // namespace

bool is_returning(const Places& places) {
  std::error_code failure;
  return std::filesystem::exists(places.returning(), failure);
}

Result<std::string> prepare_return(const Places& places) {
  const env::Path file = beside(places, places.key());
  Result<net::PeerKey> key = net::PeerKey::load(file);
  if (key.ok()) return key->public_key();
  if (Result<void> made = env::make_directories(places.returning(), 0700); !made.ok()) return made.error();
  key = net::PeerKey::make();
  if (!key.ok()) return key.error();
  if (Result<void> stored = key->store(file); !stored.ok()) return stored.error();
  return key->public_key();
}

Result<void> settle_return(const Places& places, const Admission& admitted) {
  Result<Roster> roster = decode_roster(admitted.roster);
  if (!roster.ok()) return roster.error();
  const OwnMembers own{admitted.number, std::move(*roster)};
  Result<void> done = env::write_file_atomic(beside(places, places.members()), encode_members(own), 0600);
  if (done.ok()) done = env::write_file_atomic(beside(places, places.set_aside()), kDropped, 0600);
  if (done.ok()) done = env::write_file_atomic(places.returning() / kCompleteMark, "", 0600);
  return done;
}

Result<void> finish_return(const Places& places) {
  const env::Path mark = places.returning() / kCompleteMark;
  if (!std::filesystem::exists(mark)) return {};
  std::error_code failure;
  if (std::filesystem::exists(places.known_files(), failure)) {
    if (Result<void> kept = env::move_durably(places.known_files(), beside(places, places.known_files()));
        !kept.ok())
      return kept;
  }
  for (const env::Path& old : {places.fetched(), places.own()}) {
    if (Result<void> removed = env::remove_tree(old); !removed.ok()) return removed;
  }
  if (Result<void> moved = env::move_durably(places.returning(), places.own()); !moved.ok()) return moved;
  std::filesystem::remove(places.own() / kCompleteMark, failure);
  return {};
}

}  // namespace mullion::cluster
