// What members of a cluster read of each other and of their own past: frames, groups of commands, the list of
// members, the state that they are enrolled with, rows of the journal. The first byte chooses.
#include "cluster/cluster.h"
#include "cluster/frame.h"
#include "cluster/group.h"
#include "cluster/internal/journal_bytes.h"
#include "cluster/roster.h"
#include "fuzz/fuzz.h"

using namespace mullion;

namespace {

void frame(std::string_view bytes) {
  const Result<cluster::Frame> read = cluster::decode_frame(bytes);
  if (read.ok()) fuzz::require(cluster::encode_frame(*read) == bytes, "a frame has one form in bytes");
}

void group(std::string_view bytes) {
  const Result<std::vector<store::Command>> read = cluster::decode_group(bytes);
  if (read.ok()) fuzz::require(cluster::encode_group(*read) == bytes, "a group has one form in bytes");
}

void roster(std::string_view bytes) {
  const Result<cluster::Roster> read = cluster::decode_roster(bytes);
  if (!read.ok()) return;
  const Result<cluster::Roster> again = cluster::decode_roster(cluster::encode_roster(*read));
  fuzz::require(again.ok() && *again == *read, "a list of members undoes itself");
}

void state(std::string_view bytes) {
  const Result<cluster::HaState> read = cluster::decode_state(bytes);
  if (!read.ok()) return;
  const Result<cluster::HaState> again = cluster::decode_state(cluster::encode_state(*read));
  fuzz::require(again.ok() && *again == *read, "a state undoes itself");
}

/// Sealed here: no input would find the checksum.
void entry(std::string_view bytes) {
  constexpr uint64_t kIndex = 7;
  cluster::Entry read;
  if (!cluster::open_entry(kIndex, std::string(bytes) + cluster::checksum(cluster::key_of(kIndex), bytes),
                           read))
    return;
  const std::string body(bytes.substr(cluster::kEntryHead));
  fuzz::require(cluster::sealed_entry({read, body}).starts_with(bytes), "an entry has one form in bytes");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  switch (fuzz::next_byte(rest) % 5) {
    case 0:
      frame(rest);
      break;
    case 1:
      group(rest);
      break;
    case 2:
      roster(rest);
      break;
    case 3:
      state(rest);
      break;
    default:
      entry(rest);
  }
  return 0;
}
