// Several catalogs, fetching, cleaning up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/mutex.h"
#include "catalog/catalog_testing.h"

namespace mullion::catalog {
namespace {

using testing::CatalogTest;
using testing::Elsewhere;
using testing::pack_text;
namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const char* const kOwnItem = R"({"Id":"a-v1.0.0","Name":"a","Version":"v1.0.0","ActualVersion":"v1.0.0",
  "ContentType":"ContentPackage","Source":"own"})";

TEST_F(CatalogTest, OwnObjectsComeBeforePacksAndAreFollowed) {
  write_pack("a", "v1.0.0");
  build();
  std::atomic<int> told{0};
  catalog_->on_change([&told] { ++told; });
  store_object("catalog_items", "a-v1.0.0", kOwnItem);
  eventually([&] { return catalog_->items()->find("a-v1.0.0")->source == "own"; });
  EXPECT_GE(told, 1);
  EXPECT_THAT(catalog_->items()->named("a", ""), SizeIs(2));
}

std::string catalog_of(const std::string& name, const std::string& version) {
  json::object item{{"Id", name + "-" + version}, {"Name", name},      {"Version", version},
                    {"ActualVersion", version},   {"Source", version}, {"ContentType", "ContentPackage"}};
  return json::serialize(json::object{{"sections", {{"catalog_items", {{name + "-" + version, item}}}}}});
}

// Breakages 2 and 3: one setting rules where the catalog is looked for, several catalogs are joined in its
// order.
TEST_F(CatalogTest, CatalogsOfElsewhereAreJoinedInOrder) {
  Elsewhere elsewhere(runtime_);
  elsewhere.put("/one.json", catalog_of("x", "v1.0.0"));
  elsewhere.put("/two.json", catalog_of("x", "v2.0.0"));
  write("own.json", catalog_of("y", "v3.0.0"));
  set_places({elsewhere.url() + "/one.json", "self://files/own.json", elsewhere.url() + "/two.json",
              elsewhere.url() + "/gone.json"});
  eventually([&] { return !actual("x-v2.0.0").empty(); });
  EXPECT_EQ(catalog_->items()->all().front().id, "x-v1.0.0");
  EXPECT_EQ(actual("y-v3.0.0"), "v3.0.0");
  eventually([&] { return catalog_->problems().size() == 1; });
  EXPECT_THAT(catalog_->problems(), ElementsAre(HasSubstr("gone.json: HTTP status 404")));
  set_places({"self://own.json"});
  eventually([&] { return actual("x-v1.0.0").empty(); });
  EXPECT_EQ(actual("y-v3.0.0"), "v3.0.0");
}

// One slow server must not hold up own objects, nor may the list with it count before it has answered.
TEST_F(CatalogTest, OwnObjectsDoNotWaitForSlowCatalogs) {
  Elsewhere elsewhere(runtime_);
  elsewhere.put("/slow.json", catalog_of("x", "v1.0.0"));
  elsewhere.put("/fast.json", catalog_of("y", "v1.0.0"));
  elsewhere.hold("/slow.json");
  set_places({elsewhere.url() + "/slow.json", elsewhere.url() + "/fast.json"});
  eventually([&] { return elsewhere.seen() == std::vector<std::string>{"/fast.json"}; });
  store_object("catalog_items", "a-v1.0.0", kOwnItem);
  eventually([&] { return actual("a-v1.0.0") == "v1.0.0"; });
  EXPECT_EQ(actual("y-v1.0.0"), "");
  elsewhere.release();
  eventually([&] { return actual("y-v1.0.0") == "v1.0.0"; });
  EXPECT_EQ(actual("x-v1.0.0"), "v1.0.0");
}

TEST_F(CatalogTest, AnEmptyAnswerIsNoCatalog) {
  Elsewhere elsewhere(runtime_);
  elsewhere.put("/c.json", catalog_of("x", "v1.0.0"));
  elsewhere.put("/never.json", "");
  elsewhere.answer_with("/early.json", 304);
  elsewhere.answer_with("/odd.json", 204);
  set_places({elsewhere.url() + "/c.json", elsewhere.url() + "/never.json", elsewhere.url() + "/early.json",
              elsewhere.url() + "/odd.json"});
  eventually([&] { return actual("x-v1.0.0") == "v1.0.0"; });
  EXPECT_THAT(catalog_->problems(), ::testing::UnorderedElementsAre(HasSubstr("never.json: no catalog"),
                                                                    HasSubstr("early.json: HTTP status 304"),
                                                                    HasSubstr("odd.json: HTTP status 204")));
  elsewhere.put("/c.json", "");
  build();  // asks again
  eventually([&] { return catalog_->problems().size() == 4; });
  EXPECT_EQ(actual("x-v1.0.0"), "v1.0.0");
}

