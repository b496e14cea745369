// The journal's rows as bytes: numbers are big-endian, and every value ends with a checksum of its key and of
// itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/journal.h"

namespace mullion::cluster {

/// Before the payload or the change: u8 format, u8 kind, u64 index, u64 term.
inline constexpr size_t kEntryHead = 1 + 1 + 8 + 8;

void put_number(std::string& out, uint64_t number, int size = 8);
/// Precondition: the bytes are there.
uint64_t number_at(std::string_view bytes, size_t at, size_t size = 8);

std::string key_of(uint64_t index);
/// XXH3-128 of the key and of what stands before.
std::string checksum(std::string_view key, std::string_view bytes);
/// The value without its checksum; false: damaged.
bool unseal(std::string_view key, std::string_view& value);

std::string sealed_entry(const JournalEntry& entry);
/// False: not what sealed_entry() makes of an entry at this index.
bool open_entry(uint64_t index, std::string_view value, Entry& entry);

}  // namespace mullion::cluster
