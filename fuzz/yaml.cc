// YAML from outside: what is read is written, and read again to what is written the same.
#include "yaml/yaml.h"

#include "fuzz/fuzz.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = yaml::read(fuzz::text_of(data, size));
  if (!read) return 0;
  const std::string text = yaml::write(*read);
  const auto again = yaml::read(text);
  fuzz::require(again.ok(), "written YAML can be read");
  fuzz::require(yaml::write(*again) == text, "it means the same");
  return 0;
}
