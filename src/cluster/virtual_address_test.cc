#include "cluster/virtual_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "env/runtime.h"

namespace mullion::cluster {
namespace {

using namespace std::chrono_literals;
using Where = AddressHold::Where;

constexpr env::SteadyTime kStart{std::chrono::hours(1)};

AddressHold held(env::Duration taken_ago, env::Duration renewed_ago, size_t announced) {
  AddressHold out;
  out.where = Where::kHere;
  out.taken = kStart - taken_ago;
  out.renewed = kStart - renewed_ago;
  out.announced = announced;
  return out;
}

AddressHold at(Where where, size_t failures = 0, env::Duration failed_ago = 0ms) {
  AddressHold out;
  out.where = where;
  out.failures = failures;
  if (failures != 0) out.failed = kStart - failed_ago;
  return out;
}

TEST(VirtualAddress, IsTakenRenewedAnnouncedAndGivenAway) {
  struct Row {
    const char* what;
    AddressHold hold;
    bool serves, renews;
    AddressStep wanted;
  };
  const std::vector<Row> rows{
      {"left behind by an earlier process", at(Where::kUnknown), false, true, AddressStep::kDrop},
      {"left behind, by a script", at(Where::kUnknown), false, false, AddressStep::kDrop},
      {"not ours", at(Where::kAway), false, true, AddressStep::kNothing},
      {"ours from now on", at(Where::kAway), true, true, AddressStep::kTake},
      {"ours, and perhaps here", at(Where::kUnknown), true, false, AddressStep::kTake},
      {"just taken", held(0ms, 0ms, 0), true, true, AddressStep::kAnnounce},
      {"told once", held(50ms, 50ms, 1), true, true, AddressStep::kNothing},
      {"told again", held(100ms, 100ms, 1), true, true, AddressStep::kAnnounce},
      {"not renewed yet", held(499ms, 499ms, 2), true, true, AddressStep::kNothing},
      {"to be renewed", held(500ms, 500ms, 2), true, true, AddressStep::kRenew},
      {"renewing goes before telling", held(500ms, 500ms, 0), true, true, AddressStep::kRenew},
      {"told for long", held(4000ms, 0ms, 6), true, true, AddressStep::kNothing},
      {"told once in a while", held(9000ms, 0ms, 6), true, true, AddressStep::kAnnounce},
      {"a script's stays", held(9000ms, 9000ms, 0), true, false, AddressStep::kNothing},
      {"ours no more", held(50ms, 50ms, 1), false, true, AddressStep::kDrop},
      {"could not be taken", at(Where::kUnknown, 1, 999ms), true, true, AddressStep::kNothing},
      {"is tried again", at(Where::kUnknown, 1, 1000ms), true, true, AddressStep::kTake},
      {"for ever", at(Where::kUnknown, 100, 1000ms), true, true, AddressStep::kTake},
      {"could not be given away", at(Where::kUnknown, 1, 999ms), false, true, AddressStep::kNothing},
      {"given away again", at(Where::kUnknown, 2, 1000ms), false, true, AddressStep::kDrop},
      {"given up", at(Where::kUnknown, 3, 1000ms), false, true, AddressStep::kNothing},
  };
  for (const Row& row : rows)
    EXPECT_EQ(next_step(row.hold, row.serves, row.renews, kStart), row.wanted) << row.what;
}

TEST(VirtualAddress, IsWhereTheLastStepPutIt) {
  struct Row {
    const char* what;
    AddressStep step;
    bool done;
    Where before, after;
    size_t failures;
  };
  const std::vector<Row> rows{
      {"taken", AddressStep::kTake, true, Where::kAway, Where::kHere, 0},
      {"not taken", AddressStep::kTake, false, Where::kAway, Where::kUnknown, 1},
      {"renewed", AddressStep::kRenew, true, Where::kHere, Where::kHere, 0},
      {"not renewed", AddressStep::kRenew, false, Where::kHere, Where::kUnknown, 1},
      {"told", AddressStep::kAnnounce, true, Where::kHere, Where::kHere, 0},
      {"not told", AddressStep::kAnnounce, false, Where::kHere, Where::kHere, 0},
      {"given away", AddressStep::kDrop, true, Where::kHere, Where::kAway, 0},
      {"not given away", AddressStep::kDrop, false, Where::kHere, Where::kHere, 1},
  };
  for (const Row& row : rows) {
    const AddressHold after = after_step(at(row.before), row.step, row.done, kStart);
    EXPECT_EQ(after.where, row.after) << row.what;
    EXPECT_EQ(after.failures, row.failures) << row.what;
    EXPECT_EQ(after.failed.has_value(), row.failures != 0) << row.what;
    EXPECT_EQ(after.announced, row.step == AddressStep::kAnnounce ? 1u : 0u) << row.what;
  }
}

HaState moving(const std::string& address) {
  HaState out;
  out.consensus_address = "192.0.2.7:8093";
  out.virtual_address = address;
  out.virtual_interface = "eth0";
  return out;
}

AddressFacts fine_machine() {
  AddressFacts out;
  out.interface_exists = true;
  out.script_runs = true;
  return out;
}

TEST(VirtualAddress, IsRefusedWhereItCouldNotBeHeld) {
  struct Row {
    const char* field;  // "": accepted
    std::function<void(HaState&, AddressFacts&)> change;
  };
  const std::vector<Row> rows{
      {"", [](HaState&, AddressFacts&) {}},
      {"", [](HaState& state, AddressFacts&) { state.virtual_address = state.virtual_interface = ""; }},
      {"VirtInterface", [](HaState& state, AddressFacts&) { state.virtual_address = ""; }},
      {"VirtAddr", [](HaState& state, AddressFacts&) { state.virtual_address = "192.0.2.1"; }},
      {"VirtAddr", [](HaState& state, AddressFacts&) { state.virtual_address = "somewhere/24"; }},
      {"VirtAddr", [](HaState& state, AddressFacts&) { state.virtual_address = "192.0.2.7/24"; }},
      {"VirtAddr", [](HaState&, AddressFacts& facts) { facts.address_here = true; }},
      {"VirtAddr", [](HaState&, AddressFacts& facts) { facts.listens_everywhere = false; }},
      {"VirtAddr",
       [](HaState&, AddressFacts& facts) { facts.may_move = Error(ErrorCode::kForbidden, "CAP_NET_ADMIN"); }},
      {"",
       [](HaState& state, AddressFacts& facts) {
         state.virtual_interface_script = "/usr/local/bin/move";
         facts.may_move = Error(ErrorCode::kForbidden, "CAP_NET_ADMIN");
       }},
      {"VirtInterfaceScript",
       [](HaState& state, AddressFacts& facts) {
         state.virtual_interface_script = "/usr/local/bin/move";
         facts.script_runs = false;
       }},
      {"VirtInterface", [](HaState& state, AddressFacts&) { state.virtual_interface = ""; }},
      {"VirtInterface", [](HaState&, AddressFacts& facts) { facts.interface_exists = false; }},
      {"",
       [](HaState& state, AddressFacts& facts) {
         state.observer = true;
         state.virtual_interface = "";
         facts.interface_exists = false;
       }},
      {"",
       [](HaState& state, AddressFacts&) {
         state.load_balanced = true;
         state.virtual_address = "192.0.2.1";
       }},
      {"VirtAddr", [](HaState& state, AddressFacts&) { state.load_balanced = true; }},
      {"VirtAddr",
       [](HaState& state, AddressFacts& facts) {
         state.load_balanced = facts.address_here = true;
         state.virtual_address = "192.0.2.1";
       }},
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    HaState state = moving("192.0.2.1/24");
    AddressFacts facts = fine_machine();
    rows[i].change(state, facts);
    const Result<void> checked = check_address(state, facts);
    ASSERT_EQ(checked.ok(), rows[i].field[0] == '\0') << "row " << i;
    if (!checked.ok())
      EXPECT_THAT(checked.error().text(), ::testing::HasSubstr(std::string(rows[i].field) + ": "));
  }
}

TEST(VirtualAddress, IsWhereClientsAreSent) {
  EXPECT_EQ(url_at_address("192.0.2.1/24", "https://192.0.2.7:8092"), "https://192.0.2.1:8092");
  EXPECT_EQ(url_at_address("2001:db8::1/64", "https://192.0.2.7:8092"), "https://[2001:db8::1]:8092");
  EXPECT_EQ(url_at_address("192.0.2.1", "https://192.0.2.7:8092"), "https://192.0.2.1:8092");
  EXPECT_EQ(url_at_address("", "https://192.0.2.7:8092"), "");
}

/// Writes down what it is asked to do.
class FakeMover final : public AddressMover {
 public:
  FakeMover(std::vector<std::string>& calls, bool& works, std::string name)
      : calls_(calls), works_(works), name_(std::move(name)) {}
  bool renews() const override { return true; }
  Result<void> take() override { return note("take"); }
  Result<void> renew() override { return note("renew"); }
  Result<void> announce() override { return note("announce"); }
  Result<void> drop() override { return note("drop"); }

