// Plays the power cut: every write of the data file is recorded, then the disk is rebuilt as it may look
// after a cut at each point. Writes since the last sync are lost, kept or torn by sectors; the store must
// open and hold every acknowledged batch and no half one.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "base/mutex.h"
#include "store/store_testing.h"
#include "store/system_calls_testing.h"

namespace mullion::store {
namespace {

struct Event {
  bool sync = false;
  bool synced_write = false;  // the descriptor was opened with O_DSYNC
  uint64_t offset = 0;
  std::string bytes;
};

/// Thread-safe. Hears of every write of the process, keeps those to one file.
class Recorder {
 public:
  void start(const env::Path& path) {
    Lock lock(mutex_);
    path_ = path.string();
    events_.clear();
  }
  std::vector<Event> stop() {
    Lock lock(mutex_);
    path_.clear();
    return std::move(events_);
  }
  size_t size() {
    Lock lock(mutex_);
    return events_.size();
  }
  void write(int file, off_t offset, std::string_view bytes) {
    Lock lock(mutex_);
    if (!is_ours(file)) return;
    const bool synced = (::fcntl(file, F_GETFL) & O_DSYNC) != 0;
    events_.push_back({false, synced, static_cast<uint64_t>(offset), std::string(bytes)});
  }
  void sync(int file) {
    Lock lock(mutex_);
    if (is_ours(file)) events_.push_back({true, false, 0, {}});
    if (tells_steps_) steps_.push_back("sync " + path_of(file).string());
  }
  void rename(const char* to) {
    Lock lock(mutex_);
    if (tells_steps_) steps_.push_back(std::string("rename ") + to);
  }
  void tell_steps(bool tells) {
    Lock lock(mutex_);
    tells_steps_ = tells;
    steps_.clear();
  }
  std::vector<std::string> steps() {
    Lock lock(mutex_);
    return steps_;
  }

 private:
  static env::Path path_of(int file) {
    std::error_code failure;
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), failure);
  }
  bool is_ours(int file) const REQUIRES(mutex_) { return !path_.empty() && path_of(file) == path_; }

  Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_);
  std::vector<Event> events_ GUARDED_BY(mutex_);
  bool tells_steps_ GUARDED_BY(mutex_) = false;
  std::vector<std::string> steps_ GUARDED_BY(mutex_);
};

Recorder& recorder() {
  static Recorder one;
  return one;
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// What a write of `size` bytes takes.
size_t size_taken(size_t size) { return system_call_faults().short_writes ? size / 2 : size; }

void live_or_end() {
  std::atomic<long>& left = system_call_faults().calls_to_live;
  if (left >= 0 && --left < 0) ::_exit(0);
}

}  // namespace

SystemCallFaults& system_call_faults() {
  static SystemCallFaults one;
  return one;
}

DiskSteps::DiskSteps() { recorder().tell_steps(true); }
DiskSteps::~DiskSteps() { recorder().tell_steps(false); }
std::vector<std::string> DiskSteps::taken() const { return recorder().steps(); }

}  // namespace mullion::store

// The database library calls these instead of the C library's: the program's own symbols come first.
extern "C" {

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  static const auto next = mullion::store::real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  mullion::store::live_or_end();
  const ssize_t done = next(file, bytes, mullion::store::size_taken(size), offset);
  if (done > 0) {
    mullion::store::recorder().write(file, offset,
                                     {static_cast<const char*>(bytes), static_cast<size_t>(done)});
  }
  return done;
}

ssize_t writev(int file, const iovec* pieces, int count) {
  static const auto next = mullion::store::real<ssize_t (*)(int, const iovec*, int)>("writev");
  const off_t offset = ::lseek(file, 0, SEEK_CUR);
  mullion::store::live_or_end();
  const bool all = mullion::store::size_taken(2) == 2 || count < 2;
  const ssize_t done = next(file, pieces, all ? count : count / 2);
  if (done <= 0 || offset < 0) return done;
  std::string bytes;
  for (int i = 0; i < count; ++i)
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  bytes.resize(static_cast<size_t>(done));
  mullion::store::recorder().write(file, offset, bytes);
  return done;
}

ssize_t write(int file, const void* bytes, size_t size) {
  static const auto next = mullion::store::real<ssize_t (*)(int, const void*, size_t)>("write");
  mullion::store::live_or_end();
  return next(file, bytes, size);
}

int rename(const char* from, const char* to) {
  static const auto next = mullion::store::real<int (*)(const char*, const char*)>("rename");
  mullion::store::live_or_end();
  const int done = next(from, to);
  if (done == 0) mullion::store::recorder().rename(to);
  return done;
}

int fdatasync(int file) {
  static const auto next = mullion::store::real<int (*)(int)>("fdatasync");
  mullion::store::live_or_end();
  const int done = next(file);
  if (done == 0) mullion::store::recorder().sync(file);
  return done;
}

int fsync(int file) {
  static const auto next = mullion::store::real<int (*)(int)>("fsync");
  mullion::store::live_or_end();
  const int done = next(file);
  if (done == 0) mullion::store::recorder().sync(file);
  return done;
}

}  // extern "C"

