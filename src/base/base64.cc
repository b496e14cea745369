#include "base/base64.h"

#include <sodium.h>

namespace mullion {
namespace {

std::string encode(std::string_view bytes, int variant) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  out.pop_back();  // the terminating zero
  return out;
}

/// `ignored`: characters that are passed over.
std::optional<std::string> decode(std::string_view text, const char* ignored, int variant) {
  std::string out(text.size() + 1, '\0');
  size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                                       text.size(), ignored, &length, &end, variant);
  if (failed != 0 || end != text.data() + text.size()) return std::nullopt;
  out.resize(length);
  return out;
}

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode(bytes, sodium_base64_VARIANT_ORIGINAL); }

std::optional<std::string> base64_decode(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  return decode(text, nullptr, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

std::optional<std::string> base64_decode_lines(std::string_view text) {
  return decode(text, "\r\n", sodium_base64_VARIANT_ORIGINAL);
}

std::string base64url_encode(std::string_view bytes) {
  return encode(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decode(text, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

}  // namespace mullion
