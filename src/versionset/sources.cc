#include "versionset/sources.h"

#include <fmt/format.h>

#include "base/text.h"

namespace mullion::versionset {
namespace {

constexpr std::string_view kProvisioner = "{{.ProvisionerURL}}";
constexpr std::string_view kApiTemplate = "{{.ApiURL}}";
constexpr std::string_view kCatalogTree = "files/rebar-catalog/";
constexpr std::string_view kTravelled = "travelled/";  // below files/

bool in_a_bucket(std::string_view path) { return path.starts_with("files/") || path.starts_with("isos/"); }

/// Templates may have blanks inside their braces.
std::string without_blanks(std::string_view source) {
  std::string out(source);
  for (const std::string_view name : {".ProvisionerURL", ".ApiURL"}) {
    const std::string spaced = fmt::format("{{{{ {} }}}}", name);
    if (out.starts_with(spaced)) out.replace(0, spaced.size(), fmt::format("{{{{{}}}}}", name));
  }
  return out;
}

/// What follows `address` in `source`; absent when it does not begin with it.
std::optional<std::string_view> rest_of(std::string_view source, std::string_view prefix) {
  if (!source.starts_with(prefix)) return std::nullopt;
  source.remove_prefix(prefix.size());
  while (source.starts_with('/')) source.remove_prefix(1);
  return source;
}

std::string joined(std::string_view address, std::string_view rest) {
  while (address.ends_with('/')) address.remove_suffix(1);
  return fmt::format("{}/{}", address, rest);
}

}  // namespace

Result<void> check_file_path(std::string_view path) {
  if (!in_a_bucket(path))
    return Error(ErrorCode::kInvalid, fmt::format("`{:.200}` does not begin with files/ or isos/", path));
  const std::vector<std::string> parts = split_list(path, '/');
  bool plain = parts.size() > 1 && path.find("//") == std::string_view::npos && !path.ends_with('/');
  for (const std::string& part : parts) plain = plain && part != "." && part != "..";
  if (!plain) return Error(ErrorCode::kInvalid, fmt::format("`{:.200}` is no path of a file", path));
  return {};
}

Result<void> check_target(std::string_view path) {
  if (Result<void> plain = check_file_path(path); !plain) return plain;
  if (path.starts_with(kCatalogTree))
    return Error(
        ErrorCode::kInvalid,
        fmt::format("`{:.200}` is below {}, where a server's own catalog is built from", path, kCatalogTree));
  if (path.starts_with(fmt::format("files/{}", kTravelled)))
    return Error(ErrorCode::kInvalid,
                 fmt::format("`{:.200}` is below files/{}, where what comes with travelling "
                             "version sets is kept and taken away again",
                             path, kTravelled));
  return {};
}

std::optional<std::string> own_file_of(std::string_view source) {
  const std::string plain = without_blanks(source);
  for (const std::string_view prefix : {kSelf, kProvisioner, kApiTemplate}) {
    const std::optional<std::string_view> rest = rest_of(plain, prefix);
    if (rest && check_file_path(*rest)) return std::string(*rest);
  }
  return std::nullopt;
}

Result<void> check_source(std::string_view source) {
  if (source.empty())
    return Error(ErrorCode::kInvalid, "is missing: self://files/..., self://isos/... or a URL");
  if (own_file_of(source)) return {};
  const std::string plain = without_blanks(source);
  for (const std::string_view prefix :
       {std::string_view("http://"), std::string_view("https://"), kProvisioner, kApiTemplate}) {
    const std::optional<std::string_view> rest = rest_of(plain, prefix);
    if (rest && !rest->empty() && rest->find("{{") == std::string_view::npos) return {};
  }
  return Error(ErrorCode::kInvalid,
               fmt::format("`{:.200}` is none of self://files/..., self://isos/..., http(s)://..., "
                           "{{{{.ProvisionerURL}}}}/..., {{{{.ApiURL}}}}/...",
                           source));
}

std::string rendered_source(std::string_view source, std::string_view provisioner_url,
                            std::string_view api_url) {
  if (const std::optional<std::string> own = own_file_of(source)) return fmt::format("{}{}", kSelf, *own);
  const std::string plain = without_blanks(source);
  if (const auto rest = rest_of(plain, kProvisioner)) return joined(provisioner_url, *rest);
  if (const auto rest = rest_of(plain, kApiTemplate)) return joined(api_url, *rest);
  return plain;
}

std::string travelled_tree(std::string_view from) { return fmt::format("{}{}/", kTravelled, from); }

}  // namespace mullion::versionset
