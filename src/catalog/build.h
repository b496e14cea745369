// From files to catalog items. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/items.h"

namespace mullion::catalog {

/// A file below files/rebar-catalog as the scan found it.
struct ScannedFile {
  std::string path;  // below rebar-catalog
  std::string sha256;
  boost::json::object meta;  // of packs and of providers that could be asked; else empty
  std::string problem;       // why it must be left out; empty: it is good
};

struct BuiltItems {
  std::vector<Item> items;            // sorted by id; `stable` and `tip` included
  std::vector<std::string> warnings;  // what was left out, and why
};

/// `source_root` stands in front of the paths in Source: "http://ADDRESS:PORT/files/rebar-catalog".
BuiltItems build_items(const std::vector<ScannedFile>& files, std::string_view source_root);

/// One version, without checksums.
Item version_item(std::string_view name, std::string_view version, std::string_view content_type,
                  std::string source);
/// The same under a version word: `stable` or `tip`.
Item alias_of(const Item& target, std::string_view word);

/// The catalog as a content pack, indented, one member per line.
std::string catalog_text(const std::vector<Item>& items, std::string_view version);

/// Two blanks of indentation, one member or element per line.
std::string indented_json(const boost::json::value& value);

}  // namespace mullion::catalog
