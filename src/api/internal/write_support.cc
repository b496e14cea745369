#include "api/internal/write_support.h"

#include "api/internal/answers.h"
#include "api/internal/heavy.h"
#include "api/internal/shown_secrets.h"

namespace mullion::api {
namespace {

objects::WriteOptions options_of(const Call& call) {
  return {call.requested_id(), call.arguments.has("prefix"), call.flag("force")};
}

}  // namespace

RequestedWrite::RequestedWrite(const Call& call)
    : rights_(call),
      caller_{call.principal, rights_, caller_of(call), call.log, call.right_covered},
      write(call.services, *call.type, caller_, options_of(call)) {}

net::Response written_response(const Call& call, int status, const objects::Written& written) {
  std::string text;
  const Target& target = written.target;
  const std::string secret = written.secret.empty()
                                 ? visible_secret(call.principal, call.services.store, *call.type, target)
                                 : written.secret;
  const std::string body = objects::with_secret(*call.type, target.body, secret);
  if (call.type->traits.has_endpoint) {
    model::append_with_endpoint(text, body, call.services.endpoint_name(target.owner));
  } else {
    text = body;
  }
  net::Response response = json_response(status, std::move(text));
  response.headers.set("ETag", etag_of(written.target.body));
  add_commit_header(call, written.cursor, response);
  return response;
}

}  // namespace mullion::api
