// Members with trees of their own and one database, lines that do as a test says.
#include "cluster/file_keeper.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/mutex.h"
#include "env/launch.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "env/sha256.h"
#include "env/waiting_testing.h"

namespace mullion::cluster {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using files::FileRecord;

FileRecord file_of_text(std::string name, std::string_view text) {
  env::Sha256 hash;
  hash.add(text);
  return {std::move(name), text.size(), hash.hex(), true};
}

class Crew;

/// One member: its disk, what it says of itself, and how it reaches the others.
struct Mate final : FilePeers, FileHost {
  Mate(Crew& crew, MemberId own, env::Path place) : crew(crew), own(own), root(std::move(place)) {
    tree = files::make_followed_tree(root, root / "own" / "known");
  }
  ~Mate() override { stop(); }
  void start();
  void stop() {
    if (!keeper) return;
    keeper->end();
    keeper->stop();
    for (std::thread& thread : asked) thread.join();
    asked.clear();
    const Lock lock(mutex);
    keeper.reset();
  }
  /// For the others; null while it is away.
  std::shared_ptr<FileKeeper> giver() const {
    const Lock lock(mutex);
    return reachable ? keeper : nullptr;
  }

  Result<void> fetch(MemberId from, const FileBytes& wanted, files::PartialFile& into, uint64_t) override;
  void hold(MemberId to, std::vector<FileBytes> files, env::Duration,
            std::function<void(Result<void>)> done) override;
  bool serves() const override { return serving; }
  std::vector<FilePeer> peers() const override;
  void standing_changed() override {}

  void write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(env::make_directories((root / name).parent_path()).ok());
    ASSERT_TRUE(env::write_file_atomic(root / name, text).ok());
  }
  std::string read(const std::string& name) const {
    const Result<std::string> text = env::read_file(root / name);
    return text ? *text : "absent";
  }
  bool complete() const { return keeper->standing().missing == 0 && !keeper->standing().revision.empty(); }

  Crew& crew;
  const MemberId own;
  const env::Path root;
  std::unique_ptr<files::FollowedTree> tree;
  mutable Mutex mutex;                 // held while `keeper` is changed, or read by another member
  std::shared_ptr<FileKeeper> keeper;  // the test changes it, under mutex
  std::vector<std::thread> asked;
  std::atomic<bool> serving{false};
  std::atomic<bool> reachable{true};
  std::atomic<bool> gives_garbage{false};
  std::atomic<int> cuts{0};        // so many of its answers end after a byte
  std::atomic<uint64_t> given{0};  // bytes
};

class Crew : public ::testing::Test {
 public:
  Crew() {
    for (MemberId number = 1; number <= 3; ++number)
      mates_.push_back(std::make_unique<Mate>(*this, number, root_.path() / fmt::format("m{}", number)));
    one().serving = true;
  }
  Mate& mate(MemberId number) { return *mates_.at(number - 1); }
  Mate& one() { return mate(1); }
  Mate& two() { return mate(2); }
  Mate& three() { return mate(3); }
  std::vector<std::unique_ptr<Mate>>& mates() { return mates_; }
  store::Store& store() { return *store_; }
  bool alone_is_enough = false;

 protected:
  ~Crew() override {
    for (auto& mate : mates_) mate->stop();
  }
  void start_all() {
    for (auto& mate : mates_) mate->start();
    wait_listed();
  }
  void wait_listed() {
    EXPECT_TRUE(env::eventually([this] {
      return store_->snapshot()->secret(files::kFileState, "listed").has_value() && one().complete();
    }));
  }
  /// As an upload does it: aside, held by a majority, agreed on, in its place.
  Result<void> upload(const std::string& name, const std::string& text) {
    const FileRecord record = file_of_text(name, text);
    const env::Path aside = one().root / fmt::format("aside-{:016x}", env::random_id());
    EXPECT_TRUE(env::write_file_atomic(aside, text).ok());
    std::vector<files::OfferedFile> offers;
    offers.push_back({record, aside});
    Result<void> done = env::run(runtime_, one().keeper->hold(std::move(offers)));
    if (done) done = one().keeper->commit({{record}, {}});
    fs::remove(aside);
    return done;
  }
  void wait_for(const Mate& mate, const std::string& name, const std::string& text) {
    EXPECT_TRUE(env::eventually([&] { return mate.read(name) == text; })) << name << ": " << mate.read(name);
  }

