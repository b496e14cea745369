#include "api/internal/ux_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/ux_pack_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

const std::string kStream = files::testing::gzip_of("<html>");

json::object sound_entry() {
  return {{"name", "index.html"}, {"type", "text/html"},      {"sha256", testing::sha256_of("<html>")},
          {"offset", 0},          {"stored", kStream.size()}, {"length", 6}};
}

std::string pack_with(std::vector<json::object> entries, const std::string& streams = kStream) {
  json::array files;
  for (json::object& entry : entries) files.push_back(std::move(entry));
  return testing::pack_of(json::serialize(json::object{{"files", std::move(files)}}), streams);
}

json::object changed(std::string_view member, json::value value) {
  json::object entry = sound_entry();
  entry[member] = std::move(value);
  return entry;
}

TEST(UxPackReader, GivesEveryFileAsItWas) {
  std::string script(300'000, 'x');
  script += "the end";
  const std::string bytes = testing::make_pack(
      {{"assets/a-1.js", "text/javascript; charset=utf-8", script}, {"index.html", "text/html", "<html>"}});
  const Result<UxPack> pack = UxPack::read(bytes);
  ASSERT_TRUE(pack) << pack.error().text();
  EXPECT_FALSE(pack->empty());
  const PackedFile* file = pack->find("assets/a-1.js");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->media_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(file->length, script.size());
  EXPECT_LT(file->gzip.size(), 10'000U);
  EXPECT_EQ(*unpacked(*file), script);
  EXPECT_EQ(*unpacked(*pack->find("index.html")), "<html>");
  for (const std::string_view name :
       {"", "index", "index.htm", "index.htmlx", "assets", "assets/", "assets/a-2.js"})
    EXPECT_EQ(pack->find(name), nullptr) << name;
}

TEST(UxPackReader, NoBytesAreNoInterface) {
  const Result<UxPack> pack = UxPack::read("");
  ASSERT_TRUE(pack);
  EXPECT_TRUE(pack->empty());
  EXPECT_EQ(pack->find("index.html"), nullptr);
}

TEST(UxPackReader, EveryCutIsNoticedBeforeAnythingIsServed) {
  const std::string bytes = testing::make_pack(
      {{"assets/a-1.js", "text/javascript", "let x;"}, {"index.html", "text/html", "<html>"}});
  for (size_t length = 1; length < bytes.size(); ++length) {
    const Result<UxPack> pack = UxPack::read(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(pack) << length;
    EXPECT_EQ(pack.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(pack.error().messages.front(), HasSubstr("the web interface of this program is damaged: "));
  }
}

TEST(UxPackReader, RefusesWhatIsNoPack) {
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  const json::string sum(64, 'A');
  struct Case {
    std::string bytes, says;
  };
  const std::vector<Case> cases{
      {"MUXPACK2\2\0\0\0{}", "begin"},
      {std::string("MUXPACK1\xff\xff\xff\xff{}", 14), "4294967295 bytes"},
      {testing::pack_of("{", ""), "no JSON"},
      {testing::pack_of("[]", ""), "no object"},
      {testing::pack_of("{}", ""), "index.html: it is not there"},
      {testing::pack_of(R"({"files":[1]})", ""), "no object"},
      {testing::pack_of("[[[[[[[[[[]]]]]]]]]]", ""), "no JSON"},
      {pack_with({changed("name", "other.html")}), "index.html: it is not there"},
      {pack_with({changed("name", "")}), "no name"},
      {pack_with({changed("name", "/index.html")}), "no name"},
      {pack_with({changed("name", "a//index.html")}), "no name"},
      {pack_with({changed("name", "../index.html")}), "no name"},
      {pack_with({changed("name", "a/./index.html")}), "no name"},
      {pack_with({changed("name", "a/")}), "no name"},
      {pack_with({changed("name", "a\nb")}), "no name"},
      {pack_with({changed("name", json::string(300, 'a'))}), "no name"},
      {pack_with({changed("type", "text/html\r\nSet-Cookie: a=b")}), "media type"},
      {pack_with({changed("type", 1)}), "media type"},
      {pack_with({changed("sha256", sum)}), "sha256"},
      {pack_with({changed("sha256", "abc")}), "sha256"},
      {pack_with({changed("offset", -1)}), "no counts"},
      {pack_with({changed("offset", "0")}), "no counts"},
      {pack_with({changed("stored", 1.5)}), "no counts"},
      {pack_with({changed("stored", nullptr)}), "no counts"},
      {pack_with({changed("offset", most)}), "ends behind the pack"},
      {pack_with({changed("offset", 1)}), "ends behind the pack"},
      {pack_with({changed("stored", most)}), "ends behind the pack"},
      {pack_with({changed("stored", kStream.size() + 1)}), "ends behind the pack"},
      {pack_with({changed("length", most)}), "larger than"},
      {pack_with({changed("stored", 1)}), "no gzip stream"},
      {pack_with({changed("name", "a"), sound_entry()}), "overlaps"},
      {pack_with({sound_entry(), sound_entry()}, kStream + kStream), "a name twice"},
      {pack_with({sound_entry(), changed("name", "a")}), "not sorted"},
  };
  for (const Case& broken : cases) {
    const Result<UxPack> pack = UxPack::read(broken.bytes);
    ASSERT_FALSE(pack) << broken.says;
    EXPECT_EQ(pack.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(pack.error().messages.front(), HasSubstr(broken.says));
  }
  EXPECT_TRUE(UxPack::read(pack_with({sound_entry()}))) << "what the cases above are made from is fine";
}

TEST(UxPackReader, WhatDoesNotUnpackToWhatWasPackedIsNotServed) {
  const auto only = [](json::object entry, const std::string& streams) {
    const std::string bytes = pack_with({std::move(entry)}, streams);
    const Result<UxPack> pack = UxPack::read(bytes);
    EXPECT_TRUE(pack);
    return unpacked(*pack->find("index.html"));
  };
  EXPECT_TRUE(only(sound_entry(), kStream));
  EXPECT_EQ(only(changed("sha256", json::string(64, '0')), kStream).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(only(changed("length", 5), kStream).error().code, ErrorCode::kCorrupt) << "more than it says";
  EXPECT_EQ(only(changed("length", 7), kStream).error().code, ErrorCode::kCorrupt) << "less than it says";
  EXPECT_FALSE(only(changed("stored", kStream.size() - 9), kStream)) << "cut";
  std::string damaged = kStream;
  damaged[damaged.size() / 2] ^= 0x55;
  EXPECT_FALSE(only(sound_entry(), damaged));
}

}  // namespace
}  // namespace mullion::api
