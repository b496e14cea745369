#include "cli/source.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>

#include "cli/catalog_plan.h"
#include "cli/document.h"

namespace mullion::cli {
namespace {

constexpr uint64_t kLargestDocument = 512ULL * 1024 * 1024;

bool is_file(const std::string& path) {
  std::error_code ignored;
  const bool may_be = path.size() < 4096 && path.find('\n') == std::string::npos;
  return may_be && std::filesystem::is_regular_file(path, ignored);
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file{std::filesystem::path(path), std::ios::binary};
  if (!file) return Error(ErrorCode::kBadRequest, fmt::format("cannot read {}", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::string> read_url(Invocation& call, const std::string& url) {
  Result<net::BodySourcePtr> body = call.session.open_url(url);
  if (!body) return body.error();
  return call.session.read_body(**body, kLargestDocument);
}

}  // namespace

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

Result<std::string> read_text(Invocation& call, const std::string& argument) {
  if (argument == "-") return std::string(std::istreambuf_iterator<char>(call.terminal.in), {});
  if (argument.starts_with('@') && is_file(argument.substr(1))) return read_file(argument.substr(1));
  if (is_url(argument) && argument.find_first_of(" \n") == std::string::npos) return read_url(call, argument);
  if (argument.starts_with("catalog:")) {
    Result<std::string> url = catalog_url(call, argument.substr(8));
    return url ? read_url(call, *url) : std::move(url);
  }
  return is_file(argument) ? read_file(argument) : Result<std::string>(argument);
}

Result<json::value> read_document(Invocation& call, const std::string& argument) {
  if (argument.starts_with('@') && !is_file(argument.substr(1))) {
    return Error(ErrorCode::kBadRequest, "there is no file " + argument.substr(1));
  }
  Result<std::string> text = read_text(call, argument);
  if (!text) return text.error();
  Result<json::value> parsed = parse_document(*text);
  if (parsed || *text == argument || parsed.error().messages.empty()) return parsed;
  Error error = parsed.error();
  error.messages[0].insert(0, (argument == "-" ? "stdin" : argument) + ": ");
  return error;
}

Result<json::value> read_value(Invocation& call, const std::string& argument) {
  if (is_url(argument)) return json::value(json::string_view(argument));  // parameters hold URLs
  Result<std::string> text = read_text(call, argument);
  if (!text) return text.error();
  Result<json::value> parsed = parse_document(*text);
  return parsed ? std::move(parsed) : Result<json::value>(json::value(json::string_view(*text)));
}

std::string read_secret(Invocation& call, const std::string& argument) {
  if (argument != "-") return argument;
  std::string line;
  std::getline(call.terminal.in, line);
  return line;
}

std::string own_platform() {
  utsname names{};
  uname(&names);
  std::string machine = names.machine;
  if (machine == "x86_64") machine = "amd64";
  if (machine == "aarch64") machine = "arm64";
  return machine + "/linux";
}

Result<json::object> read_catalog(Invocation& call) {
  if (call.options.catalog.empty()) {
    return Error(ErrorCode::kBadRequest, "no catalog is given: name one with --catalog URL or RS_CATALOG");
  }
  const std::string& source = call.options.catalog;
  Result<std::string> text = is_url(source) ? read_url(call, source) : read_file(source);
  if (!text) return text.error();
  Result<json::value> catalog = parse_document(*text);
  if (!catalog) return catalog.error();
  const json::value* sections = member(*catalog, "sections");
  const json::value* items = sections == nullptr ? nullptr : member(*sections, "catalog_items");
  if (items != nullptr && items->is_object()) return items->get_object();
  return Error(ErrorCode::kBadRequest, source + " is no catalog: sections.catalog_items is missing");
}

Result<std::string> catalog_url(Invocation& call, const std::string& item) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  const json::value* found = items->if_contains(item);
  if (found == nullptr) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("the catalog has no item {} (such as task-library-stable)", item));
  }
  return item_url(*found, own_platform());
}

}  // namespace mullion::cli