TEST_F(CatalogTest, WhatWasReadLastStaysWhileNobodyAnswers) {
  auto elsewhere = std::make_unique<Elsewhere>(runtime_);
  elsewhere->put("/c.json", catalog_of("x", "v1.0.0"));
  set_places({elsewhere->url() + "/c.json"});
  eventually([&] { return actual("x-v1.0.0") == "v1.0.0"; });
  elsewhere->stop();
  build();  // asks again
  eventually([&] { return !catalog_->problems().empty(); });
  EXPECT_EQ(actual("x-v1.0.0"), "v1.0.0");
  close();
  open();  // without network from the start
  EXPECT_EQ(actual("x-v1.0.0"), "v1.0.0");
}

TEST_F(CatalogTest, FetchVerifiesWhatIsHere) {
  write_pack("a", "v1.0.0");
  build();
  const auto artifact = artifact_of(*catalog_->items()->find("a-stable"), "amd64", "linux");
  ASSERT_TRUE(artifact);
  const auto good = fetch(*artifact);
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->path, "rebar-catalog/a/v1.0.0.json");
  const std::string built = artifact->sha256;
  write("rebar-catalog/a/v1.0.0.json", "rotten");
  const auto bad = fetch(*artifact);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(bad.error().messages.front(), "rebar-catalog/a/v1.0.0.json: expected sha256 " + built +
                                              ", the file has " + sha256("rebar-catalog/a/v1.0.0.json"));
  fs::remove(tree() / "a" / "v1.0.0.json");
  EXPECT_EQ(fetch(*artifact).error().code, ErrorCode::kNotFound);
}

// Breakage 8: neither updateLocal nor item install checked what came.
TEST_F(CatalogTest, FetchBringsResumesAndVerifiesWhatIsElsewhere) {
  Elsewhere elsewhere(runtime_);
  const std::string text = pack_text("a", "v1.0.0", R"(,"Description":")" + std::string(100'000, 'd') + "\"");
  write("sample", text);
  const std::string sum = sha256("sample");
  elsewhere.put("/a.json", text);
  elsewhere.cut_after(40'000);
  Artifact artifact{elsewhere.url() + "/a.json", "rebar-catalog/a/v1.0.0.json", sum};
  std::vector<std::future<Result<files::Blobs::Info>>> fetches;
  for (int i = 0; i < 5; ++i) {
    fetches.push_back(env::launch(runtime_, [this, artifact] { return catalog_->fetch(artifact); }));
  }
  for (auto& one : fetches) {
    const auto info = one.get();
    ASSERT_TRUE(info) << info.error().text();
    EXPECT_EQ(info->sha256, sum);
  }
  EXPECT_EQ(read(tree() / "a" / "v1.0.0.json"), text);
  EXPECT_THAT(elsewhere.seen(), ElementsAre("/a.json", "/a.json bytes=40000-"));

  artifact.path = "rebar-catalog/b/v1.0.0.json";
  artifact.sha256 = std::string(64, '0');
  const auto wrong = fetch(artifact);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(fs::exists(tree() / "b" / "v1.0.0.json"));
  artifact.sha256 = "";
  EXPECT_EQ(fetch(artifact).error().code, ErrorCode::kInvalid);
  artifact.sha256 = sum;
  artifact.source = elsewhere.url() + "/none.json";
  EXPECT_EQ(fetch(artifact).error().code, ErrorCode::kNotFound);
}

TEST_F(CatalogTest, FetchResumesAnswersWithoutLength) {
  Elsewhere elsewhere(runtime_);
  const std::string text = pack_text("a", "v1.0.0", R"(,"Description":")" + std::string(100'000, 'd') + "\"");
  write("sample", text);
  elsewhere.put("/a.json", text);
  elsewhere.cut_after(40'000);
  elsewhere.leave_out_lengths();
  const auto info = fetch({elsewhere.url() + "/a.json", "rebar-catalog/a/v1.0.0.json", sha256("sample")});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(read(tree() / "a" / "v1.0.0.json"), text);
  EXPECT_THAT(elsewhere.seen(), ElementsAre("/a.json", "/a.json bytes=40000-"));
}

// The same bytes under two names are received one after the other, and leave nothing beside their places.
TEST_F(CatalogTest, FetchTakesTheSameBytesToSeveralPlaces) {
  Elsewhere elsewhere(runtime_);
  const std::string text = pack_text("a", "v1.0.0");
  write("sample", text);
  const std::string sum = sha256("sample");
  elsewhere.put("/a.json", text);
  Mutex mutex;  // guards told
  std::set<std::string> told;
  blobs_->on_change([&](const std::vector<std::string>& names) {
    Lock lock(mutex);
    told.insert(names.begin(), names.end());
  });
  elsewhere.hold("/a.json");
  std::vector<std::future<Result<files::Blobs::Info>>> fetches;
  for (const char* name : {"a", "b", "a", "b"}) {
    const Artifact artifact{elsewhere.url() + "/a.json", fmt::format("rebar-catalog/{}/v1.0.0.json", name),
                            sum};
    fetches.push_back(env::launch(runtime_, [this, artifact] { return catalog_->fetch(artifact); }));
  }
  elsewhere.release();
  for (auto& one : fetches) {
    const auto info = one.get();
    ASSERT_TRUE(info) << info.error().text();
  }
  EXPECT_EQ(read(tree() / "a" / "v1.0.0.json"), text);
  EXPECT_EQ(read(tree() / "b" / "v1.0.0.json"), text);
  EXPECT_THAT(elsewhere.seen(), SizeIs(2));
  const std::map<std::string, std::string> wanted{{"files/rebar-catalog/a/v1.0.0.json", sum},
                                                  {"files/rebar-catalog/b/v1.0.0.json", sum}};
  EXPECT_EQ(blobs_->uploads("", 10).sums, wanted);
  EXPECT_TRUE(told.contains("files/rebar-catalog/a/v1.0.0.json"));
  EXPECT_TRUE(told.contains("files/rebar-catalog/b/v1.0.0.json"));
}

