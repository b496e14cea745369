#include "net/peer_certificate.h"

#include "net/internal/client_pool.h"

namespace mullion::net {

Task<Result<PeerCertificate>> peer_certificate(env::Runtime& runtime, ClientOptions options) {
  Result<std::shared_ptr<internal::ClientPool>> made =
      internal::ClientPool::make(runtime, std::move(options));
  if (!made) co_return made.error();
  const std::shared_ptr<internal::ClientPool> pool = *made;
  if (!pool->origin().tls)
    co_return Error(ErrorCode::kInvalid, pool->options().base_url + " shows no certificate");
  Result<internal::ClientConnectionPtr> opened = co_await pool->open();
  if (!opened) co_return opened.error();
  pool->close();
  co_return pool->certificate();
}

}  // namespace mullion::net
