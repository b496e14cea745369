#include "content/internal/random_text.h"

#include <vector>

#include "base/base64.h"
#include "env/random.h"

namespace mullion::content {

std::string random_text(size_t bytes) {
  std::vector<unsigned char> random(bytes);
  env::secure_random(random);
  return base64url_encode({reinterpret_cast<const char*>(random.data()), random.size()});
}

}  // namespace mullion::content