 private:
  Result<void> note(std::string what) {
    calls_.push_back(name_.empty() ? what : what + " " + name_);
    return works_ ? Result<void>() : Result<void>(Error(ErrorCode::kForbidden, "not allowed"));
  }
  std::vector<std::string>& calls_;
  bool& works_;
  const std::string name_;
};

const AddressTarget kFirst{"192.0.2.1/24", "eth0", ""};

class AddressKeeperTest : public ::testing::Test {
 protected:
  void steps() {
    while (keeper_->step()) {
    }
  }
  std::vector<std::string> calls_;
  bool works_ = true, serves_ = false;
  env::ManualClock clock_;
  std::unique_ptr<AddressKeeper> keeper(const std::vector<AddressTarget>& before = {}) {
    AddressKeeper::Ways ways;
    ways.serves = [this] { return serves_; };
    ways.mover = [this](const AddressTarget& target) -> std::unique_ptr<AddressMover> {
      if (target.address.empty()) return nullptr;
      const std::string name = target == kFirst ? "" : target.address + target.script;
      return std::make_unique<FakeMover>(calls_, target == kFirst ? works_ : others_work_, name);
    };
    ways.remember = [this](const std::vector<AddressTarget>& targets) { remembered_ = targets; };
    auto out = std::make_unique<AddressKeeper>(std::move(ways), clock_, AddressTimes{}, before);
    out->move_to(kFirst);
    return out;
  }
  bool holds() const { return keeper_->standing(kFirst) == AddressKeeper::Standing::kHere; }
  /// Serves, and has told its neighbours for the first time.
  void serve() {
    serves_ = true;
    steps();
    calls_.clear();
  }
  bool others_work_ = true;
  std::vector<AddressTarget> remembered_;
  std::unique_ptr<AddressKeeper> keeper_ = keeper();
};

TEST_F(AddressKeeperTest, FollowsWhoServes) {
  steps();
  EXPECT_THAT(calls_, ::testing::ElementsAre("drop"));
  serves_ = true;
  steps();
  EXPECT_TRUE(holds());
  clock_.advance(500ms);
  steps();
  EXPECT_THAT(calls_, ::testing::ElementsAre("drop", "take", "announce", "renew", "announce", "announce"));
  serves_ = false;
  steps();
  EXPECT_FALSE(holds());
  EXPECT_EQ(calls_.back(), "drop");
  const size_t before = calls_.size();
  keeper_.reset();
  EXPECT_EQ(calls_.size(), before) << "there is nothing to give away at the end";
}

TEST_F(AddressKeeperTest, GivesItAwayAtTheEnd) {
  serves_ = true;
  steps();
  keeper_.reset();
  EXPECT_EQ(calls_.back(), "drop");
}

TEST_F(AddressKeeperTest, SaysWhatDoesNotWorkUntilItDoes) {
  steps();
  works_ = false;
  serves_ = true;
  steps();
  EXPECT_FALSE(holds());
  EXPECT_EQ(keeper_->trouble(), "the cluster's address was not taken: not allowed");
  works_ = true;
  clock_.advance(1s);
  steps();
  EXPECT_TRUE(holds());
  EXPECT_EQ(keeper_->trouble(), "");
}

using ::testing::ElementsAre;
const AddressTarget kSecond{"192.0.2.2/24", "eth0", ""};
const AddressTarget kByScript{"192.0.2.1/24", "eth0", "/move"};

TEST_F(AddressKeeperTest, LetsGoOfTheFormerAddressOnceItHoldsTheNewOne) {
  serve();
  keeper_->move_to(kSecond);
  EXPECT_THAT(remembered_, ElementsAre(kFirst, kSecond)) << "before it is on the machine";
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kNotYet);
  EXPECT_EQ(keeper_->standing(kFirst), AddressKeeper::Standing::kFailed) << "it is not wanted any more";
  steps();
  EXPECT_THAT(calls_, ElementsAre("take 192.0.2.2/24", "drop", "announce 192.0.2.2/24"));
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kHere);
  EXPECT_TRUE(keeper_->has("192.0.2.2"));
  EXPECT_FALSE(keeper_->has("192.0.2.1"));
  EXPECT_THAT(remembered_, ElementsAre(kSecond));
}

