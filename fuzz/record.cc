// Frames of the replication stream. The first byte chooses: the bytes are a frame, or the text inside one.
#include <zstd.h>

#include "base/json.h"
#include "fuzz/fuzz.h"
#include "model/object.h"
#include "replication/wire.h"

using namespace mullion;

namespace {

std::string compressed(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

/// What a peer wants stored must be one JSON object: it is spliced into answers as it is.
void check_body(std::string_view body) {
  fuzz::require(body.starts_with('{'), "a body begins with a brace");
  const auto value = parse_json(body, 300);
  fuzz::require(value && value->is_object(), "a body is an object");
  fuzz::require(!value->get_object().contains("Endpoint"), "a body does not name its owner");
  std::string shown;
  model::append_with_endpoint(shown, body, "A");
  fuzz::require(parse_json(shown, 300).ok(), "a body can be shown with its owner");
}

void check(const replication::Record& record) {
  if (const auto* object = std::get_if<replication::Object>(&record)) check_body(object->body);
  if (const auto* change = std::get_if<replication::Change>(&record)) {
    if (change->body) check_body(*change->body);
  }
  replication::FrameWriter writer;
  writer.add(record);
  auto reader = replication::FrameReader::open(writer.take());
  fuzz::require(reader.ok(), "a written frame can be read");
  const auto again = reader->next();
  fuzz::require(again && *again, "a written record can be read");
  const bool unknown = std::holds_alternative<replication::Unknown>(**again);
  fuzz::require(unknown || (*again)->index() == record.index(), "a record stays what it is");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const bool raw = fuzz::next_byte(rest) % 8 == 0;
  auto reader = replication::FrameReader::open(raw ? std::string(rest) : compressed(rest));
  if (!reader) return 0;
  while (true) {
    const auto record = reader->next();
    if (!record || !*record) return 0;
    check(**record);
  }
}
