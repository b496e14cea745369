#include "content/internal/random_text.h"

#include <sodium.h>

#include <vector>

#include "env/random.h"

namespace mullion::content {

std::string random_text(size_t bytes) {
  std::vector<unsigned char> random(bytes);
  env::secure_random(random);
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string out(sodium_base64_encoded_len(bytes, kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), random.data(), random.size(), kVariant);
  out.pop_back();  // the terminating zero
  return out;
}

}  // namespace mullion::content
