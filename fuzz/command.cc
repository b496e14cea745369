// Commands of the store, as another server of the same cluster sends them. The first byte chooses: the bytes
// are a command, or what one holds before its checksum.
#include "store/command.h"

#include "base/digest.h"
#include "fuzz/fuzz.h"

using namespace mullion;

namespace {

std::string with_checksum(std::string_view text) {
  std::string out(text);
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(hash128(text).low >> shift & 0xff));
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const bool raw = fuzz::next_byte(rest) % 8 == 0;
  const std::string bytes = raw ? std::string(rest) : with_checksum(rest);
  const Result<store::Command> command = store::decode_command(bytes);
  if (!command) return 0;
  fuzz::require(store::encode_command(*command) == bytes, "a command has one form in bytes");
  return 0;
}