TEST_F(AddressKeeperTest, KeepsTheFormerAddressWhileTheNewOneCannotBeTaken) {
  serve();
  others_work_ = false;
  keeper_->move_to(kSecond);
  steps();
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kFailed);
  EXPECT_EQ(keeper_->trouble(), "the cluster's address was not taken: not allowed");
  clock_.advance(600ms);
  steps();
  EXPECT_THAT(calls_, ElementsAre("take 192.0.2.2/24", "renew", "announce", "announce")) << "and renews it";
  EXPECT_TRUE(keeper_->has("192.0.2.1"));
  serves_ = false;
  steps();
  EXPECT_FALSE(keeper_->has("192.0.2.1")) << "whoever does not serve has none of them";
}

TEST_F(AddressKeeperTest, AnotherTrialIsNotJudgedByTheLastOne) {
  serve();
  others_work_ = false;
  keeper_->try_out(kSecond);
  steps();
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kFailed);
  keeper_->move_to(kFirst);
  others_work_ = true;
  keeper_->try_out(kSecond);  // before anything was done about the first one
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kNotYet);
  EXPECT_EQ(keeper_->trouble(), "");
  steps();
  EXPECT_EQ(keeper_->standing(kSecond), AddressKeeper::Standing::kHere);
}

TEST_F(AddressKeeperTest, HoldsBothUntilATrialIsDecided) {
  serve();
  keeper_->try_out(kSecond);
  steps();
  EXPECT_THAT(calls_, ElementsAre("take 192.0.2.2/24", "announce 192.0.2.2/24"));
  EXPECT_TRUE(keeper_->has("192.0.2.1"));
  calls_.clear();
  keeper_->move_to(kFirst);  // it was not agreed
  EXPECT_EQ(keeper_->standing(kFirst), AddressKeeper::Standing::kHere) << "it was never away";
  steps();
  EXPECT_THAT(calls_, ElementsAre("drop 192.0.2.2/24"));
  EXPECT_THAT(remembered_, ElementsAre(kFirst));
}

