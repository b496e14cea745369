#include "net/net_testing.h"

namespace mullion::net {
namespace {

using namespace testing;

/// Gives a little again and again.
class DrippingBody final : public BodySource {
 public:
  Task<Result<std::string_view>> next() override {
    co_await env::sleep_for(std::chrono::milliseconds(20));
    co_return std::string_view("x");
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }
};

Result<TextResponse> send(env::Runtime& runtime, ClientOptions options, bool& begun) {
  auto client = make_client(runtime, std::move(options));
  if (!client) return client.error();
  return run(runtime, [&client, &begun]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.method = "POST";
    request.target = "/";
    request.begun = &begun;
    Result<TextResponse> answer = co_await fetch(**client, std::move(request));
    co_return answer;
  });
}

std::string url_of(const Fixture& fixture) {
  return "http://127.0.0.1:" + std::to_string(fixture.server->port());
}

// What always makes a little progress would never end otherwise.
TEST(Client, HasADeadlineForEverythingTogether) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response;
    response.body = std::make_unique<DrippingBody>();
    co_return response;
  }});
  ClientOptions options{.base_url = url_of(fixture)};
  options.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  bool begun = false;
  EXPECT_EQ(send(fixture.runtime, std::move(options), begun).error().code, ErrorCode::kTimeout);
}

TEST(Client, TellsWhetherARequestWasBegun) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> { co_return text_response("done"); }});
  bool begun = false;
  EXPECT_FALSE(send(fixture.runtime, {.base_url = "http://127.0.0.1:1"}, begun));
  EXPECT_FALSE(begun);
  EXPECT_TRUE(send(fixture.runtime, {.base_url = url_of(fixture)}, begun));
  EXPECT_TRUE(begun);
}

}  // namespace
}  // namespace mullion::net