  env::ScratchDirectory root_{fs::temp_directory_path() / ("mullion-keeper-" + env::random_uuid())};
  env::Runtime runtime_{1};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::vector<std::unique_ptr<Mate>> mates_;
};

void Mate::start() {
  KeeperOptions options;
  options.alone_is_enough = crew.alone_is_enough;
  options.look_pause = 5ms;
  options.full_look_pause = 50ms;
  options.check_pause = 50ms;
  auto made = make_file_keeper(crew.store(), *tree, *this, *this, env::system_clock(), options);
  made->start();
  const Lock lock(mutex);
  keeper = std::move(made);
}

Result<void> Mate::fetch(MemberId from, const FileBytes& wanted, files::PartialFile& into, uint64_t) {
  Mate& giver = crew.mate(from);
  const std::shared_ptr<FileKeeper> asked_one = giver.giver();
  if (!asked_one) return Error(ErrorCode::kUnreachable, "away");
  const Result<env::Path> path = asked_one->file_of(wanted);
  if (!path) return path.error();
  std::string bytes = env::read_file(*path).value().substr(into.size());
  if (giver.gives_garbage) bytes.assign(bytes.size(), '?');
  const bool cut = giver.cuts > 0 && giver.cuts-- > 0;
  if (cut) bytes.resize(1);
  giver.given += bytes.size();
  if (Result<void> written = into.write(bytes); !written) return written;
  return cut ? Result<void>(Error(ErrorCode::kUnreachable, "cut")) : Result<void>();
}

void Mate::hold(MemberId to, std::vector<FileBytes> files, env::Duration,
                std::function<void(Result<void>)> done) {
  std::shared_ptr<FileKeeper> asked_one = crew.mate(to).giver();
  if (!asked_one) return done(Error(ErrorCode::kUnreachable, "away"));
  asked.emplace_back([this, asked_one, files = std::move(files), done = std::move(done)] {
    done(asked_one->keep(own, files));
  });
}

std::vector<FilePeer> Mate::peers() const {
  std::vector<FilePeer> out;
  for (const auto& mate : crew.mates()) {
    if (mate->own != own)
      out.push_back({mate->own, true, mate->reachable.load(), mate->serving.load(), !mate->serving.load()});
  }
  return out;
}

TEST_F(Crew, AnUploadReachesEveryMember) {
  start_all();
  ASSERT_TRUE(upload("files/d/a", "hello").ok());
  for (const auto& mate : mates_) wait_for(*mate, "files/d/a", "hello");
  ASSERT_TRUE(upload("files/d/a", "hello again").ok());
  for (const auto& mate : mates_) wait_for(*mate, "files/d/a", "hello again");
  EXPECT_EQ(one().keeper->find("files/d/a")->size, 11U);
  EXPECT_TRUE(
      env::eventually([this] { return one().keeper->names("files/") == std::vector<std::string>{"d/a"}; }));
}

TEST_F(Crew, AMajorityIsEnoughAndLessIsRefused) {
  start_all();
  three().reachable = false;
  ASSERT_TRUE(upload("files/a", "hello").ok());
  two().reachable = false;
  const Result<void> refused = upload("files/b", "hello you");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().status(), 503);
  EXPECT_FALSE(one().keeper->find("files/b"));
  EXPECT_FALSE(one().tree->holds(file_of_text("files/b", "hello you").sha256));
}

TEST_F(Crew, WhereOneIsEnoughAnUploadWaitsForNobody) {
  alone_is_enough = true;
  start_all();
  two().reachable = three().reachable = false;
  ASSERT_TRUE(upload("files/a", "hello").ok());
  EXPECT_TRUE(one().keeper->find("files/a"));
  two().reachable = three().reachable = true;
  for (const auto& mate : mates_) wait_for(*mate, "files/a", "hello");
}

TEST_F(Crew, AMemberThatWasAwayCatchesUp) {
  one().start();
  two().start();
  wait_listed();
  ASSERT_TRUE(upload("files/a", "hello").ok());
  ASSERT_TRUE(upload("isos/b", "a longer one").ok());
  three().start();
  wait_for(three(), "files/a", "hello");
  wait_for(three(), "isos/b", "a longer one");
  EXPECT_TRUE(env::eventually([this] { return three().complete(); }));
}

