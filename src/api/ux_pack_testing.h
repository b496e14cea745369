// Packs of the web interface for tests, whole and damaged ones.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "env/sha256.h"
#include "files/blobs_testing.h"

namespace mullion::api::testing {

struct PackContent {
  std::string name, type, text;
};

inline std::string sha256_of(std::string_view text) {
  env::Sha256 hash;
  hash.add(text);
  return hash.hex();
}

/// The bytes around an index and streams, whatever these are.
inline std::string pack_of(std::string_view index, std::string_view streams) {
  std::string out = "MUXPACK1";
  for (size_t i = 0; i < 4; ++i) out += static_cast<char>(index.size() >> (8 * i) & 255);
  return out.append(index).append(streams);
}

/// What tools/pack_ux.py makes of these files, which are sorted by name.
inline std::string make_pack(const std::vector<PackContent>& files) {
  boost::json::array entries;
  std::string streams;
  for (const PackContent& file : files) {
    const std::string gzip = files::testing::gzip_of(file.text);
    entries.push_back(boost::json::object{{"name", file.name},
                                          {"type", file.type},
                                          {"sha256", sha256_of(file.text)},
                                          {"offset", streams.size()},
                                          {"stored", gzip.size()},
                                          {"length", file.text.size()}});
    streams += gzip;
  }
  return pack_of(boost::json::serialize(boost::json::object{{"files", std::move(entries)}}), streams);
}

}  // namespace mullion::api::testing
