#include "manager/link.h"

#include <fmt/format.h>

namespace mullion::manager {
namespace {

class DialledOut final : public Link {
 public:
  explicit DialledOut(std::unique_ptr<net::Client> client) : client_(std::move(client)) {}

  env::Task<Result<net::ClientResponse>> request(net::ClientRequest request) override {
    return client_->send(std::move(request));
  }
  env::Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string target,
                                                            net::Headers headers) override {
    return client_->connect_websocket(std::move(target), std::move(headers));
  }
  std::string certificate() const override { return client_->peer_fingerprint(); }
  void close() override { client_->close(); }

 private:
  const std::unique_ptr<net::Client> client_;
};

Result<std::shared_ptr<Link>> dial(env::Runtime& runtime, const Connection& connection) {
  net::ClientOptions options;
  options.base_url = connection.url;
  options.trust.pinned_fingerprint = connection.authorities.empty() ? connection.fingerprint : "";
  options.trust.ca_file = connection.authorities.string();
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, std::move(options));
  if (client) return std::shared_ptr<Link>(std::make_shared<DialledOut>(std::move(*client)));
  if (connection.authorities.empty()) return client.error();
  // The same words whatever is wrong with the file: whoever edits an Endpoint need not learn what is there.
  return Error(ErrorCode::kInvalid,
               fmt::format("{}: the folder of authorities has no such PEM file", kAuthorities));
}

}  // namespace

Dial dial_out(env::Runtime& runtime) {
  return [&runtime](const Connection& connection) { return dial(runtime, connection); };
}

}  // namespace mullion::manager
