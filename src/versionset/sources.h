// Where files of version sets come from and go to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::versionset {

/// Sources that are files of this server begin with it.
inline constexpr std::string_view kSelf = "self://";

/// "files/..." or "isos/..." without detours; kInvalid.
Result<void> check_file_path(std::string_view path);
/// A path that files may be put to: not below what servers fill and tidy up by themselves; kInvalid.
Result<void> check_target(std::string_view path);
/// self://files/..., self://isos/..., http(s)://..., {{.ProvisionerURL}}/... or {{.ApiURL}}/...; kInvalid.
Result<void> check_source(std::string_view source);
/// "files/..." or "isos/...", when the source is a file of this server.
std::optional<std::string> own_file_of(std::string_view source);
/// The source with the templates filled in. A trailing slash of the addresses does not matter.
std::string rendered_source(std::string_view source, std::string_view provisioner_url,
                            std::string_view api_url);

/// Where what travelled from a manager lies at the downstream one, under files/; ends with a slash. Not below
/// rebar-catalog: a build there must not make it that manager's `stable`.
std::string travelled_tree(std::string_view from);

}  // namespace mullion::versionset
