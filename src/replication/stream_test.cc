// Source and sink together, over a real socket.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/mutex.h"
#include "env/scratch_directory.h"
#include "env/waiting_testing.h"
#include "net/net_testing.h"
#include "replication/internal/digests.h"
#include "replication/sink.h"
#include "replication/source.h"

namespace mullion::replication {
namespace {

using env::eventually;
using namespace std::chrono_literals;

std::string body(int number, size_t size = 100) {
  return fmt::format(R"({{"Name":"m{}","Description":"{}"}})", number, std::string(size, 'd'));
}

/// An endpoint: a store and its source behind a port. Owners named in `passes_on` are announced as well.
class Node {
 public:
  Node(env::Runtime& runtime, std::string id,
       std::unique_ptr<store::Store> given = store::open_memory_store())
      : id_(std::move(id)), store_(std::move(given)) {
    SourceOptions options{*store_,
                          id_,
                          "v1",
                          {},
                          [this] { return make_state(); },
                          [this] { return announced(); },
                          env::system_clock(),
                          env::system_timers()};
    source_ = std::make_unique<Source>(runtime, std::move(options));
    net::ListenOptions listen;
    listen.address = "127.0.0.1";
    server_ = std::move(
        *net::listen(runtime, std::move(listen), [this](net::Request& request) { return answer(request); }));
    runtime_ = &runtime;
  }
  ~Node() {
    env::run(*runtime_, [this]() -> env::Task<bool> {
      co_await server_->stop(0s);
      co_await source_->stop();
      co_return true;
    });
  }

  store::Store& store() { return *store_; }
  const std::string& id() const { return id_; }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  Source& source() { return *source_; }
  void tell_state(std::string state) {
    {
      Lock lock(mutex_);
      state_ = std::move(state);
    }
    source_->state_changed();
  }
  std::atomic<int> states_made{0};
  void pass_on(std::string owner, double age = 0) {
    {
      Lock lock(mutex_);
      passes_on_.push_back({std::move(owner), {id_}, true, age, ""});
    }
    source_->owners_changed();
  }

  /// Machines with the keys 10000 to 10000 + count, in one commit.
  void fill(int count, size_t size) {
    store::Batch batch;
    for (int i = 0; i < count; ++i)
      batch.changes.emplace_back() = {{"machines", "", std::to_string(10000 + i)}, body(i, size)};
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void put(const std::string& type, const std::string& key, std::optional<std::string> body) {
    store::Batch batch;
    batch.changes.emplace_back() = {{type, "", key}, std::move(body)};
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }

 private:
  std::string make_state() {
    ++states_made;
    Lock lock(mutex_);
    return state_;
  }
  std::vector<Announcement> announced() {
    Lock lock(mutex_);
    return passes_on_;
  }
  env::Task<net::Response> answer(net::Request& request) {
    store::Cursor resume;
    resume.epoch = std::strtoull(std::string(request.query_value("epoch").value_or("")).c_str(), nullptr, 16);
    resume.seq = std::strtoull(std::string(request.query_value("seq").value_or("")).c_str(), nullptr, 10);
    net::Response response;
    response.upgrade = [this, resume](std::shared_ptr<net::WebSocket> socket) {
      return source_->serve(std::move(socket), resume);
    };
    co_return response;
  }

  std::string id_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<net::Server> server_;
  env::Runtime* runtime_ = nullptr;
  Mutex mutex_;
  std::vector<Announcement> passes_on_ GUARDED_BY(mutex_);
  std::string state_ GUARDED_BY(mutex_) = R"({"info":{"os":"linux"}})";
};

/// A manager's side: follows everything that a node announces, until told to stop.
class Follower {
 public:
  Follower(env::Runtime& runtime, Node& from, Node& into) : runtime_(runtime), from_(from), into_(into) {}
  ~Follower() { stop(); }

