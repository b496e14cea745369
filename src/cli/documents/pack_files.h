// Content packs as documents and as directories (contract: content.md section 3). Pure: no file is touched.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

namespace json = boost::json;

/// One file below the directory of a pack: "profiles/global.yaml", "._Name.meta".
struct PackFile {
  std::string path;
  std::string text;
};

/// The files a pack becomes, sorted by path. `extension` of objects is "yaml" or "json". A template that is
/// nothing but text becomes that text; everything else stays an object, so that nothing is lost.
/// kBadRequest when this is no pack or two keys would share a file.
Result<std::vector<PackFile>> files_of_pack(const json::value& pack, const std::string& extension);

/// What is worth a word about files that make a pack.
struct PackRemarks {
  std::vector<std::string> skipped;   // paths that do not belong to one
  std::vector<std::string> repeated;  // objects that stand in two files, for people: the last one counts
};

/// The pack that files make, in their order. Numbers and booleans become texts where an object's type wants
/// texts. Errors name the file that cannot be read as an object or has no key.
Result<json::value> pack_of_files(const std::vector<PackFile>& files, PackRemarks& remarks);

/// Key of an object of a section: what its type calls the key, or Id, or Name; "" when there is none.
std::string object_key(std::string_view section, const json::value& object);

/// Without what servers compute: Available, Validated, Errors, ReadOnly, Bundle, Endpoint, Partial, and who
/// made or changed it when.
json::value without_computed(json::value object);

/// The document `contents document` prints: reStructuredText, as the objects' Documentation is.
std::string pack_document(const json::value& pack);

}  // namespace mullion::cli
