#include "server/process_settings.h"

extern char** environ;

namespace mullion::server {
namespace {

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

}  // namespace

Result<settings::Settings> process_settings(const std::vector<std::string>& arguments) {
  return settings::Settings::parse(arguments, environment());
}

}  // namespace mullion::server