  void start() {
    net::ClientOptions options;
    options.base_url = from_.url();
    client_ = std::move(*net::make_client(runtime_, std::move(options)));
    tasks_ = std::make_unique<env::TaskGroup>(runtime_.executor(), "follower");
    SinkOptions sink{into_.store(),
                     *tasks_,
                     into_.id(),
                     "v1",
                     from_.id(),
                     counters,
                     [this](std::vector<Announcement> owners) { subscribe(owners); },
                     [this](model::EndpointState state) {
                       Lock lock(mutex_);
                       state_ = model::message_text(state);
                     },
                     [this](bool current) { current_ = current; },
                     env::system_clock(),
                     env::system_timers()};
    sink_ = std::make_unique<Sink>(std::move(sink),
                                   load_position(*into_.store().snapshot(), from_.id(), env::system_clock()));
    over_ = false;
    tasks_->spawn("sink", [this]() -> env::Task<void> {
      auto socket = co_await client_->connect_websocket(sink_->target(), net::Headers());
      if (socket) {
        set_socket(*socket);
        co_await sink_->run(*socket);
      }
      over_ = true;
    });
  }
  /// Cuts the connection and waits until everything received is stored.
  void stop() {
    if (!sink_) return;
    EXPECT_TRUE(eventually([this] { return socket() != nullptr || over_; }));
    if (const auto open = socket()) open->abort();
    EXPECT_TRUE(eventually([this] { return over_.load(); }));
    set_socket(nullptr);
    tasks_->stop();
    sink_.reset();
  }
  bool equal(const std::string& owner) {
    const auto here = owner_digests(*into_.store().snapshot(), owner, owner);
    const std::string stored = owner == from_.id() ? "" : owner;
    // Each store counts its types in the order in which it met them.
    return differing_types(here, owner_digests(*from_.store().snapshot(), stored, owner)).empty();
  }
  /// Seconds; absent: not known.
  std::optional<double> age(const std::string& owner) {
    const auto as_of = sink_->as_of(owner);
    if (!as_of) return std::nullopt;
    return std::chrono::duration<double>(env::system_clock().steady() - *as_of).count();
  }
  bool equal() { return current_ && equal(from_.id()); }
  std::string state() {
    Lock lock(mutex_);
    return state_;
  }
  SinkCounters counters;

 private:
  std::shared_ptr<net::WebSocket> socket() {
    Lock lock(mutex_);
    return socket_;
  }
  void set_socket(std::shared_ptr<net::WebSocket> socket) {
    Lock lock(mutex_);
    socket_ = std::move(socket);
  }
  void subscribe(const std::vector<Announcement>& owners) {
    std::vector<std::string> names;
    for (const Announcement& owner : owners) {
      if (owner.owner != into_.id()) names.push_back(owner.owner);
    }
    std::ranges::sort(names);
    sink_->subscribe(std::move(names));
  }

  env::Runtime& runtime_;
  Node& from_;
  Node& into_;
  std::unique_ptr<env::TaskGroup> tasks_;  // a stopped group starts nothing any more
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<Sink> sink_;
  std::shared_ptr<net::WebSocket> socket_;
  std::atomic<bool> over_{false};
  std::atomic<bool> current_{false};
  Mutex mutex_;
  std::string state_ GUARDED_BY(mutex_);
};

class Stream : public ::testing::Test {
 protected:
  void corrupt(const std::string& key, std::optional<std::string> wrong) {
    store::Batch batch;
    batch.changes.emplace_back() = {{"machines", "A", key}, std::move(wrong)};
    ASSERT_TRUE(manager_.store().commit_sync(std::move(batch)));
  }

  env::Runtime runtime_{2};
  Node leaf_{runtime_, "A"};
  Node manager_{runtime_, "M"};
};

TEST_F(Stream, CopiesThenFollows) {
  leaf_.fill(1000, 100);
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.snapshots, 1U);
  EXPECT_EQ(follower.state(), R"({"info":{"os":"linux"}})");
  leaf_.put("machines", "10003", std::nullopt);
  leaf_.put("profiles", "new", R"({"Name":"new"})");
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.snapshots, 1U);
  EXPECT_EQ(follower.counters.mismatches, 0U);
  const auto view = manager_.store().snapshot();
  EXPECT_EQ(*view->get({"profiles", "A", "new"}), R"({"Name":"new"})");
  EXPECT_EQ(view->origin_cursor("A"), leaf_.store().newest());
}

TEST_F(Stream, ManyStatesAreOneASecondAndTheLastArrives) {
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal() && !follower.state().empty(); }));
  const int before = leaf_.states_made;
  for (int i = 0; i < 200; ++i) {
    leaf_.tell_state(fmt::format(R"({{"ux_version":"{}"}})", i));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_TRUE(eventually([&] { return follower.state() == R"({"ux_version":"199"})"; }));
  EXPECT_LE(leaf_.states_made - before, 5);
}