TEST_F(Crew, ATornTransferIsGoneOnWith) {
  one().start();
  two().start();
  wait_listed();
  ASSERT_TRUE(upload("files/a", "hello").ok());
  wait_for(two(), "files/a", "hello");
  const uint64_t before = one().given + two().given;
  one().cuts = two().cuts = 2;
  three().start();
  wait_for(three(), "files/a", "hello");
  EXPECT_EQ(one().given + two().given - before, 5U);
}

TEST_F(Crew, WhoGivesOtherBytesIsNotBelieved) {
  one().start();
  two().start();
  wait_listed();
  ASSERT_TRUE(upload("files/a", "hello").ok());
  wait_for(two(), "files/a", "hello");
  two().gives_garbage = true;  // it is asked first, since it does not serve
  three().start();
  wait_for(three(), "files/a", "hello");
  EXPECT_GT(two().given, 0U);
}

TEST_F(Crew, ADeletionFollowsAlsoToWhoWasAway) {
  start_all();
  ASSERT_TRUE(upload("files/a", "hello").ok());
  for (const auto& mate : mates_) wait_for(*mate, "files/a", "hello");
  three().stop();
  ASSERT_TRUE(one().keeper->commit({{}, {"files/a"}}).ok());
  wait_for(one(), "files/a", "absent");
  wait_for(two(), "files/a", "absent");
  three().write("files/by-hand", "mine");
  EXPECT_EQ(three().read("files/a"), "hello");
  three().start();
  wait_for(three(), "files/a", "absent");
  EXPECT_EQ(three().read("files/by-hand"), "mine");  // nobody ever agreed on it
}

TEST_F(Crew, AFileThatGetsAnotherNameIsNotSentAgain) {
  start_all();
  ASSERT_TRUE(upload("files/z", "hello").ok());
  for (const auto& mate : mates_) wait_for(*mate, "files/z", "hello");
  uint64_t before = 0, after = 0;
  for (const auto& mate : mates_) before += mate->given;
  for (const auto& mate : mates_) mate->reachable = false;  // nobody could give it
  ASSERT_TRUE(one().keeper->commit({{file_of_text("files/a", "hello")}, {"files/z"}}).ok());
  for (const auto& mate : mates_) {
    wait_for(*mate, "files/a", "hello");
    wait_for(*mate, "files/z", "absent");
    after += mate->given;
  }
  EXPECT_EQ(after, before);
}

TEST_F(Crew, WhatTheFirstMemberHadIsSharedAndWhatOthersHadIsSetAside) {
  one().write("files/old", "of the first");
  two().write("files/old", "of another life");
  two().write("isos/older", "of another life");
  start_all();
  wait_for(two(), "files/old", "of the first");
  wait_for(two(), "isos/older", "absent");
  wait_for(three(), "files/old", "of the first");
  EXPECT_EQ(one().read("files/old"), "of the first");
  size_t aside = 0;
  for (const auto& entry : fs::recursive_directory_iterator(two().root)) {
    const bool beside = entry.path().string().find("before-cluster") != std::string::npos;
    if (beside && entry.is_regular_file()) aside += env::read_file(entry.path()).value() == "of another life";
  }
  EXPECT_EQ(aside, 2U);
}

TEST_F(Crew, DamageOnADiskIsFoundByItsChecksumAndRepaired) {
  start_all();
  ASSERT_TRUE(upload("files/a", "hello").ok());
  for (const auto& mate : mates_) wait_for(*mate, "files/a", "hello");
  const env::Path path = two().root / "files/a";
  const auto time = fs::last_write_time(path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.put('j');
  }
  fs::last_write_time(path, time);  // the disk changed it, nobody else
  wait_for(two(), "files/a", "hello");
}

TEST_F(Crew, ListenersHearOfWhatComesAndGoes) {
  start_all();
  Mutex mutex;  // of `told`
  std::multiset<std::string> told;
  two().keeper->set_listener([&](const std::string& name) {
    const Lock lock(mutex);
    told.insert(name);
  });
  ASSERT_TRUE(upload("files/a", "hello").ok());
  wait_for(two(), "files/a", "hello");
  ASSERT_TRUE(one().keeper->commit({{}, {"files/a"}}).ok());
  EXPECT_TRUE(env::eventually([&] {
    const Lock lock(mutex);
    return told.count("files/a") == 2;
  }));
  two().keeper->set_listener(nullptr);
}

}  // namespace
}  // namespace mullion::cluster
