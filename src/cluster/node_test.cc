// Whole members in one process: real files, real lines over loopback, real time.
#include "cluster/node.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "cluster/internal/admission.h"
#include "cluster/internal/own_members.h"
#include "env/interface_address.h"
#include "env/launch.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "env/waiting_testing.h"
#include "net/keyed_stream.h"

namespace mullion::cluster {
namespace {

using namespace std::chrono_literals;

store::Options small_store(const env::Path& directory) {
  store::Options out;
  out.directory = directory;
  out.map_size = uint64_t{1} << 28;
  return out;
}

/// A port that nobody listens on.
uint16_t free_port(env::Runtime& runtime) {
  const net::PeerKey key = std::move(net::PeerKey::make().value());
  return net::listen_keyed(runtime, {.address = "127.0.0.1:0"}, key,
                           [](net::KeyedStreamPtr) -> env::Task<void> { co_return; })
      .value()
      ->port();
}

struct Machine {
  std::string name;
  Places places;
  std::string address;
  std::unique_ptr<Node> node;
  std::atomic<int> restarts{0};
};

class Nodes : public ::testing::Test {
 protected:
  ~Nodes() override {
    for (auto& machine : machines_) machine->node.reset();
  }

  template <typename T>
  T run(env::Task<T> task) {
    return env::run(runtime_, std::move(task));
  }

  Machine& add_machine() {
    auto made = std::make_unique<Machine>();
    made->name = fmt::format("node-{}", machines_.size() + 1);
    made->places.base_root = root_.path() / made->name;
    made->address = fmt::format("{}:{}", on_, free_port(runtime_));
    EXPECT_TRUE(env::make_directories(made->places.base_root).ok());
    machines_.push_back(std::move(made));
    return *machines_.back();
  }
  JoinRequest request(const Machine& machine) const {
    return {machine.places, machine.name, "https://127.0.0.1:1", machine.name};
  }
  HaState wanted(const Machine& machine) const {
    HaState out;
    out.consensus_address = machine.address;
    out.ha_id = "site";
    out.enabled = by_hand_;
    return out;
  }

  /// A cluster of one, with an object from the time before.
  Machine& found_first() {
    Machine& machine = add_machine();
    auto store = std::move(store::open_store(small_store(machine.places.data())).value());
    put(*store, "before", "1");
    const Result<HaState> state = found(request(machine), *store, wanted(machine));
    EXPECT_TRUE(state.ok()) << (state.ok() ? "" : state.error().text());
    store.reset();
    start(machine);
    return machine;
  }
  /// Another member, as an introduction lets it in.
  Machine& join_another(Machine& active) {
    Machine& machine = add_machine();
    admit(active, machine);
    start(machine);
    return machine;
  }
  void admit(Machine& active, Machine& machine) {
    const Result<HaState> introduction = run(active.node->introduce());
    ASSERT_TRUE(introduction.ok()) << introduction.error().text();
    const net::PeerKey key = std::move(net::PeerKey::make().value());
    const Result<Admission> admitted =
        run(active.node->admit({introduction->token, machine.name, key.public_key(), machine.address,
                                "https://127.0.0.1:1", false}));
    ASSERT_TRUE(admitted.ok()) << admitted.error().text();
    ASSERT_TRUE(settle(request(machine), key, *admitted, wanted(machine)).ok());
  }
  static NodeOptions options_of(Machine& machine) {
    NodeOptions options;
    options.places = machine.places;
    options.store = small_store(machine.places.data());
    options.version = "v1";
    options.pace = 4;  // machines that test are busy
    options.voter_after = 250ms;
    options.in_step_ticks = 100;
    options.restart = [&machine](const std::string&) { ++machine.restarts; };
    return options;
  }
  void start(Machine& machine, bool on_trial = false) {
    NodeOptions options = options_of(machine);
    options.on_trial = on_trial;
    Result<std::unique_ptr<Node>> node = open_node(runtime_, std::move(options));
    ASSERT_TRUE(node.ok()) << node.error().text();
    machine.node = std::move(*node);
    machine.node->set_api({"https://" + machine.name, "http://" + machine.name, "print", "cert"});
  }
  void restart(Machine& machine) {
    machine.node.reset();
    start(machine);
  }