TEST_F(Stream, OnlyTheDifferenceAfterACut) {
  for (int i = 0; i < 200; ++i) leaf_.put("machines", std::to_string(i), body(i, 1000));
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  follower.stop();
  leaf_.put("machines", "7", body(8));
  const uint64_t before = follower.counters.bytes;
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.snapshots, 1U);
  EXPECT_LT(follower.counters.bytes - before, 3000U);
}

TEST_F(Stream, WhatStaysAtHomeDoesNotTravel) {
  leaf_.put("preferences", "secret-preference", R"({"Name":"a","Val":"b"})");
  store::Batch batch;
  batch.changes.emplace_back() = {{"users", "", "u"}, R"({"Name":"u","Secret":""})"};
  batch.secrets.push_back({"users", "u", "hash"});
  batch.changes.emplace_back() = {{"profiles", std::string(store::kLayered), "from-a-pack"}, "{}"};
  ASSERT_TRUE(leaf_.store().commit_sync(std::move(batch)));
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  const auto view = manager_.store().snapshot();
  EXPECT_TRUE(view->get({"users", "A", "u"}));
  EXPECT_FALSE(view->get({"preferences", "A", "secret-preference"}));
  EXPECT_FALSE(view->get({"profiles", "A", "from-a-pack"}));
  EXPECT_FALSE(view->secret("users", "u"));
}

TEST_F(Stream, ADifferenceIsNoticedAtTheNextCommitAndRepaired) {
  leaf_.fill(3000, 1000);
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  corrupt("10005", body(1));
  corrupt("12000", std::nullopt);
  corrupt("99999", body(2));
  EXPECT_FALSE(follower.equal());
  const uint64_t before = follower.counters.bytes;
  leaf_.put("machines", "20000", body(5));
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.mismatches, 1U);
  EXPECT_EQ(follower.counters.snapshots, 1U) << "no full copy";
  EXPECT_LT(follower.counters.bytes - before, 1000U * 1000) << "ranges, not everything";
}

TEST_F(Stream, AReplicaThatIsAllWrongIsCopiedAnew) {
  leaf_.fill(5000, 100);
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  for (int i = 0; i < 5000; i += 100) corrupt(std::to_string(10000 + i), body(-1));
  leaf_.put("machines", "20000", body(5));
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.snapshots, 2U);
}

TEST_F(Stream, ADifferenceIsFoundOnReconnectToo) {
  for (int i = 0; i < 10; ++i) leaf_.put("machines", std::to_string(i), body(i));
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  follower.stop();
  corrupt("5", body(50));
  leaf_.put("machines", "11", body(11));
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.mismatches, 1U);
}

TEST_F(Stream, AnotherServerUnderTheSameIdReplacesInOneCommit) {
  for (int i = 0; i < 100; ++i) leaf_.put("machines", std::to_string(i), body(i));
  Follower first(runtime_, leaf_, manager_);
  first.start();
  ASSERT_TRUE(eventually([&] { return first.equal(); }));
  first.stop();
  Node replaced(runtime_, "A");
  replaced.put("machines", "other", body(1));
  const auto feed = store::attach_feed(manager_.store(), "test", {.everything = true});
  Follower second(runtime_, replaced, manager_);
  second.start();
  ASSERT_TRUE(eventually([&] { return second.equal(); }));
  size_t replacing = 0;
  store::Cursor told;
  ASSERT_TRUE(eventually([&] {  // a feed hears of a commit after readers see it
    for (const auto& commit : feed->take().commits) {
      replacing += commit->changes.empty() ? 0 : 1;
      told = commit->cursor;
    }
    return told == manager_.store().newest();
  }));
  EXPECT_EQ(replacing, 1U);
  second.stop();
  replaced.put("machines", "one-more", body(2));
  second.start();
  ASSERT_TRUE(eventually([&] { return second.equal(); }));
  EXPECT_EQ(second.counters.snapshots, 1U) << "the place in its log is known now";
}

