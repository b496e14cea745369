// URLs inside objects that something is read from: no login may stand in them.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::packs {

/// Where an attached endpoint answers, and where catalogs are read from: a text, or a list of texts.
inline constexpr std::string_view kEndpointUrl = "manager/url";
inline constexpr std::string_view kCatalogUrls = "manager_catalog_urls";

/// Why `value` may not be stored for `parameter`; empty for other parameters. No problem repeats a URL: it
/// may hold a credential. Pure.
std::vector<std::string> url_param_problems(std::string_view parameter, const boost::json::value& value);

/// Members of `object`, at any depth, that name a source to download from (Source, NOJQSource, IsoUrl) and
/// hold a login: one text each, which does not repeat it. Pure.
std::vector<std::string> logins_in_sources(const boost::json::object& object);

}  // namespace mullion::packs