TEST_F(AddressKeeperTest, ATrialWithoutAnAddressKeepsTheOneThatIsThere) {
  serve();
  keeper_->try_out({});
  steps();
  EXPECT_EQ(keeper_->standing({}), AddressKeeper::Standing::kHere);
  EXPECT_TRUE(keeper_->has("192.0.2.1"));
  keeper_->move_to({});
  steps();
  EXPECT_THAT(calls_, ElementsAre("drop"));
  EXPECT_TRUE(remembered_.empty());
}

TEST_F(AddressKeeperTest, TheSameAddressByAnotherWayIsLetGoOfFirst) {
  serve();
  keeper_->move_to(kByScript);
  works_ = false;
  steps();
  EXPECT_THAT(calls_, ElementsAre("drop")) << "what is left of the former way would take it away again";
  EXPECT_EQ(keeper_->trouble(), "the cluster's address 192.0.2.1/24 was not given away: not allowed");
  for (int i = 0; i < 5; ++i) {
    clock_.advance(1s);
    steps();
  }
  EXPECT_EQ(calls_.size(), 6u) << "it is never given up";
  works_ = true;
  calls_.clear();
  clock_.advance(1s);
  steps();
  EXPECT_THAT(calls_, ElementsAre("drop", "take 192.0.2.1/24/move", "announce 192.0.2.1/24/move"));
  EXPECT_EQ(keeper_->trouble(), "");
}

TEST_F(AddressKeeperTest, LetsGoOfWhatAnEarlierProcessMayHaveLeftBehind) {
  keeper_ = keeper({kSecond, kFirst});
  serves_ = true;
  steps();
  EXPECT_THAT(calls_, ElementsAre("drop 192.0.2.2/24", "take", "announce"));
  EXPECT_THAT(remembered_, ElementsAre(kFirst));
}

TEST_F(AddressKeeperTest, DoesNothingAfterItsEnd) {
  serve();
  keeper_->stop();
  EXPECT_THAT(calls_, ElementsAre("drop"));
  keeper_->move_to(kSecond);
  EXPECT_FALSE(keeper_->step());
  keeper_.reset();
  EXPECT_THAT(calls_, ElementsAre("drop"));
}

TEST(AddressTargets, AreReadBackFromTheirFile) {
  EXPECT_THAT(decode_targets(encode_targets({kFirst, kByScript})), ElementsAre(kFirst, kByScript));
  EXPECT_TRUE(decode_targets("").empty());
  EXPECT_TRUE(decode_targets("{}").empty());
  EXPECT_TRUE(decode_targets("[1]").empty());
}

TEST(AddressTargets, AreThoseOfMembersThatMoveIt) {
  HaState state = moving("192.0.2.1/24");
  EXPECT_EQ(target_of(state), kFirst);
  state.virtual_interface_script = "/move";
  EXPECT_EQ(target_of(state), kByScript);
  state.load_balanced = true;
  EXPECT_EQ(target_of(state), AddressTarget{}) << "the balancer has it";
  state.load_balanced = false;
  state.observer = true;
  EXPECT_EQ(target_of(state), AddressTarget{}) << "never serves";
}

}  // namespace
}  // namespace mullion::cluster