TEST_F(Stream, PingsProveHowOldReplicasAre) {
  Node top(runtime_, "T");
  Follower lower(runtime_, leaf_, manager_), upper(runtime_, manager_, top);
  leaf_.put("machines", "one", body(1));
  manager_.pass_on("A", 20);
  lower.start();
  upper.start();
  ASSERT_TRUE(eventually([&] { return lower.age("A") && upper.age("M") && upper.age("A"); }));
  EXPECT_LT(*lower.age("A"), 20);
  EXPECT_LT(*upper.age("M"), 20);
  EXPECT_GE(*upper.age("A"), 20) << "as old as the level below says, at least";
  EXPECT_FALSE(upper.age("X"));
}

TEST_F(Stream, WhatAnotherWayWroteIsNotTakenForItsOwn) {
  for (int i = 0; i < 10; ++i) leaf_.put("machines", std::to_string(i), body(i));
  Follower direct(runtime_, leaf_, manager_);
  direct.start();
  ASSERT_TRUE(eventually([&] { return direct.equal(); }));
  direct.stop();
  // The other way leads to a server that calls itself A too, and differs.
  Node between(runtime_, "R");
  Node impostor(runtime_, "A");
  impostor.put("machines", "forged", body(1));
  Follower below(runtime_, impostor, between), around(runtime_, between, manager_);
  between.pass_on("A");
  below.start();
  around.start();
  ASSERT_TRUE(eventually([&] { return below.equal() && around.equal("A"); }));
  around.stop();
  direct.start();
  EXPECT_TRUE(eventually([&] { return direct.equal(); }));
}

TEST_F(Stream, AWrongNameIsRefused) {
  Node stranger(runtime_, "X");
  SinkCounters counters;
  net::ClientOptions options;
  options.base_url = stranger.url();
  const auto client = std::move(*net::make_client(runtime_, std::move(options)));
  env::TaskGroup tasks(runtime_.executor(), "test");
  Sink sink({manager_.store(), tasks, "M", "v1", "A", counters, [](auto) {}, [](auto) {}, [](bool) {},
             env::system_clock(), env::system_timers()},
            {});
  const Error error = env::run(runtime_, [&]() -> env::Task<Error> {
    auto socket = co_await client->connect_websocket(sink.target(), net::Headers());
    co_return co_await sink.run(*socket);
  });
  tasks.stop();
  EXPECT_NE(error.text().find("calls itself X"), std::string::npos) << error.text();
}

TEST_F(Stream, AChainShowsTheLeafAtTheTop) {
  Node top(runtime_, "T");
  Follower lower(runtime_, leaf_, manager_), upper(runtime_, manager_, top);
  upper.start();
  for (int i = 0; i < 300; ++i) leaf_.put("machines", std::to_string(i), body(i));
  manager_.pass_on("A");  // announced before its copy is there
  lower.start();
  ASSERT_TRUE(eventually([&] { return lower.equal() && upper.equal("A"); }));
  for (int i = 0; i < 300; i += 3) leaf_.put("machines", std::to_string(i), std::nullopt);
  manager_.put("machines", "own", body(1));
  ASSERT_TRUE(eventually([&] { return lower.equal() && upper.equal("A") && upper.equal(); }));
  EXPECT_EQ(upper.counters.mismatches, 0U);
  EXPECT_EQ(top.store().snapshot()->origin_cursor("A"), leaf_.store().newest());
}

/// A sink that holds what it is given in memory, reads only as much as it is told to, and speaks of the
/// features it is given.
class HandSink {
 public:
  using Objects = std::map<std::pair<std::string, std::string>, std::string>;  // (type, key) -> body

  HandSink(env::Runtime& runtime, Node& from, std::vector<std::string> features)
      : runtime_(runtime), owner_(from.id()) {
    net::ClientOptions options;
    options.base_url = from.url();
    client_ = std::move(*net::make_client(runtime, std::move(options)));
    env::run(runtime, [&]() -> env::Task<bool> {
      auto socket = co_await client_->connect_websocket("/", net::Headers());
      socket_ = std::move(*socket);
      Record hello = Hello{kProtocol, "H", "v0", 7, 0, features};
      co_await send(std::move(hello));
      Record wanted = Subscribe{{{owner_, false, std::nullopt}}};
      co_await send(std::move(wanted));
      co_return true;
    });
  }
  ~HandSink() { socket_->abort(); }