  static Result<store::Cursor> try_put(store::Store& store, const std::string& key, std::string body) {
    store::Batch batch;
    batch.changes.push_back({{"jobs", "", key}, std::move(body), store::Expect::kAnything, {}});
    batch.secrets.push_back({"notes", key, "secret " + key});
    return store.commit_sync(std::move(batch));
  }
  static void put(store::Store& store, const std::string& key, std::string body) {
    const Result<store::Cursor> done = try_put(store, key, std::move(body));
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().text());
  }
  static std::string get(Node& node, const std::string& key) {
    return node.store().snapshot()->get({"jobs", "", key}).value_or("-");
  }
  Machine* active() {
    for (auto& machine : machines_) {
      if (machine->node && machine->node->view().active) return machine.get();
    }
    return nullptr;
  }
  bool wait_until_active(const Machine& machine) {
    return env::eventually([&] { return machine.node->view().active; });
  }
  bool wait_for_voters(Machine& machine, size_t count) {
    return env::eventually([&] {
      size_t voters = 0;
      for (const NodeView& node : machine.node->view().nodes) voters += node.voter ? 1 : 0;
      return voters == count;
    });
  }
  bool wait_until_equal(const Machine& a, const Machine& b) {
    return env::eventually([&] {
      return a.node->store().newest() == b.node->store().newest() &&
             a.node->store().snapshot()->digests() == b.node->store().snapshot()->digests();
    });
  }
  void three_members() {
    Machine& first = found_first();
    ASSERT_TRUE(wait_until_active(first));
    join_another(first);
    ASSERT_TRUE(wait_for_voters(first, 2));
    join_another(first);
    ASSERT_TRUE(wait_for_voters(first, 3));
  }

  static MemberId number_of(const Machine& machine) { return read_members(machine.places)->number; }
  void expect_return_of_the_third() {
    Machine& third = *machines_[2];
    ASSERT_TRUE(env::eventually([&] { return third.restarts > 0; })) << "it was admitted";
    EXPECT_EQ(number_of(third), 3U) << "until it starts anew";
    restart(third);
    ASSERT_TRUE(env::eventually([&] { return active() != nullptr; }));
    Machine& serving = *active();
    ASSERT_TRUE(wait_for_voters(serving, 3));
    ASSERT_TRUE(wait_until_equal(serving, third));
    EXPECT_EQ(number_of(third), 4U);
    EXPECT_EQ(third.node->view().own_id, "node-3") << "to clients it is who it was";
    EXPECT_EQ(third.node->view().trouble, "");
    EXPECT_FALSE(std::filesystem::exists(third.places.returning()));
    put(serving.node->store(), "afterwards", "1");
    ASSERT_TRUE(env::eventually([&] { return get(*third.node, "afterwards") == "1"; }));
  }
  /// In an LMDB file: a bit of each value that has pages of its own.
  static void damage_large_values(const env::Path& file) {
    constexpr size_t kPage = 4096;
    std::string bytes = *env::read_file(file);
    size_t damaged = 0;
    for (size_t at = 2 * kPage; at + kPage <= bytes.size(); at += kPage) {
      const auto flags = static_cast<uint8_t>(bytes[at + 10]);
      if (flags != 0x04) continue;  // the first page of an overflow chain
      bytes[at + 2000] = static_cast<char>(bytes[at + 2000] ^ 1);
      ++damaged;
    }
    ASSERT_GT(damaged, 0U);
    ASSERT_TRUE(env::write_file_atomic(file, bytes, 0600).ok());
  }

