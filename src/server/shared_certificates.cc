#include "server/shared_certificates.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "env/file.h"
#include "server/internal/log.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
using Port = api::Certificates::Port;
constexpr std::string_view kSpace = "port-certificates";

struct Pair {
  std::string certificate, key;
};

std::string_view word_of(Port port) { return port == Port::kApi ? "api" : "static"; }

std::optional<Pair> agreed_pair(const store::Store& store, Port port) {
  const auto text = store.snapshot()->secret(kSpace, word_of(port));
  if (!text) return std::nullopt;
  Result<Pair> pair = read_json(*text, "the agreed certificate", [](const json::object& object) {
    return Pair{std::string(object.at("cert").as_string()), std::string(object.at("key").as_string())};
  });
  if (pair) return std::move(*pair);
  kLog.error("{} port={}", pair.error().messages.front(), word_of(port));
  return std::nullopt;
}

}  // namespace

Result<void> SharedCertificates::agree(Port port, const std::string& certificate_pem,
                                       const std::string& key_pem) {
  store::Batch batch;
  batch.principal = "system";
  batch.secrets.push_back({std::string(kSpace), std::string(word_of(port)),
                           json::serialize(json::object{{"cert", certificate_pem}, {"key", key_pem}})});
  const Result<store::Cursor> done = store_.commit_sync(std::move(batch));
  if (!done) return done.error();
  return {};
}

Result<void> SharedCertificates::replace(Port port, const std::string& certificate_pem,
                                         const std::string& key_pem) {
  const Lock lock(mutex_);
  if (Result<void> used = own_.replace(port, certificate_pem, key_pem); !used) return used;
  changed_();
  return agree(port, certificate_pem, key_pem);
}

Result<void> SharedCertificates::offer() {
  const Lock lock(mutex_);
  if (agreed_pair(store_, Port::kApi)) return {};
  Result<void> offered = offer_own(Port::kApi);
  const bool own_static =
      own_.files(Port::kStatic).certificate_file != own_.files(Port::kApi).certificate_file;
  if (offered && own_static) offered = offer_own(Port::kStatic);
  return offered;
}

Result<void> SharedCertificates::offer_own(Port port) {
  const net::TlsFiles files = own_.files(port);
  const Result<std::string> certificate = env::read_file(files.certificate_file);
  const Result<std::string> key = env::read_file(files.key_file);
  if (!certificate || !key) return certificate ? key.error() : certificate.error();
  return agree(port, *certificate, *key);
}

void SharedCertificates::follow() {
  const Lock lock(mutex_);
  for (const Port port : {Port::kApi, Port::kStatic}) {
    const std::optional<Pair> agreed = agreed_pair(store_, port);
    if (!agreed) continue;
    const Result<std::string> here = own_.certificate(port);
    if (here && *here == agreed->certificate) continue;
    if (Result<void> used = own_.replace(port, agreed->certificate, agreed->key); !used) {
      kLog.warn("the cluster's certificate cannot be used for port {}: {}", word_of(port),
                used.error().text());
      continue;
    }
    changed_();
  }
}

}  // namespace mullion::server