  /// Reads one frame; false when the conversation is over.
  bool read() {
    return env::run(runtime_, [this]() -> env::Task<bool> {
      Record ping = Ping{};
      co_await send(std::move(ping));
      Result<net::WebSocket::Message> message = co_await socket_->read();
      if (message) take(message->data);
      co_return message.ok();
    });
  }

  Objects objects;
  size_t copies = 0;
  size_t frames_of_objects = 0;
  size_t changes_in_copy = 0;
  bool copied = false;
  /// What the source said the objects should add up to, each time it did, compared with what they do.
  size_t equal = 0, different = 0;
  uint64_t seq = 0;

 private:
  env::Task<bool> send(Record record) {
    FrameWriter frame;
    frame.add(record);
    co_return (co_await socket_->write(frame.take(), true)).ok();
  }

  void take(std::string_view data) {
    FrameReader frame = std::move(*FrameReader::open(data));
    bool has_objects = false;
    while (const std::optional<Record> record = *frame.next()) {
      has_objects = has_objects || std::holds_alternative<Object>(*record);
      take(*record);
    }
    frames_of_objects += has_objects ? 1 : 0;
  }

  void take(const Record& record) {
    if (std::holds_alternative<SnapshotBegin>(record)) {
      ++copies;
      objects.clear();
      last_ = {};
      copied = false;
    }
    if (const auto* object = std::get_if<Object>(&record)) {
      EXPECT_FALSE(copied);
      EXPECT_LT(last_, std::pair(object->type, object->key)) << "out of order";
      last_ = {object->type, object->key};
      objects[last_] = object->body;
    }
    if (const auto* change = std::get_if<Change>(&record)) pending_.emplace_back(*change);
    if (const auto* change = std::get_if<Change>(&record)) bodies_.emplace_back(change->body.value_or(""));
    if (const auto* commit = std::get_if<Commit>(&record)) apply(*commit);
    if (const auto* at = std::get_if<At>(&record)) {
      seq = at->seq;
      copied = copied && !at->restart;
    }
    if (const auto* end = std::get_if<SnapshotEnd>(&record)) {
      copied = true;
      seq = end->seq;
      compare(end->digests);
    }
    if (const auto* resume = std::get_if<Resume>(&record)) compare(resume->digests);
  }

  void apply(const Commit& commit) {
    seq = commit.seq;
    for (size_t i = 0; i < pending_.size(); ++i) {
      const std::pair id(pending_[i].type, pending_[i].key);
      if (!copied) {
        ++changes_in_copy;
        EXPECT_LE(id, last_) << "a change of what has not come yet";
      }
      if (pending_[i].body)
        objects[id] = bodies_[i];
      else
        objects.erase(id);
    }
    pending_.clear();
    bodies_.clear();
    compare(commit.digests);
  }

  void compare(const std::vector<store::TypeDigest>& expected) {
    for (const store::TypeDigest& wanted : expected) {
      store::TypeDigest sum{wanted.type, wanted.owner, {}, 0};
      for (const auto& [id, body] : objects) {
        if (id.first != wanted.type) continue;
        sum.digest += object_digest(id.first, id.second, body);
        ++sum.count;
      }
      ++(sum == wanted ? equal : different);
    }
  }

  env::Runtime& runtime_;
  std::string owner_;
  std::unique_ptr<net::Client> client_;
  std::shared_ptr<net::WebSocket> socket_;
  std::pair<std::string, std::string> last_;
  std::vector<Change> pending_;
  std::vector<std::string> bodies_;
};

/// Text that does not become much smaller.
std::string random_body(int number, size_t size) {
  std::mt19937 random(static_cast<unsigned>(number));
  std::string text(size, ' ');
  for (char& c : text) c = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[random() % 64];
  return fmt::format(R"({{"Name":"m{}","Description":"{}"}})", number, text);
}

/// Writes on until it is told to stop: changes, deletions and new objects all over the keys.
class Churn {
 public:
  explicit Churn(Node& node) : node_(node), thread_([this] { run(); }) {}
  ~Churn() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::atomic<int> rounds{0};

