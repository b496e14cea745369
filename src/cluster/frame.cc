#include "cluster/frame.h"

namespace mullion::cluster {
namespace {

constexpr size_t kLengthSize = 4;

void append_number(std::string& out, uint64_t number, size_t size) {
  for (size_t i = size; i > 0; --i) out.push_back(static_cast<char>(number >> (8 * (i - 1))));
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, text.size(), kLengthSize);
  out += text;
}

/// Every read fails at the end of the bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool number(size_t size, uint64_t& out) {
    if (rest_.size() < size) return false;
    out = 0;
    for (const char c : rest_.substr(0, size)) out = out << 8 | static_cast<uint8_t>(c);
    rest_.remove_prefix(size);
    return true;
  }
  bool text(std::string& out) {
    uint64_t size = 0;
    if (!number(kLengthSize, size) || rest_.size() < size) return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool at_end() const { return rest_.empty(); }
  size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

bool read_frame(Reader& reader, Frame& frame) {
  uint64_t kind = 0, count = 0;
  if (!reader.number(1, kind) || kind < 1 || kind > static_cast<uint64_t>(FrameKind::kCopied)) return false;
  frame.kind = static_cast<FrameKind>(kind);
  Standing& standing = frame.standing;
  for (uint64_t* number : {&frame.from, &standing.incarnation, &standing.nonce, &standing.term,
                           &standing.last_term, &standing.last_index, &frame.about, &frame.number}) {
    if (!reader.number(8, *number)) return false;
  }
  if (!reader.text(frame.message) || !reader.number(kLengthSize, count)) return false;
  if (count > reader.left() / kLengthSize) return false;
  frame.payloads.resize(count);
  for (std::string& payload : frame.payloads) {
    if (!reader.text(payload)) return false;
  }
  return frame.from != 0 && reader.at_end();
}

}  // namespace

std::string encode_frame(const Frame& frame) {
  std::string out;
  append_number(out, static_cast<uint64_t>(frame.kind), 1);
  const Standing& standing = frame.standing;
  for (const uint64_t number : {frame.from, standing.incarnation, standing.nonce, standing.term,
                                standing.last_term, standing.last_index, frame.about, frame.number})
    append_number(out, number, 8);
  append_text(out, frame.message);
  append_number(out, frame.payloads.size(), kLengthSize);
  for (const std::string& payload : frame.payloads) append_text(out, payload);
  return out;
}

Result<Frame> decode_frame(std::string_view bytes) {
  Frame frame;
  Reader reader(bytes);
  if (!read_frame(reader, frame)) return Error(ErrorCode::kCorrupt, "cluster: a frame is damaged");
  return frame;
}

}  // namespace mullion::cluster