  std::string on_ = "127.0.0.1";  // where members listen
  bool by_hand_ = false;
  env::ScratchDirectory root_{env::Path(::testing::TempDir()) / ("nodes-" + env::random_uuid())};
  env::Runtime runtime_{2};
  std::vector<std::unique_ptr<Machine>> machines_;
};

TEST_F(Nodes, OneMemberGoesOnWithWhatItHad) {
  Machine& first = found_first();
  ASSERT_TRUE(wait_until_active(first));
  EXPECT_EQ(get(*first.node, "before"), "1");
  put(first.node->store(), "after", "2");
  EXPECT_TRUE(first.node->may_answer());
  restart(first);
  ASSERT_TRUE(wait_until_active(first));
  EXPECT_EQ(get(*first.node, "after"), "2");
  put(first.node->store(), "again", "3");
}

TEST_F(Nodes, ThreeMembersHoldTheSameAndAFollowerTakesNoCommits) {
  three_members();
  Machine& first = *machines_[0];
  for (int i = 0; i < 50; ++i) put(first.node->store(), fmt::format("k{}", i), "v");
  for (size_t i = 1; i < 3; ++i) {
    Machine& other = *machines_[i];
    ASSERT_TRUE(wait_until_equal(first, other));
    EXPECT_EQ(other.node->store().snapshot()->secret("notes", "k7"), "secret k7");
    const Result<store::Cursor> refused = try_put(other.node->store(), "x", "1");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
    EXPECT_FALSE(other.node->may_answer());
    ASSERT_TRUE(env::eventually([&] { return other.node->active_elsewhere().has_value(); }));
    EXPECT_EQ(other.node->active_elsewhere()->api_url, "https://node-1");
    EXPECT_EQ(other.node->view().active_id, "node-1");
  }
  EXPECT_TRUE(env::eventually([&] {
    const Result<bool> safe = run(first.node->fail_over_safe(1s));
    return safe.ok() && *safe;
  }));
}

TEST_F(Nodes, AProgramOnTrialStoresAndVotesAndDoesNotServe) {
  three_members();
  Machine &first = *machines_[0], &second = *machines_[1], &third = *machines_[2];
  second.node.reset();
  start(second, true);
  second.node->tell_upgrade("trying u");
  const auto says = [&](const std::string& note) {
    return env::eventually([&] { return first.node->view().nodes[1].upgrade == note; });
  };
  EXPECT_TRUE(says("trying u"));
  put(first.node->store(), "meanwhile", "1");
  ASSERT_TRUE(wait_until_equal(first, second));
  // Its vote counts, and it leaves the lead to the other one.
  first.node.reset();
  ASSERT_TRUE(wait_until_active(third));
  EXPECT_EQ(get(*third.node, "meanwhile"), "1");
  restart(second);
  second.node->tell_upgrade("");
  ASSERT_TRUE(env::eventually([&] { return third.node->view().nodes[1].upgrade.empty(); }));
}

TEST_F(Nodes, AProgramOnTrialServesWhereItIsAlone) {
  Machine& first = found_first();
  ASSERT_TRUE(wait_until_active(first));
  first.node.reset();
  start(first, true);
  ASSERT_TRUE(wait_until_active(first));
}

TEST_F(Nodes, WhatWasAcknowledgedOutlivesTheActiveMember) {
  three_members();
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 30; ++i) {
    put(machines_[0]->node->store(), fmt::format("k{}", i), "v");
    acknowledged.push_back(fmt::format("k{}", i));
  }
  machines_[0]->node.reset();
  ASSERT_TRUE(env::eventually([&] { return active() != nullptr; }));
  Machine& second = *active();
  for (const std::string& key : acknowledged) EXPECT_EQ(get(*second.node, key), "v") << key;
  put(second.node->store(), "after", "1");
  start(*machines_[0]);
  ASSERT_TRUE(wait_until_equal(second, *machines_[0]));
  EXPECT_EQ(get(*machines_[0]->node, "after"), "1");
}

TEST_F(Nodes, TheLeadIsHandedOverWhenAsked) {
  three_members();
  Machine* before = nullptr;
  ASSERT_TRUE(
      env::eventually([&] {  // refused while the successor is behind, or a busy machine changed the lead
        before = active();
        return before != nullptr && before != machines_[2].get() &&
               run(before->node->hand_over("node-3")).ok();
      }));
  ASSERT_TRUE(wait_until_active(*machines_[2]));
  EXPECT_FALSE(before->node->may_answer());
  put(machines_[2]->node->store(), "here", "1");
}

TEST_F(Nodes, AMemberWithoutItsDatabaseFetchesACopy) {
  three_members();
  for (int i = 0; i < 20; ++i) put(machines_[0]->node->store(), fmt::format("k{}", i), "v");
  ASSERT_TRUE(wait_until_equal(*machines_[0], *machines_[2]));
  machines_[2]->node.reset();
  ASSERT_TRUE(env::remove_tree(machines_[2]->places.data()).ok());
  put(machines_[0]->node->store(), "meanwhile", "1");
  start(*machines_[2]);
  ASSERT_TRUE(wait_until_equal(*machines_[0], *machines_[2]));
  put(machines_[0]->node->store(), "later", "1");
  ASSERT_TRUE(env::eventually([&] { return get(*machines_[2]->node, "later") == "1"; }));
}

/// Also the one that a majority would need, when the other passive member is gone: it does not count.
TEST_F(Nodes, WhoWaitsForACopyStopsWhenItIsTo) {
  Machine& first = found_first();
  ASSERT_TRUE(wait_until_active(first));
  Machine& second = add_machine();
  admit(first, second);
  first.node.reset();  // nobody has a copy to give
  std::stop_source stops;
  std::future<ErrorCode> opened = std::async(std::launch::async, [&] {
    const auto node = open_node(runtime_, options_of(second), {.stop = stops.get_token()});
    return node.ok() ? ErrorCode::kInternal : node.error().code;
  });
  EXPECT_EQ(opened.wait_for(300ms), std::future_status::timeout) << "it waits";
  stops.request_stop();
  ASSERT_EQ(opened.wait_for(env::kTestPatience), std::future_status::ready);
  EXPECT_EQ(opened.get(), ErrorCode::kCancelled);
  start(first);
  start(second);  // as if nothing had been
  EXPECT_TRUE(wait_until_equal(first, second));
}