 private:
  void run() {
    std::mt19937 random(5);
    for (; !stop_; ++rounds) {
      const std::string key = std::to_string(10000 + random() % 6000);
      const bool gone = random() % 4 == 0;
      node_.put("machines", key, gone ? std::nullopt : std::optional(body(rounds, random() % 900)));
      if (rounds % 16 == 0) node_.put("later-" + std::to_string(random() % 8), key, body(rounds));
      node_.put("profiles", "counter", fmt::format(R"({{"Number":{}}})", rounds.load()));
      std::this_thread::sleep_for(200us);
    }
  }

  Node& node_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

int counter_in(const std::string& body) { return std::atoi(body.c_str() + body.find(':') + 1); }

/// With stores on a disk: those in memory take long for many small commits beside many objects.
class Copies : public ::testing::Test {
 protected:
  static std::unique_ptr<store::Store> open_in(const std::filesystem::path& directory,
                                               uint64_t log_max_bytes = uint64_t{512} << 20) {
    store::Options options;
    options.directory = directory;
    options.map_size = uint64_t{1} << 30;
    options.log_max_bytes = log_max_bytes;
    return std::move(*store::open_store(options));
  }

  env::ScratchDirectory directory_{std::filesystem::temp_directory_path() /
                                   ("mullion-copies-" + env::random_uuid())};
  env::Runtime runtime_{2};
  Node leaf_{runtime_, "A", open_in(directory_.path() / "leaf")};
  Node manager_{runtime_, "M", open_in(directory_.path() / "manager")};
};

TEST_F(Copies, WhileObjectsChangeAreEqualAndNeverGoBack) {
  leaf_.fill(4000, 900);
  leaf_.put("profiles", "counter", R"({"Number":0})");
  Churn churn(leaf_);
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  int newest = 0;
  ASSERT_TRUE(eventually([&] {
    const std::optional<std::string> seen = manager_.store().snapshot()->get({"profiles", "A", "counter"});
    if (seen) {
      EXPECT_GE(counter_in(*seen), newest);
      newest = counter_in(*seen);
    }
    return follower.counters.snapshots == 1U && churn.rounds > 300 && newest > 0;
  }));
  churn.stop();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.snapshots, 1U);
  EXPECT_EQ(follower.counters.mismatches, 0U);
  EXPECT_EQ(manager_.store().snapshot()->origin_cursor("A"), leaf_.store().newest());
}

TEST_F(Copies, OverAnOlderReplicaWhileObjectsChangeAreEqual) {
  leaf_.fill(4000, 900);
  store::Batch old;
  for (int i = 0; i < 4000; i += 3)
    old.changes.emplace_back() = {{"machines", "A", std::to_string(9000 + i)}, body(-i)};
  old.changes.emplace_back() = {{"later-3", "A", "gone"}, body(1)};
  old.origin = store::Origin{"A", {leaf_.store().newest().epoch, 0}};
  ASSERT_TRUE(manager_.store().commit_sync(std::move(old)));
  Churn churn(leaf_);
  Follower follower(runtime_, leaf_, manager_);
  follower.start();
  ASSERT_TRUE(eventually([&] { return follower.counters.snapshots == 1U && churn.rounds > 200; }));
  churn.stop();
  ASSERT_TRUE(eventually([&] { return follower.equal(); }));
  EXPECT_EQ(follower.counters.mismatches, 0U);
}

TEST_F(Copies, OfAChainWhileObjectsChangeAreEqual) {
  Node top(runtime_, "T", open_in(directory_.path() / "top"));
  leaf_.fill(3000, 900);
  Churn churn(leaf_);
  manager_.pass_on("A");
  Follower lower(runtime_, leaf_, manager_), upper(runtime_, manager_, top);
  lower.start();
  upper.start();
  ASSERT_TRUE(eventually([&] { return upper.counters.snapshots >= 1U && churn.rounds > 200; }));
  churn.stop();
  ASSERT_TRUE(eventually([&] { return lower.equal() && upper.equal("A"); }));
  EXPECT_EQ(lower.counters.mismatches + upper.counters.mismatches, 0U);
}

