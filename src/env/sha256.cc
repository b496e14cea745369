#include "env/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/letters.h"

namespace mullion::env {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void Sha256::add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

std::string Sha256::hex() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), hash, &size);
  return hex_text({reinterpret_cast<const char*>(hash), size});
}

}  // namespace mullion::env
