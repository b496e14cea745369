#include "cluster/internal/returning.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cluster/internal/own_members.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "net/peer_key.h"

namespace mullion::cluster {
namespace {

class Returning : public ::testing::Test {
 protected:
  Returning() {
    EXPECT_TRUE(env::make_directories(places_.journal(), 0700).ok());
    write(places_.journal() / "data.mdb", "damaged");
    write(places_.known_files(), "files/a");
    write(places_.fetched() / "data.mdb", "of before");
    EXPECT_TRUE(std::move(net::PeerKey::make()).value().store(places_.key()).ok());
  }
  static void write(const env::Path& file, const std::string& text) {
    EXPECT_TRUE(env::make_directories(file.parent_path(), 0700).ok());
    EXPECT_TRUE(env::write_file_atomic(file, text, 0600).ok());
  }
  static Admission admission() {
    Roster roster{"site", 5, {{4, "id", std::string(64, '9'), "127.0.0.1:1", "", false, false}}};
    return {4, "site", encode_roster(roster)};
  }
  void expect_another_member(const std::string& key) {
    EXPECT_FALSE(is_returning(places_));
    const Result<OwnMembers> own = read_members(places_);
    ASSERT_TRUE(own.ok()) << own.error().text();
    EXPECT_EQ(own->number, 4U);
    EXPECT_EQ(net::PeerKey::load(places_.key())->public_key(), key);
    EXPECT_FALSE(std::filesystem::exists(places_.journal())) << "what was promised is not its own any more";
    EXPECT_FALSE(std::filesystem::exists(places_.fetched())) << "a copy for another member";
    EXPECT_EQ(*env::read_file(places_.set_aside()), kDropped);
    EXPECT_EQ(*env::read_file(places_.known_files()), "files/a");
  }

  env::ScratchDirectory root_{env::Path(::testing::TempDir()) / ("returning-" + env::random_uuid())};
  Places places_{root_.path()};
};

TEST_F(Returning, IsAnotherMemberFromTheNextStartOn) {
  const std::string old = net::PeerKey::load(places_.key())->public_key();
  EXPECT_FALSE(is_returning(places_));
  const std::string key = *prepare_return(places_);
  EXPECT_NE(key, old);
  EXPECT_EQ(*prepare_return(places_), key) << "as often as it asks";
  EXPECT_TRUE(is_returning(places_));
  ASSERT_TRUE(finish_return(places_).ok());
  EXPECT_TRUE(is_returning(places_)) << "nothing is changed before it is admitted";
  EXPECT_EQ(net::PeerKey::load(places_.key())->public_key(), old);
  ASSERT_TRUE(settle_return(places_, admission()).ok());
  ASSERT_TRUE(finish_return(places_).ok());
  expect_another_member(key);
  ASSERT_TRUE(finish_return(places_).ok()) << "and nothing at the start after that";
  expect_another_member(key);
}

/// The steps of finish_return() that a crash may come between.
TEST_F(Returning, GoesOnAfterACrash) {
  const std::string key = *prepare_return(places_);
  ASSERT_TRUE(settle_return(places_, admission()).ok());
  std::filesystem::rename(places_.known_files(), places_.returning() / "known-files");
  ASSERT_TRUE(env::remove_tree(places_.own()).ok());
  ASSERT_TRUE(finish_return(places_).ok());
  expect_another_member(key);
}

TEST_F(Returning, ARosterThatCannotBeReadChangesNothing) {
  ASSERT_TRUE(prepare_return(places_).ok());
  EXPECT_FALSE(settle_return(places_, {4, "site", "?"}).ok());
  ASSERT_TRUE(finish_return(places_).ok());
  EXPECT_TRUE(std::filesystem::exists(places_.journal()));
}

}  // namespace
}  // namespace mullion::cluster
