#include "manager/endpoint_calls.h"

namespace mullion::manager {
namespace {

constexpr uint64_t kLongestAnswer = uint64_t{64} << 20;
constexpr auto kLeastPatience = std::chrono::seconds(60);

class ManagerCalls final : public EndpointCalls {
 public:
  ManagerCalls(Manager& manager, std::string endpoint) : manager_(manager), endpoint_(std::move(endpoint)) {}

  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    if (!request.timeout) request.timeout = kLeastPatience;
    Result<net::ClientResponse> response = co_await manager_.call(endpoint_, std::move(request));
    if (!response) co_return response.error();
    client::Answer answer{response->status, std::move(response->headers), {}};
    Result<std::string> body = co_await net::read_all(*response->body, kLongestAnswer);
    if (!body) co_return body.error();
    answer.body = std::move(*body);
    co_return answer;
  }

  bool is_foreign() const override { return manager_.is_foreign(endpoint_); }

 private:
  Manager& manager_;
  const std::string endpoint_;
};

}  // namespace

std::unique_ptr<EndpointCalls> calls_through(Manager& manager, std::string endpoint) {
  return std::make_unique<ManagerCalls>(manager, std::move(endpoint));
}

}  // namespace mullion::manager