namespace mullion::store {
namespace {

/// A disk that may lose what was not synced.
class Disk {
 public:
  enum class Loss { kAll, kNothing, kSomeSectors };

  explicit Disk(std::string content) : durable_(std::move(content)) {}

  void take(const Event& event) {
    if (event.sync) {
      for (const Event* write : pending_) put(durable_, write->offset, write->bytes);
      pending_.clear();
    } else if (event.synced_write) {
      put(durable_, event.offset, event.bytes);
    } else {
      pending_.push_back(&event);
    }
  }

  bool unsynced() const { return !pending_.empty(); }

  std::string after_cut(Loss loss, std::mt19937& random) const {
    constexpr size_t kSector = 512;
    std::string out = durable_;
    for (const Event* write : pending_) {
      for (size_t at = 0; at < write->bytes.size(); at += kSector) {
        const bool kept = loss == Loss::kNothing || (loss == Loss::kSomeSectors && random() % 2 == 0);
        if (kept) put(out, write->offset + at, std::string_view(write->bytes).substr(at, kSector));
      }
    }
    return out;
  }

 private:
  static void put(std::string& content, uint64_t offset, std::string_view bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    content.replace(offset, bytes.size(), bytes);
  }

  std::string durable_;
  std::vector<const Event*> pending_;
};

struct Acknowledgement {
  size_t events;  // recorded when it was given
  uint64_t number;
};

Options small_options(const env::Path& directory) {
  Options options = options_in(directory);
  options.map_size = 64 << 20;
  options.log_max_bytes = 40'000;  // trimmed pages are used again
  return options;
}

/// Writes numbered batches, several at a time, and tells when each was acknowledged.
std::vector<Acknowledgement> write_batches(Store& store, uint64_t count) {
  std::vector<Acknowledgement> out;
  for (uint64_t number = 1; number <= count;) {
    const uint64_t together = number % 4 + 1;
    for (uint64_t i = 0; i < together; ++i, ++number) {
      store.commit(numbered_batch(number), [&out, number](const Result<Committed>& result) {
        EXPECT_TRUE(result.ok());
        out.push_back({recorder().size(), number});
      });
    }
    must_commit(store, Batch());  // answers after the others
  }
  return out;
}

void expect_whole(const std::string& image, uint64_t acknowledged) {
  const TempDirectory directory;
  std::ofstream(directory.path() / "data.mdb", std::ios::binary) << image;
  const std::unique_ptr<Store> store = must_open(small_options(directory.path()));
  ASSERT_NE(store, nullptr);
  const std::vector<uint64_t> found = whole_batches(*store->snapshot());
  ASSERT_GE(found.size(), acknowledged) << "an acknowledged batch is lost";
  for (size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], i + 1);
  must_commit(*store, numbered_batch(found.size() + 1));  // and it goes on
  ASSERT_EQ(whole_batches(*store->snapshot()).size(), found.size() + 1);
}

TEST(PowerCut, AcknowledgedBatchesSurviveEveryCut) {
  const TempDirectory directory;
  must_open(small_options(directory.path())).reset();
  const env::Path file = directory.path() / "data.mdb";
  Disk disk(*env::read_file(file));

  std::unique_ptr<Store> store = must_open(small_options(directory.path()));
  recorder().start(file);
  const std::vector<Acknowledgement> acknowledged = write_batches(*store, 50);
  store.reset();
  const std::vector<Event> events = recorder().stop();
  ASSERT_GE(acknowledged.size(), 50u);

  std::mt19937 random(11);
  size_t next = 0, torn = 0;
  uint64_t promised = 0;
  for (size_t i = 0; i < events.size() && !::testing::Test::HasFailure(); ++i) {
    disk.take(events[i]);
    while (next < acknowledged.size() && acknowledged[next].events <= i + 1)
      promised = acknowledged[next++].number;
    SCOPED_TRACE(fmt::format("cut after write {} of {}", i + 1, events.size()));
    expect_whole(disk.after_cut(Disk::Loss::kAll, random), promised);
    if (!disk.unsynced()) continue;
    ++torn;
    expect_whole(disk.after_cut(Disk::Loss::kSomeSectors, random), promised);
    expect_whole(disk.after_cut(Disk::Loss::kNothing, random), promised);
  }
  EXPECT_GT(torn, 20u) << "nothing was recorded between syncs";
  EXPECT_EQ(next, acknowledged.size());
}

TEST(PowerCut, EveryCommitIsSyncedBeforeItsAnswer) {
  const TempDirectory directory;
  const std::unique_ptr<Store> store = must_open(small_options(directory.path()));
  recorder().start(directory.path() / "data.mdb");
  for (uint64_t number = 1; number <= 5; ++number) {
    const size_t before = recorder().size();
    must_commit(*store, numbered_batch(number));
    EXPECT_GE(recorder().size(), before + 3) << "pages, their sync, and the page that makes them count";
  }
  const std::vector<Event> events = recorder().stop();
  EXPECT_GE(std::ranges::count_if(events, [](const Event& event) { return event.sync; }), 5);
  EXPECT_TRUE(events.back().synced_write || events.back().sync);
}

}  // namespace
}  // namespace mullion::store
