// Bodies at rest: nothing is lost, and no damage goes unnoticed.
#include "store/internal/codec.h"

#include <gmock/gmock.h>
#include <zstd.h>

#include <cstring>

namespace mullion::store::internal {
namespace {

std::string machine(int number) {
  return R"({"Name":"node-)" + std::to_string(number) + R"(","Address":"10.0.0.)" +
         std::to_string(number % 250) + R"(","Params":{"inventory/cores":)" +
         std::to_string(number * 7 % 64) + R"(,"inventory/vendor":"Dell Inc."}})";
}

class CodecTest : public ::testing::Test {
 protected:
  void train() {
    std::vector<std::string> samples;
    for (int i = 0; i < 1000; ++i) samples.push_back(machine(i));
    const std::string dictionary = Codec::train(samples);
    ASSERT_FALSE(dictionary.empty());
    codec_.add_dictionary(1, "machines", dictionary);
  }

  Codec codec_;
};

TEST_F(CodecTest, GivesBackWhatItTook) {
  const std::string large(3 << 20, 'x');
  for (int round = 0; round < 2; ++round) {
    for (const std::string& body : {std::string(), machine(7), large, machine(8)}) {
      EXPECT_EQ(*codec_.decompress(codec_.compress("machines", body)), body);
    }
    train();
  }
  EXPECT_LT(codec_.compress("machines", machine(9)).size(), codec_.compress("jobs", machine(9)).size());
}

TEST_F(CodecTest, EveryFlippedBitIsNoticed) {
  train();
  for (const char* type : {"machines", "jobs"}) {
    const std::string good = codec_.compress(type, machine(7));
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      const Result<std::string> read = codec_.decompress(bad);
      ASSERT_FALSE(read.ok()) << "bit " << bit;
      EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    }
    for (size_t size = 0; size < good.size(); ++size) {
      EXPECT_FALSE(codec_.decompress(std::string_view(good).substr(0, size)).ok()) << size << " bytes";
    }
  }
}

TEST_F(CodecTest, ReadsWhatEarlierProgramsWrote) {
  const std::string body = machine(7);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string old(5 + ZSTD_compressBound(body.size()), '\0');
  old[0] = 1;
  old.resize(5 + ZSTD_compress2(context, &old[5], old.size() - 5, body.data(), body.size()));
  ZSTD_freeCCtx(context);
  EXPECT_EQ(*codec_.decompress(old), body);
  old.back() = static_cast<char>(old.back() ^ 1);
  EXPECT_FALSE(codec_.decompress(old).ok());
}

TEST_F(CodecTest, UnknownDictionariesAreAnError) {
  train();
  const std::string value = codec_.compress("machines", machine(7));
  EXPECT_EQ(Codec().decompress(value).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace mullion::store::internal
