// Certificates of the API's and the static server's port.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "base/base64.h"

namespace mullion::api {
namespace {

Certificates::Port port_of(const Call& call) {
  return call.route->pattern.find("/static/") != std::string_view::npos ? Certificates::Port::kStatic
                                                                        : Certificates::Port::kApi;
}

Error certificate_refused(ErrorCode code, std::string message) {
  return Error(code, "", "certs", "", {std::move(message)});
}

/// PEM text of one member of a TlsCert.
Result<std::string> pem_member(const json::value& body, std::string_view name) {
  const json::value* value = body.is_object() ? body.get_object().if_contains(name) : nullptr;
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    return certificate_refused(ErrorCode::kBadRequest, fmt::format("{}: expected PEM in base64", name));
  }
  std::optional<std::string> pem = base64_decode_lines(value->get_string());
  if (!pem) return certificate_refused(ErrorCode::kBadRequest, fmt::format("{}: not base64", name));
  return std::move(*pem);
}

/// The private key never leaves the server.
net::Response certificate_response(std::string_view pem) {
  json::object answer;
  answer["Cert"] = base64_encode(pem);
  answer["Key"] = "";
  return json_response(200, json::value(std::move(answer)));
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> show_certificate(Call& call) {
  std::optional<Result<std::string>> pem;
  co_await env::run_blocking([&] { pem = call.services.certificates.certificate(port_of(call)); });
  if (!*pem) co_return (*pem).error();
  co_return certificate_response(**pem);
}

env::Task<Result<net::Response>> replace_certificate(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  Result<std::string> certificate = pem_member(*body, "Cert");
  if (!certificate) co_return certificate.error();
  Result<std::string> key = pem_member(*body, "Key");
  if (!key) co_return key.error();
  Result<void> replaced;
  co_await env::run_blocking(
      [&] { replaced = call.services.certificates.replace(port_of(call), *certificate, *key); });
  if (!replaced) co_return certificate_refused(replaced.error().code, replaced.error().messages.front());
  co_return certificate_response(*certificate);
}

}  // namespace handlers
}  // namespace mullion::api
