// Files and isos over HTTP: conditions, ranges, kinds of files, uploads in pieces.
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/internal/transfer.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using HeaderList = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kLater = "Sun, 06 Nov 1994 08:49:38 GMT";

std::string outcome(std::string_view method, const HeaderList& list, uint64_t size = 100) {
  net::Headers headers;
  for (const auto& [name, value] : list) headers.set(name, value);
  const FileVersion file{"\"e\"", env::WallTime(std::chrono::milliseconds(784111777500)), size};
  const Transfer transfer = choose_transfer(method, headers, file);
  if (transfer.status >= 300) return std::to_string(transfer.status);
  return fmt::format("{} {}-{} {}", transfer.status, transfer.bytes.first, transfer.bytes.last,
                     transfer.length);
}

TEST(Transfer, Conditions) {
  const struct {
    std::string method;
    HeaderList headers;
    std::string wanted;
  } kRows[] = {
      {"GET", {}, "200 0-99 100"},
      {"GET", {{"If-None-Match", "\"e\""}}, "304"},
      {"HEAD", {{"If-None-Match", "\"x\", W/\"e\""}}, "304"},
      {"GET", {{"If-None-Match", "*"}}, "304"},
      {"GET", {{"If-None-Match", "\"x\""}}, "200 0-99 100"},
      {"GET", {{"If-Modified-Since", kDate}}, "304"},
      {"GET", {{"If-Modified-Since", kLater}}, "304"},
      {"GET", {{"If-Modified-Since", kEarlier}}, "200 0-99 100"},
      {"GET", {{"If-Modified-Since", "yesterday"}}, "200 0-99 100"},
      {"GET", {{"If-None-Match", "\"x\""}, {"If-Modified-Since", kDate}}, "200 0-99 100"},
      {"GET", {{"If-Match", "\"e\""}}, "200 0-99 100"},
      {"GET", {{"If-Match", "\"x\""}}, "412"},
      {"GET", {{"If-Match", "\"x\""}, {"If-None-Match", "\"e\""}}, "412"},
      {"GET", {{"If-Unmodified-Since", kDate}}, "200 0-99 100"},
      {"GET", {{"If-Unmodified-Since", kEarlier}}, "412"},
      {"GET", {{"If-Match", "\"e\""}, {"If-Unmodified-Since", kEarlier}}, "200 0-99 100"},
  };
  for (const auto& row : kRows)
    EXPECT_EQ(outcome(row.method, row.headers), row.wanted) << row.headers[0].first;
}

TEST(Transfer, Ranges) {
  const struct {
    std::string method;
    HeaderList headers;
    uint64_t size;
    std::string wanted;
  } kRows[] = {
      {"GET", {{"Range", "bytes=0-9"}}, 100, "206 0-9 10"},
      {"GET", {{"Range", "bytes=90-"}}, 100, "206 90-99 10"},
      {"GET", {{"Range", "bytes=-1"}}, 100, "206 99-99 1"},
      {"GET", {{"Range", "bytes=100-"}}, 100, "416"},
      {"GET", {{"Range", "bytes=0-"}}, 0, "416"},
      {"GET", {}, 0, "200 0-0 0"},
      {"GET", {{"Range", "bytes=0-1,4-5"}}, 100, "200 0-99 100"},
      {"HEAD", {{"Range", "bytes=0-9"}}, 100, "200 0-99 100"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-Range", "\"e\""}}, 100, "206 0-9 10"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-Range", "\"x\""}}, 100, "200 0-99 100"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-Range", "W/\"e\""}}, 100, "200 0-99 100"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-Range", kDate}}, 100, "206 0-9 10"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-Range", kLater}}, 100, "200 0-99 100"},
      {"GET", {{"Range", "bytes=0-9"}, {"If-None-Match", "\"e\""}}, 100, "304"},
  };
  for (const auto& row : kRows) EXPECT_EQ(outcome(row.method, row.headers, row.size), row.wanted);
}

TEST(Transfer, KindsOfFiles) {
  EXPECT_EQ(media_type("ux/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(media_type("a.b/APP.JS"), "text/javascript; charset=utf-8");
  EXPECT_EQ(media_type("x.tar.gz"), "application/gzip");
  EXPECT_EQ(media_type("x.iso"), "application/x-iso9660-image");
  EXPECT_EQ(media_type("x.zst"), "application/zstd");
  EXPECT_EQ(media_type("x.avif"), "image/avif");
  for (const char* name : {"drpcli.amd64.linux", "noextension", "dir.html/file", "x.", ".html.unknown", ""}) {
    EXPECT_EQ(media_type(name), "application/octet-stream") << name;
  }
}

TEST(BlobRoutes, HeadersOfAFile) {
  Fixture fixture;
  const Answer got = fixture.call("GET", "/api/v3/files/a");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "0123456789");
  EXPECT_EQ(got.header("Last-Modified"), kDate);
  EXPECT_EQ(got.header("Content-Type"), "application/octet-stream");
  const std::string sum(64, 'e');
  EXPECT_EQ(got.header("X-DRP-SHA256SUM"), sum);
  EXPECT_EQ(got.header("ETag"), "\"SHA256:" + sum + "\"");
  const Answer part = fixture.call("GET", "/api/v3/files/a", "", "root", {{"Range", "bytes=2-3"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "23");
  EXPECT_EQ(part.header("Content-Range"), "bytes 2-3/10");
  const Answer beyond = fixture.call("GET", "/api/v3/isos/a", "", "root", {{"Range", "bytes=10-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("Content-Range"), "bytes */10");
  EXPECT_EQ(beyond.json().at("Code"), 416);
  EXPECT_EQ(beyond.json().at("Key"), "/a");
  const Answer changed = fixture.call("GET", "/api/v3/files/a", "", "root", {{"If-Match", "\"old\""}});
  EXPECT_EQ(changed.status, 412);
  EXPECT_EQ(changed.json().at("Model"), "files");
}

TEST(BlobRoutes, UploadsInPieces) {
  Fixture fixture;
  const auto send = [&](const std::string& text, const std::string& range) {
    return fixture.call("POST", "/api/v3/files/x", text, "root", {{"Content-Range", range}});
  };
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/files/x?partial=true").status, 404);
  const Answer first = send("abc", "bytes 0-2/5");
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(first.header("Upload-Offset"), "3");
  EXPECT_EQ(first.body, R"({"Path":"/x","Size":3})");
  const Answer asked = fixture.call("HEAD", "/api/v3/files/x?partial=true");
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(asked.header("Upload-Offset"), "3");
  const Answer wrong = send("x", "bytes 4-4/5");
  EXPECT_EQ(wrong.status, 409);
  EXPECT_EQ(wrong.header("Upload-Offset"), "3") << "a refusal says where to go on";
  EXPECT_EQ(send("x", "bytes 4-2/5").status, 400);
  EXPECT_EQ(send("x", "nonsense").json().at("Type"), "POST");
  const Answer last = send("de", "bytes 3-4/5");
  EXPECT_EQ(last.status, 201);
  EXPECT_EQ(last.body, R"({"Path":"/x","Size":5})");
  EXPECT_EQ(send("abc", "bytes 0-2/*").status, 202);
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/files/x?partial=true").status, 204);
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/files/x?partial=true").status, 404);
  fixture.authenticator.users["reader"] = {{"files", "get", "*"}};
  EXPECT_EQ(fixture.call("POST", "/api/v3/files/x", "a", "reader", {{"Content-Range", "bytes 0-0/2"}}).status,
            403);
}

}  // namespace
}  // namespace mullion::api
