#include "cluster/database_check.h"

#include <gmock/gmock.h>

#include "store/store_testing.h"

namespace mullion::cluster {
namespace {

using store::must_commit;
using store::must_open;
using store::noise;
using store::options_in;
using store::put;
using store::TempDirectory;

Result<void> check(const store::Store& store) {
  return check_database(store, [](uint64_t) { return true; });
}

TEST(DatabaseCheck, ReadsEverything) {
  const TempDirectory directory;
  const auto store = must_open(options_in(directory.path()));
  EXPECT_TRUE(check(*store).ok()) << "an empty one";
  for (uint64_t i = 1; i < 5; ++i) must_commit(*store, store::numbered_batch(i));
  uint64_t bytes = 0;
  EXPECT_TRUE(check_database(*store, [&](uint64_t read) {
                bytes += read;
                return true;
              }).ok());
  EXPECT_GT(bytes, 10'000U);
  EXPECT_EQ(check_database(*store, [](uint64_t) { return false; }).error().code, ErrorCode::kCancelled);
}

TEST(DatabaseCheck, FindsAFlippedBit) {
  const TempDirectory directory;
  const std::string large = noise(50'000);
  must_commit(*must_open(options_in(directory.path())),
              {put("jobs", "large", large), put("jobs", "b", "fine")});
  const env::Path file = directory.path() / "data.mdb";
  std::string bytes = *env::read_file(file);
  const std::string middle = large.substr(20'000, 100);
  for (size_t at = bytes.find(middle); at != std::string::npos; at = bytes.find(middle, at + 1))
    bytes[at + 50] = static_cast<char>(bytes[at + 50] ^ 1);
  ASSERT_TRUE(env::write_file_atomic(file, bytes, 0600).ok());
  const Result<void> checked = check(*must_open(options_in(directory.path())));
  ASSERT_FALSE(checked.ok());
  EXPECT_EQ(checked.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace mullion::cluster