Artifact endless(const Elsewhere& elsewhere, const std::string& path) {
  return {elsewhere.url() + "/slow.json", path, std::string(64, 'a')};
}

TEST_F(CatalogTest, WhatTricklesIsGivenUp) {
  close();
  pace_ = {.least = 100'000, .window = std::chrono::milliseconds(50)};
  open();
  Elsewhere elsewhere(runtime_);
  elsewhere.put("/slow.json", pack_text("slow", "v1.0.0"));
  elsewhere.trickle("/slow.json");
  const auto got = fetch(endless(elsewhere, "rebar-catalog/slow/v1.0.0.json"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(got.error().text(), HasSubstr("sends less than 100000 bytes per second"));
  set_places({elsewhere.url() + "/slow.json"});
  eventually([this] { return !catalog_->problems().empty(); });
  EXPECT_THAT(catalog_->problems().front(), HasSubstr("sends less than 100000 bytes per second"));
  eventually([&] { return elsewhere.trickling() == 0; });
}

TEST_F(CatalogTest, ADownloadEndsWithTheLastWhoWantsIt) {
  Elsewhere elsewhere(runtime_);
  elsewhere.put("/slow.json", pack_text("slow", "v1.0.0"));
  elsewhere.trickle("/slow.json");
  const Artifact artifact = endless(elsewhere, "rebar-catalog/slow/v1.0.0.json");
  std::vector<std::unique_ptr<env::TaskGroup>> wanting;
  for (int i = 0; i < 2; ++i) {
    wanting.push_back(std::make_unique<env::TaskGroup>(runtime_.executor(), "wanting"));
    wanting.back()->spawn("fetch",
                          [this, artifact]() -> Task<void> { (void)co_await catalog_->fetch(artifact); });
  }
  eventually([&] { return elsewhere.trickling() == 1; });
  wanting.front()->stop();
  wanting.erase(wanting.begin());
  EXPECT_EQ(elsewhere.trickling(), 1);
  EXPECT_EQ(wanting.front()->running(), 1U) << "the other one still waits";
  wanting.front()->stop();
  eventually([&] { return elsewhere.trickling() == 0; });
  EXPECT_EQ(elsewhere.seen().size(), 1U) << "fetched once for both";
}

TEST_F(CatalogTest, AListOfCatalogsDoesNotWaitForThoseItDropped) {
  Elsewhere elsewhere(runtime_);
  for (const char* path : {"/slow.json", "/good.json"}) elsewhere.put(path, catalog_of("p", "v1.0.0"));
  elsewhere.trickle("/slow.json");
  set_places({elsewhere.url() + "/slow.json"});
  eventually([&] { return elsewhere.trickling() == 1; });
  set_places({elsewhere.url() + "/good.json"});
  eventually([&] { return actual("p-v1.0.0") == "v1.0.0"; });
  eventually([&] { return elsewhere.trickling() == 0; });
  EXPECT_EQ(catalog_->problems(), std::vector<std::string>());
}

TEST_F(CatalogTest, StartSweepsWhatACrashLeft) {
  const std::string left = "rebar-catalog/.incoming/" + std::string(64, 'a');
  close();
  write(left, "whole, but not in its place");
  open();
  EXPECT_FALSE(fs::exists(root_ / "files" / left));
}

TEST_F(CatalogTest, CollectsWhatNobodyNeeds) {
  for (const char* version : {"v1.0.0", "v1.1.0", "v1.2.0"}) write_pack("a", version);
  write_pack("b", "v1.0.0");
  build();
  const Collection found = catalog_->unused(
      {{"a", "", "v1.1.0", "", "version_sets/base"}, {"b", "", "stable", "", "version_sets/base"}});
  ASSERT_THAT(found.unused, SizeIs(1));
  EXPECT_EQ(found.unused.front().id, "a-v1.0.0");
  EXPECT_THAT(found.kept, SizeIs(3));
  EXPECT_THAT(found.kept.back().reasons, ElementsAre("stable", "version_sets/base"));
  const auto report = run([&] { return catalog_->remove(found.unused, "user:test"); });
  ASSERT_TRUE(report);
  EXPECT_EQ(actual("a-v1.0.0"), "");
  EXPECT_EQ(actual("a-v1.1.0"), "v1.1.0");
  EXPECT_FALSE(fs::exists(tree() / "a" / "v1.0.0.json"));
}

}  // namespace
}  // namespace mullion::catalog