TEST_F(Nodes, AMemberWhoseJournalIsGoneTakesNoPartAndComesBackByItself) {
  three_members();
  ASSERT_TRUE(wait_until_equal(*machines_[0], *machines_[2]));
  machines_[2]->node.reset();
  ASSERT_TRUE(env::remove_tree(machines_[2]->places.journal()).ok());
  machines_[1]->node.reset();
  start(*machines_[2]);
  EXPECT_THAT(machines_[2]->node->view().trouble, ::testing::HasSubstr("comes back by itself"));
  EXPECT_TRUE(env::eventually([&] { return active() == nullptr; })) << "two of three, one of which forgot";
  start(*machines_[1]);
  expect_return_of_the_third();
}

TEST_F(Nodes, AMemberThatWasPutBackToAnOlderStateComesBackByItself) {
  three_members();
  Machine& third = *machines_[2];
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  const env::Path older = root_.path() / "older";
  third.node.reset();
  std::filesystem::copy(third.places.base_root, older, std::filesystem::copy_options::recursive);
  start(third);
  for (int i = 0; i < 20; ++i) put(machines_[0]->node->store(), fmt::format("k{}", i), "v");
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  third.node.reset();
  ASSERT_TRUE(env::remove_tree(third.places.base_root).ok());
  std::filesystem::rename(older, third.places.base_root);
  start(third);
  expect_return_of_the_third();
}