TEST_F(Copies, ThatAreNotReadHoldNoView) {
  // More than the buffers between the two hold, also after compression.
  for (int i = 0; i < 300; ++i) leaf_.put("machines", std::to_string(10000 + i), random_body(i, 100'000));
  HandSink sink(runtime_, leaf_, {std::string(kChangesInCopies)});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sink.read());
  for (int i = 0; i < 5; ++i) {
    leaf_.put("machines", std::to_string(10000 + i), random_body(i, 5000));
    EXPECT_LE(leaf_.store().statistics().views, 2U);
  }
  ASSERT_TRUE(eventually([&] { return leaf_.store().statistics().views <= 1U; }));  // that of this question
  while (!sink.copied || sink.seq < leaf_.store().newest().seq) ASSERT_TRUE(sink.read());
  EXPECT_GT(sink.changes_in_copy, 0U);
  EXPECT_GT(sink.equal, 0U);
  EXPECT_EQ(sink.different, 0U);
}

TEST_F(Copies, BringChangesOnlyOfWhatWasSent) {
  leaf_.fill(6000, 900);
  leaf_.put("profiles", "counter", R"({"Number":0})");
  HandSink sink(runtime_, leaf_, {std::string(kChangesInCopies), "other"});
  Churn churn(leaf_);
  while (!sink.copied) ASSERT_TRUE(sink.read());
  churn.stop();
  while (sink.seq < leaf_.store().newest().seq) ASSERT_TRUE(sink.read());
  EXPECT_GT(sink.frames_of_objects, 5U);
  EXPECT_GT(sink.equal, 0U);
  EXPECT_EQ(sink.different, 0U);
}

TEST_F(Copies, AreUnderstoodByASinkOfAnOlderVersion) {
  leaf_.fill(6000, 900);
  leaf_.put("profiles", "counter", R"({"Number":0})");
  HandSink sink(runtime_, leaf_, {});
  Churn churn(leaf_);
  while (!sink.copied) ASSERT_TRUE(sink.read());
  while (sink.equal == 0) ASSERT_TRUE(sink.read());
  churn.stop();
  while (sink.seq < leaf_.store().newest().seq) ASSERT_TRUE(sink.read());
  EXPECT_EQ(sink.changes_in_copy, 0U);
  EXPECT_GT(sink.equal, 0U);
  EXPECT_EQ(sink.different, 0U) << "digests are told only when they can be true";
}

TEST_F(Copies, ComeAgainWhenTheSinkFellBehindTheLog) {
  Node forgetful(runtime_, "F", open_in(directory_.path() / "short log", 300'000));
  for (const std::vector<std::string>& features :
       {std::vector<std::string>(), std::vector<std::string>{std::string(kChangesInCopies)}}) {
    HandSink sink(runtime_, forgetful, features);
    while (!sink.copied) ASSERT_TRUE(sink.read());
    for (int i = 0; i < 60; ++i) {
      forgetful.put("machines", std::to_string(i % 40), random_body(i, 500'000));
      // Slow, and not silent: that would end it after 30 s.
      if (i % 4 == 3) {
        ASSERT_TRUE(sink.read());
      }
    }
    forgetful.put("machines", "last", body(1));
    while (!sink.copied || sink.seq < forgetful.store().newest().seq) ASSERT_TRUE(sink.read());
    EXPECT_GT(sink.copies, 1U);
    EXPECT_EQ(sink.objects.size(), 41U);
    EXPECT_EQ(sink.different, 0U);
  }
}

/// Random writes and cuts at random moments, over a log so short that full copies happen too.
TEST_F(Stream, RandomCutsEndEqual) {
  std::mt19937 random(11);
  const auto directory = std::filesystem::temp_directory_path() / ("mullion-stream-" + env::random_uuid());
  store::Options options;
  options.directory = directory;
  options.log_max_bytes = 20000;
  {
    Node busy(runtime_, "B", std::move(*store::open_store(options)));
    Follower follower(runtime_, busy, manager_);
    for (int round = 0; round < 25; ++round) {
      follower.start();
      const int writes = static_cast<int>(random() % 60);
      for (int i = 0; i < writes; ++i) {
        const std::string key = std::to_string(random() % 50);
        const bool gone = random() % 4 == 0;
        busy.put("machines", key,
                 gone ? std::nullopt : std::optional(body(static_cast<int>(random() % 1000), 400)));
      }
      if (random() % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
      follower.stop();
    }
    follower.start();
    EXPECT_TRUE(eventually([&] { return follower.equal(); }));
    EXPECT_EQ(follower.counters.mismatches, 0U);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace mullion::replication
