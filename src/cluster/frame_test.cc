#include "cluster/frame.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

Frame full_frame() {
  Frame out;
  out.kind = FrameKind::kMessage;
  out.from = 3;
  out.standing = {1, 2, 3, 4, 5};
  out.about = 6;
  out.number = 7;
  out.message = "core";
  out.payloads = {"one", "", std::string("t\0wo", 4)};
  return out;
}

void expect_equal(const Frame& one, const Frame& other) {
  EXPECT_EQ(one.kind, other.kind);
  EXPECT_EQ(one.from, other.from);
  EXPECT_EQ(one.standing, other.standing);
  EXPECT_EQ(one.about, other.about);
  EXPECT_EQ(one.number, other.number);
  EXPECT_EQ(one.message, other.message);
  EXPECT_EQ(one.payloads, other.payloads);
}

TEST(PeerFrame, IsReadBackWhole) {
  for (const FrameKind kind : {FrameKind::kHello, FrameKind::kWelcome, FrameKind::kAmnesia,
                               FrameKind::kMessage, FrameKind::kRemoved, FrameKind::kCopied}) {
    Frame frame = full_frame();
    frame.kind = kind;
    const Result<Frame> again = decode_frame(encode_frame(frame));
    ASSERT_TRUE(again.ok());
    expect_equal(*again, frame);
  }
}

TEST(PeerFrame, EveryCutAndEverythingBehindItIsNoticed) {
  const std::string bytes = encode_frame(full_frame());
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_FALSE(decode_frame(std::string_view(bytes).substr(0, i)).ok()) << i;
  EXPECT_FALSE(decode_frame(bytes + '\0').ok());
}

TEST(PeerFrame, OfNobodyOrOfAnUnknownKindIsRefused) {
  Frame frame = full_frame();
  frame.from = 0;
  EXPECT_FALSE(decode_frame(encode_frame(frame)).ok());
  std::string bytes = encode_frame(full_frame());
  for (const char kind : {'\0', '\7', '\xff'}) {
    bytes[0] = kind;
    EXPECT_FALSE(decode_frame(bytes).ok()) << int(kind);
  }
}

/// Numbers in it say how much follows: none of them may make the reader take more than there is.
TEST(PeerFrame, LengthsThatAreTooLargeTakeNoMemory) {
  const std::string bytes = encode_frame(full_frame());
  const size_t head = 1 + 8 * 8;
  const size_t of_message = head, of_payloads = head + 4 + 4, of_first = of_payloads + 4;
  for (const size_t place : {of_message, of_payloads, of_first}) {
    std::string wrong = bytes;
    wrong.replace(place, 4, "\xff\xff\xff\xff");
    EXPECT_FALSE(decode_frame(wrong).ok()) << place;
  }
}

TEST(PeerFrame, AnyChangedByteIsAnotherFrameOrNone) {
  const std::string bytes = encode_frame(full_frame());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x15);
    const Result<Frame> read = decode_frame(changed);
    if (read.ok()) EXPECT_EQ(encode_frame(*read), changed) << i;
  }
}

}  // namespace
}  // namespace mullion::cluster