/// The journal is whole: it votes all the time, under its number.
TEST_F(Nodes, ADamagedDatabaseIsReplacedByACopy) {
  three_members();
  Machine& third = *machines_[2];
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  third.node.reset();
  ASSERT_TRUE(env::write_file_atomic(third.places.data() / "data.mdb", std::string(100'000, 'x'), 0600).ok());
  start(third);
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  EXPECT_EQ(number_of(third), 3U);
  put(machines_[0]->node->store(), "later", "1");
  ASSERT_TRUE(env::eventually([&] { return get(*third.node, "later") == "1"; }));
}

/// Nobody reads it: the check after the start does.
TEST_F(Nodes, AFlippedBitInADatabaseIsFoundAndACopyFetched) {
  three_members();
  Machine& third = *machines_[2];
  std::string body;
  for (int i = 0; i < 3000; ++i) body += fmt::format("{:x} ", env::random_id());
  put(machines_[0]->node->store(), "large", body);
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  third.node.reset();
  damage_large_values(third.places.data() / "data.mdb");
  start(third);
  ASSERT_TRUE(env::eventually([&] { return third.restarts > 0; })) << "a copy was fetched";
  restart(third);
  ASSERT_TRUE(wait_until_equal(*machines_[0], third));
  EXPECT_EQ(get(*third.node, "large"), body);
  EXPECT_EQ(third.node->view().trouble, "");
}

TEST_F(Nodes, AMemberIsFoundWhereItSaysThatItListens) {
  three_members();
  Machine& third = *machines_[2];
  third.node.reset();
  HaState state = decode_state(env::read_file(third.places.state()).value()).value();
  state.consensus_address = third.address = fmt::format("127.0.0.1:{}", free_port(runtime_));
  ASSERT_TRUE(env::write_file_atomic(third.places.state(), encode_state(state), 0600).ok());
  start(third);
  for (const auto& machine : machines_) {
    EXPECT_TRUE(env::eventually([&] {
      const Result<OwnMembers> known = read_members(machine->places);
      return known.ok() && known->roster.find(3)->address == third.address && known->roster.find(3)->voter;
    })) << machine->name
        << " will find it after a start";
  }
  put(active()->node->store(), "moved", "1");
  EXPECT_TRUE(wait_until_equal(*machines_[0], third));
  // It counts: with one of the others gone, nothing goes on without it.
  machines_[1]->node.reset();
  EXPECT_TRUE(env::eventually([&] {
    Machine* const serves = active();
    return serves != nullptr && try_put(serves->node->store(), "counted", "1").ok();
  }));
}

TEST_F(Nodes, AMemberGetsAnotherKeyByOrder) {
  three_members();
  Machine& first = *machines_[0];
  Machine& third = *machines_[2];
  EXPECT_EQ(run(first.node->replace_key("node-1")).error().code, ErrorCode::kConflict) << "it serves";
  EXPECT_EQ(run(first.node->replace_key("nobody")).error().code, ErrorCode::kNotFound);
  const std::string former = read_members(third.places)->roster.find(3)->key;
  const Result<NodeView> back = run(first.node->replace_key("node-3"));
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(back->id, "node-3");
  expect_return_of_the_third();
  const Roster now = read_members(first.places)->roster;
  EXPECT_EQ(now.find(3), nullptr);
  EXPECT_NE(now.find_id("node-3")->key, former);
  ASSERT_EQ(now.former.size(), 1U);
  EXPECT_FALSE(now.former.front().returns) << "nobody comes back by the former key";
  EXPECT_TRUE(wait_for_voters(first, 3));
}

TEST_F(Nodes, AMemberWithoutItsKeyTakesNoPartAndIsEnrolledAgain) {
  three_members();
  Machine& first = *machines_[0];
  Machine& third = *machines_[2];
  third.node.reset();
  std::filesystem::remove(third.places.key());
  start(third);
  EXPECT_THAT(third.node->view().trouble, ::testing::HasSubstr("enroll this server again"));
  EXPECT_TRUE(env::eventually([&] {
    const std::vector<NodeView> nodes = first.node->view().nodes;
    return std::ranges::any_of(nodes, &NodeView::offline);
  }));
  third.node.reset();
  admit(first, third);
  start(third);
  EXPECT_TRUE(wait_for_voters(first, 3));
  EXPECT_EQ(number_of(third), 4U);
  EXPECT_EQ(read_members(first.places)->roster.find(3), nullptr);
  EXPECT_TRUE(wait_until_equal(first, third));
}

TEST_F(Nodes, WhoIsHeardIsNotReplaced) {
  three_members();
  Machine& first = *machines_[0];
  const Result<HaState> introduction = run(first.node->introduce());
  ASSERT_TRUE(introduction.ok());
  const Result<Admission> refused = run(first.node->admit(
      {introduction->token, "node-3", std::string(64, 'a'), "127.0.0.1:9", "https://127.0.0.1:1", false}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

TEST_F(Nodes, WhoWasRemovedDoesNotComeBackByItself) {
  three_members();
  machines_[2]->node.reset();
  ASSERT_TRUE(env::remove_tree(machines_[2]->places.journal()).ok());
  ASSERT_TRUE(run(machines_[0]->node->remove("node-3")).ok());
  start(*machines_[2]);
  ASSERT_TRUE(env::eventually(
      [&] { return machines_[2]->node->view().trouble.find("was removed") != std::string::npos; }));
  EXPECT_EQ(machines_[0]->node->view().nodes.size(), 2U);
  EXPECT_EQ(machines_[2]->restarts, 0);
}

TEST_F(Nodes, ARemovedMemberIsToldAndComesBackAsAnother) {
  three_members();
  const Result<NodeView> gone = run(machines_[0]->node->remove("node-3"));
  ASSERT_TRUE(gone.ok()) << gone.error().text();
  EXPECT_EQ(gone->id, "node-3");
  ASSERT_TRUE(env::eventually([&] { return !machines_[2]->node->view().trouble.empty(); }));
  EXPECT_EQ(run(machines_[0]->node->remove("node-3")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run(machines_[0]->node->remove("node-1")).error().code, ErrorCode::kConflict) << "it serves";
  put(machines_[0]->node->store(), "k", "v");
  machines_[2]->node.reset();
  admit(*machines_[0], *machines_[2]);
  start(*machines_[2]);
  ASSERT_TRUE(wait_for_voters(*machines_[0], 3));
  ASSERT_TRUE(wait_until_equal(*machines_[0], *machines_[2]));
}

/// What is wrong with a member does not make it free for another cluster.
TEST_F(Nodes, AMemberInTroubleIsNotEnrolledElsewhere) {
  three_members();
  Machine& third = *machines_[2];
  third.node.reset();
  ASSERT_TRUE(env::remove_tree(third.places.journal()).ok());
  start(third);
  ASSERT_TRUE(env::eventually([&] { return !third.node->view().trouble.empty(); }));
  HaState other = wanted(third);
  other.consensus_enabled = true;
  other.token = "of another cluster";
  EXPECT_EQ(run(third.node->enroll(other)).error().code, ErrorCode::kConflict);
}

TEST_F(Nodes, MembersSpeakByIPv6) {
  if (!env::has_address("::1")) GTEST_SKIP() << "this machine has no IPv6";
  on_ = "[::1]";
  three_members();
  for (const NodeView& node : machines_[0]->node->view().nodes)
    EXPECT_TRUE(node.address.starts_with("[::1]:")) << node.address;
  put(machines_[0]->node->store(), "k", "v");
  for (const auto& machine : machines_)
    EXPECT_TRUE(env::eventually([&] { return get(*machine->node, "k") == "v"; })) << machine->name;
}

/// Two members whose lead is switched by hand.
class NodesByHand : public Nodes {
 protected:
  void SetUp() override {
    by_hand_ = true;
    found_first();
    ASSERT_TRUE(wait_until_active(*machines_[0]));
    join_another(*machines_[0]);
    ASSERT_TRUE(wait_until_in_step(*machines_[0]));
  }
  static bool in_step(const Machine& active) {
    return std::ranges::any_of(active.node->view().nodes, &NodeView::in_step);
  }
  static bool wait_until_in_step(const Machine& active) {
    return env::eventually([&] { return in_step(active); });
  }
};

TEST_F(NodesByHand, WritesAreOnBothDisksAndGoOnAloneWithAWord) {
  Machine& one = *machines_[0];
  Machine& two = *machines_[1];
  EXPECT_TRUE(one.node->view().by_hand);
  EXPECT_FALSE(one.node->view().state.consensus_enabled);
  put(one.node->store(), "both", "1");
  EXPECT_TRUE(*run(one.node->fail_over_safe(1s)));
  two.node.reset();
  put(one.node->store(), "alone", "1");
  EXPECT_FALSE(in_step(one));
  EXPECT_FALSE(*run(one.node->fail_over_safe(1ms)));
  EXPECT_EQ(run(one.node->hand_over("")).error().code, ErrorCode::kConflict) << "nobody could take over";
  start(two);
  ASSERT_TRUE(wait_until_in_step(one));
  EXPECT_TRUE(env::eventually([&] { return get(*two.node, "alone") == "1"; }))
      << "on its disk, and soon applied";
}

TEST_F(NodesByHand, TheLeadIsSwitchedAndOneVoteIsLeft) {
  Machine& one = *machines_[0];
  Machine& two = *machines_[1];
  put(one.node->store(), "before", "1");
  const Result<void> done = run(one.node->hand_over(""));
  ASSERT_TRUE(done.ok()) << done.error().text();
  ASSERT_TRUE(wait_until_active(two));
  ASSERT_TRUE(wait_for_voters(two, 1));
  restart(one);
  put(two.node->store(), "after", "1");
  ASSERT_TRUE(wait_until_equal(one, two));
  one.node.reset();
  put(two.node->store(), "alone", "1");
  two.node->leave(1s);
  EXPECT_TRUE(two.node->view().active) << "it is switched by hand";
}

/// The vote of the member that led before ends about then: not while the lead goes to it.
TEST_F(NodesByHand, TheLeadIsSwitchedBackAtOnce) {
  Machine* from = machines_[0].get();
  Machine* to = machines_[1].get();
  for (int round = 0; round < 8; ++round) {
    std::string refusal;
    ASSERT_TRUE(env::eventually([&] {
      const Result<void> done = run(from->node->hand_over(""));
      if (!done.ok()) refusal = done.error().text();
      return done.ok() || done.error().code == ErrorCode::kTimeout;
    })) << "it was never in step";
    ASSERT_EQ(refusal.find("did not take"), std::string::npos) << "in round " << round << ": " << refusal;
    ASSERT_TRUE(wait_until_active(*to));
    restart(*from);
    std::swap(from, to);
  }
}

TEST_F(NodesByHand, WhoIsOrderedGoesOnAloneAndTheFormerOneIsTold) {
  Machine& one = *machines_[0];
  Machine& two = *machines_[1];
  put(one.node->store(), "last", "1");
  EXPECT_EQ(run(two.node->take_over()).error().code, ErrorCode::kConflict) << "one can be reached";
  one.node.reset();
  ASSERT_TRUE(env::eventually([&] { return run(two.node->take_over()).ok(); }));
  EXPECT_GT(two.restarts, 0);
  restart(two);
  ASSERT_TRUE(wait_until_active(two));
  EXPECT_EQ(get(*two.node, "last"), "1");
  put(two.node->store(), "later", "1");
  start(one);
  EXPECT_FALSE(one.node->view().active) << "it hears the others first";
  ASSERT_TRUE(env::eventually([&] { return !one.node->view().trouble.empty(); }));
  EXPECT_FALSE(one.node->view().active);
  one.node.reset();
  admit(two, one);
  start(one);
  ASSERT_TRUE(wait_until_equal(one, two));
}

TEST_F(Nodes, WhereMembersAgreeOnWhoServesNobodyIsOrdered) {
  three_members();
  EXPECT_EQ(run(machines_[1]->node->take_over()).error().code, ErrorCode::kInvalid);
}

TEST_F(Nodes, ATokenIsGoodOnce) {
  Machine& first = found_first();
  ASSERT_TRUE(wait_until_active(first));
  const Result<HaState> introduction = run(first.node->introduce());
  ASSERT_TRUE(introduction.ok());
  const Candidate candidate{introduction->token, "node-2", std::string(64, 'a'), "127.0.0.1:1", "", false};
  Candidate stranger = candidate;
  stranger.token = "made up";
  EXPECT_EQ(run(first.node->admit(stranger)).error().code, ErrorCode::kForbidden);
  stranger = candidate;
  stranger.id = "node-1";
  EXPECT_EQ(run(first.node->admit(stranger)).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(run(first.node->admit(candidate)).ok());
  stranger = candidate;
  stranger.id = "node-9";
  stranger.key = std::string(64, 'b');
  stranger.address = "127.0.0.1:2";
  EXPECT_EQ(run(first.node->admit(stranger)).error().code, ErrorCode::kForbidden);
}

/// Members whose address is moved by scripts that write down where it is.
class MovingNodes : public Nodes {
 protected:
  env::Path place(const Machine& machine) const { return root_.path() / (machine.name + "-addresses"); }
  /// Its script fails while there is a file `broken` beside what it holds.
  std::string script(const Machine& machine) const {
    const env::Path file = root_.path() / (machine.name + "-move");
    const std::string text = fmt::format(
        "#!/bin/sh\ncd {} || exit 1\nname=$(echo \"$3\" | tr / _)\n"
        "[ \"$1\" = remove ] && exec rm -f \"$name\"\n[ -e broken ] && {{ echo broken >&2; exit 3; }}\n"
        "exec touch \"$name\"\n",
        place(machine).string());
    EXPECT_TRUE(env::make_directories(place(machine)).ok());
    EXPECT_TRUE(env::write_file_atomic(file, text, 0700).ok());
    return file.string();
  }
  void break_script(const Machine& machine) const {
    EXPECT_TRUE(env::write_file_atomic(place(machine) / "broken", "", 0600).ok());
  }
  std::set<std::string> held(const Machine& machine) const {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(place(machine))) {
      if (entry.path().filename() != "broken") out.insert(entry.path().filename().string());
    }
    return out;
  }
  bool wait_until_held(const Machine& machine, const std::set<std::string>& wanted) const {
    return env::eventually([&] { return held(machine) == wanted; });
  }
  Result<HaState> change(Machine& at, AddressChange change) {
    return run(at.node->change_address(std::move(change)));
  }
  void learn_ways() {
    for (auto& machine : machines_) {
      const Result<HaState> done = change(*machine, {.interface = "lo", .script = script(*machine)});
      ASSERT_TRUE(done.ok()) << done.error().text();
      EXPECT_EQ(done->virtual_interface, "lo");
    }
  }
  static std::string refusal(const Result<HaState>& answer) {
    return answer.ok() ? "" : answer.error().text();
  }
};

TEST_F(MovingNodes, TheAddressIsChangedForAllWhileTheyRun) {
  three_members();
  learn_ways();
  Machine &first = *machines_[0], &second = *machines_[1], &third = *machines_[2];
  ASSERT_TRUE(change(first, {.virtual_address = "192.0.2.100/24"}).ok());
  EXPECT_THAT(held(first), ::testing::ElementsAre("192.0.2.100_24")) << "before it is answered";
  ASSERT_TRUE(change(first, {.virtual_address = "192.0.2.101/24"}).ok());
  EXPECT_TRUE(held(first).contains("192.0.2.101_24"));
  EXPECT_TRUE(wait_until_held(first, {"192.0.2.101_24"})) << "the former one is let go of";
  for (Machine* machine : {&second, &third}) {
    ASSERT_TRUE(
        env::eventually([&] { return machine->node->view().state.virtual_address == "192.0.2.101/24"; }));
    EXPECT_TRUE(held(*machine).empty());
  }
  EXPECT_EQ(change(second, {.virtual_address = "192.0.2.102/24"}).error().code, ErrorCode::kUnavailable);

  first.node.reset();
  EXPECT_TRUE(held(first).empty());
  ASSERT_TRUE(env::eventually([&] { return active() != nullptr; }));
  Machine& next = *active();
  EXPECT_TRUE(wait_until_held(next, {"192.0.2.101_24"}));
  start(first);
  EXPECT_EQ(first.node->view().state.virtual_address, "192.0.2.101/24") << "over a restart";
  ASSERT_TRUE(env::eventually([&] { return change(next, {.virtual_address = ""}).ok(); }));
  EXPECT_TRUE(wait_until_held(next, {}));
}

TEST_F(MovingNodes, WhoWasAwayLearnsOfTheAddressFromTheLog) {
  three_members();
  learn_ways();
  Machine &first = *machines_[0], &third = *machines_[2];
  ASSERT_TRUE(change(first, {.virtual_address = "192.0.2.100/24"}).ok());
  ASSERT_TRUE(wait_until_equal(first, third));
  third.node.reset();
  ASSERT_TRUE(env::eventually([&] { return change(first, {.virtual_address = "192.0.2.101/24"}).ok(); }));
  start(third);
  ASSERT_TRUE(env::eventually([&] { return third.node->view().state.virtual_address == "192.0.2.101/24"; }));
  ASSERT_TRUE(env::eventually([&] { return run(first.node->hand_over("node-3")).ok(); }));
  EXPECT_TRUE(wait_until_held(third, {"192.0.2.101_24"}));
  EXPECT_TRUE(wait_until_held(first, {}));
}

TEST_F(MovingNodes, WhatCannotBeHeldIsRefusedAndChangesNothing) {
  three_members();
  Machine &first = *machines_[0], &second = *machines_[1];
  EXPECT_THAT(refusal(change(first, {.virtual_address = "192.0.2.100/24"})),
              ::testing::HasSubstr("VirtInterface: is needed"));
  learn_ways();
  ASSERT_TRUE(change(first, {.virtual_address = "192.0.2.100/24"}).ok());
  ASSERT_TRUE(wait_until_equal(first, second));
  const store::Cursor before = first.node->store().newest();
  struct Row {
    AddressChange wanted;
    const char* says;
  };
  const Row rows[] = {
      {{.virtual_address = "192.0.2.101"}, "VirtAddr: is an address with its prefix"},
      {{.virtual_address = "127.0.0.1/8"}, "VirtAddr: is the address of ConsensusAddr"},
      {{.load_balanced = true}, "VirtAddr: with LoadBalanced it is the plain address"},
      {{.interface = "none-such"}, "VirtInterface: there is no interface none-such"},
      {{.script = "/none/such"}, "VirtInterfaceScript: is the absolute path"},
  };
  for (const Row& row : rows) EXPECT_THAT(refusal(change(first, row.wanted)), ::testing::HasSubstr(row.says));

  // A member that could not hold it, were it to serve.
  std::filesystem::remove(root_.path() / "node-2-move");
  EXPECT_THAT(
      refusal(change(first, {.virtual_address = "192.0.2.101/24"})),
      ::testing::AllOf(::testing::HasSubstr("VirtInterfaceScript: "), ::testing::HasSubstr("member node-2")));
  script(second);

  // The script of the one that serves fails: it goes on with the address that it has.
  break_script(first);
  EXPECT_THAT(refusal(change(first, {.virtual_address = "192.0.2.101/24"})),
              ::testing::AllOf(::testing::HasSubstr("VirtAddr: 192.0.2.101/24 cannot be held here"),
                               ::testing::HasSubstr("broken")));
  EXPECT_TRUE(wait_until_held(first, {"192.0.2.100_24"}));
  EXPECT_EQ(first.node->view().state.virtual_address, "192.0.2.100/24");
  EXPECT_EQ(first.node->store().newest(), before);
  EXPECT_TRUE(env::eventually([&] { return first.node->view().trouble.empty(); }));
}

TEST_F(MovingNodes, ANewClusterOfAnOldDatabaseBeginsWithItsOwnAddress) {
  Machine& first = found_first();
  ASSERT_TRUE(wait_until_active(first));
  learn_ways();
  ASSERT_TRUE(change(first, {.virtual_address = "192.0.2.100/24"}).ok());
  first.node.reset();
  std::filesystem::remove(first.places.state());
  auto store = std::move(store::open_store(small_store(first.places.data())).value());
  HaState again = wanted(first);
  again.virtual_address = "192.0.2.200/24";
  again.virtual_interface = "lo";
  again.virtual_interface_script = script(first);
  const Result<HaState> state = found(request(first), *store, again);
  ASSERT_TRUE(state.ok()) << state.error().text();
  store.reset();
  start(first);
  ASSERT_TRUE(wait_until_active(first));
  EXPECT_TRUE(wait_until_held(first, {"192.0.2.200_24"}));
  EXPECT_EQ(first.node->view().state.virtual_address, "192.0.2.200/24");
}

}  // namespace
}  // namespace mullion::cluster
