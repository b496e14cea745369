// Bodies of servers elsewhere, which must not take as long as they like.
#pragma once

#include "catalog/catalog.h"
#include "env/clock.h"
#include "net/http.h"

namespace mullion::catalog {

/// `body` with a pace; kTimeout once it is below. Silence is the business of whoever reads from the network:
/// each piece that comes is an occasion to look at the clock.
class PacedBody final : public net::BodySource {
 public:
  PacedBody(net::BodySource& body, Pace pace, const env::Clock& clock)
      : body_(body), pace_(pace), clock_(clock), begun_(clock.steady()) {}
  env::Task<Result<std::string_view>> next() override;
  std::optional<uint64_t> size() const override { return body_.size(); }

 private:
  net::BodySource& body_;
  const Pace pace_;
  const env::Clock& clock_;
  env::SteadyTime begun_;  // of the present window
  uint64_t bytes_ = 0;     // in it
};

}  // namespace mullion::catalog
