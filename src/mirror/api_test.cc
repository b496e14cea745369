// Requests to one endpoint: how many are under way, and how they end.
#include "mirror/internal/api.h"

#include <gtest/gtest.h>

#include "client/routes.h"
#include "env/time_testing.h"

namespace mullion::mirror {
namespace {

using namespace std::chrono_literals;

/// Answers when the test says so.
class HoldingLink final : public net::Link {
 public:
  env::Task<Result<net::ClientResponse>> request(net::ClientRequest) override {
    const int now = ++under_way;
    int before = most;
    while (before < now && !most.compare_exchange_weak(before, now)) continue;
    for (uint64_t seen = change_.version(); !may_answer(); seen = change_.version())
      co_await change_.wait(seen, 1h);
    --under_way;
    net::ClientResponse out;
    out.status = status;
    if (status == 503) out.headers.add("Retry-After", "3000");
    co_return out;
  }
  env::Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string, net::Headers) override {
    co_return Error(ErrorCode::kUnreachable, "none");
  }
  std::string certificate() const override { return ""; }
  void close() override {}

  void allow(int more) {
    allowed_ += more;
    change_.notify_all();
  }
  std::atomic<int> under_way{0}, most{0}, status{200};

 private:
  /// Each allowance is for one request, whatever other threads see of it.
  bool may_answer() {
    int left = allowed_;
    while (left > 0) {
      if (allowed_.compare_exchange_weak(left, left - 1)) return true;
    }
    return false;
  }

  std::atomic<int> allowed_{0};
  env::Signal change_;
};

class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(size_t at_once = 3)
      : link_(std::make_shared<HoldingLink>()),
        api_(
            link_, [] { return std::string("Bearer x"); }, at_once, time_, time_),
        tasks_(runtime_.executor(), "asking") {}
  ~ApiTest() override {
    api_.stop();
    link_->allow(1000);
    tasks_.stop();
  }

  template <typename Condition>
  bool soon(Condition condition) {
    return env::passes_until(time_, runtime_, std::move(condition));
  }
  void ask(int times) {
    for (int i = 0; i < times; ++i) {
      tasks_.spawn("ask", [this]() -> env::Task<void> {
        const Result<Answer> answer = co_await api_.ask(client::get_info());
        ++(answer ? answered_ : ended_);
      });
    }
  }

  env::Runtime runtime_{2};
  env::ManualTime time_;
  std::shared_ptr<HoldingLink> link_;
  Api api_;
  std::atomic<int> answered_{0}, ended_{0};
  env::TaskGroup tasks_;
};

TEST_F(ApiTest, NeverAreMoreUnderWayThanAllowed) {
  ask(10);
  ASSERT_TRUE(soon([&] { return link_->under_way == 3; }));
  for (int i = 1; i <= 7; ++i) {
    link_->allow(1);
    ASSERT_TRUE(soon([&] { return answered_ == i && link_->under_way == 3; })) << "the next one has its turn";
  }
  link_->allow(3);
  ASSERT_TRUE(soon([&] { return answered_ == 10; }));
  EXPECT_EQ(link_->most, 3);
}

TEST_F(ApiTest, WhoWaitsForAPauseToEndIsStoppedAtOnce) {
  link_->status = 503;
  link_->allow(1);
  ask(1);
  ASSERT_TRUE(soon([&] { return answered_ == 1; }));
  ask(5);
  const env::SteadyTime before = time_.steady();
  (void)env::passes_until(
      time_, runtime_, [&] { return link_->under_way > 0; }, 100s);
  EXPECT_EQ(link_->under_way, 0) << "it asks for a pause";
  EXPECT_LT(time_.steady() - before, 1000s);
  api_.stop();
  EXPECT_TRUE(soon([&] { return ended_ == 5; }));
  ask(1);
  EXPECT_TRUE(soon([&] { return ended_ == 6; }));
}

}  // namespace
}  // namespace mullion::mirror
