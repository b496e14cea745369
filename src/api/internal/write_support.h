// Between requests and the writes that they ask for.
#pragma once

#include "api/internal/call.h"
#include "api/internal/rights.h"
#include "objects/turns.h"
#include "objects/write.h"

namespace mullion::api {

using objects::exclusive_turn;
using objects::kMostAttempts;
using objects::object_turn;

/// The write of an object of the request's collection, made by whoever asks. The call must outlive it.
class RequestedWrite {
  const RequestRights rights_;
  const objects::Caller caller_;

 public:
  explicit RequestedWrite(const Call& call);
  RequestedWrite(const RequestedWrite&) = delete;
  RequestedWrite& operator=(const RequestedWrite&) = delete;

  objects::Write write;
};

/// The object, its ETag and its commit.
net::Response written_response(const Call& call, int status, const objects::Written& written);

}  // namespace mullion::api
