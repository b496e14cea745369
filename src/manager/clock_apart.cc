#include "manager/clock_apart.h"

#include "net/range.h"

namespace mullion::manager {
namespace {

/// An answer that took longer may have been dated at any moment meanwhile.
constexpr env::Duration kSoon = std::chrono::seconds(1);
constexpr env::Duration kGrain = std::chrono::seconds(1);  // of dates in headers

class ComparedLink final : public Link {
 public:
  ComparedLink(std::shared_ptr<Link> link, std::shared_ptr<ClockApart> clocks, const env::Clock& own)
      : link_(std::move(link)), clocks_(std::move(clocks)), own_(own) {}

  env::Task<Result<net::ClientResponse>> request(net::ClientRequest request) override {
    const env::WallTime sent = own_.wall();
    Result<net::ClientResponse> answer = co_await link_->request(std::move(request));
    if (answer) {
      if (const auto date = answer->headers.get("Date")) clocks_->told(*date, sent, own_.wall());
    }
    co_return answer;
  }
  env::Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string target,
                                                            net::Headers headers) override {
    return link_->stream(std::move(target), std::move(headers));
  }
  std::string certificate() const override { return link_->certificate(); }
  void close() override { link_->close(); }

 private:
  const std::shared_ptr<Link> link_;
  const std::shared_ptr<ClockApart> clocks_;
  const env::Clock& own_;
};

}  // namespace

void ClockApart::told(std::string_view date, env::WallTime sent, env::WallTime received) {
  env::WallTime theirs;
  if (!net::parse_http_date(date, theirs) || received < sent || received - sent > kSoon) return;
  // It was dated between `sent` and `received`, at `theirs` or up to a second later.
  const env::Duration least = theirs - received;
  const env::Duration most = theirs + kGrain - sent;
  const bool same = least <= env::Duration::zero() && most >= env::Duration::zero();
  const Lock lock(mutex_);
  seconds_ = same ? 0 : std::chrono::duration<double>((least + most) / 2).count();
}

std::optional<double> ClockApart::seconds() const {
  const Lock lock(mutex_);
  return seconds_;
}

Dial compared(const Dial& dial, std::shared_ptr<ClockApart> clocks, const env::Clock& own) {
  return [&dial, clocks = std::move(clocks),
          &own](const Connection& connection) -> Result<std::shared_ptr<Link>> {
    Result<std::shared_ptr<Link>> link = dial(connection);
    if (!link) return link;
    return std::shared_ptr<Link>(std::make_shared<ComparedLink>(std::move(*link), clocks, own));
  };
}

}  // namespace mullion::manager
