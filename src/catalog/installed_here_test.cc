// What is installed at this server as the last of its catalogs.
#include "catalog/catalog_testing.h"
#include "packs/features.h"

namespace mullion::catalog::testing {
namespace {

using ::testing::HasSubstr;

class InstalledTest : public CatalogTest {
 protected:
  void load(const std::string& name, const std::string& version) {
    if (!layers_->summary("base")) load_text("base", pack_text("base", "v0.1.0"));
    load_text(name, fmt::format(R"({{"meta":{{"Name":"{0}","Version":"{1}","Prerequisites":"base"}},
        "sections":{{"profiles":{{"{0}":{{"Name":"{0}","Description":"of {1}"}}}}}}}})",
                                name, version));
  }
  void load_text(const std::string& name, const std::string& text) {
    const auto loaded = layers_->load(text, layers_->summary(name).ok(), name, false, "test");
    EXPECT_TRUE(loaded) << loaded.error().text();
  }
  Artifact artifact(const std::string& name, const std::string& word) const {
    const auto items = catalog_->items();
    const auto item = items->resolve(name, "", word);
    return item ? artifact_of(**item, "amd64", "linux").value() : Artifact{};
  }
  std::string refusal(const std::string& name, const std::string& word) const {
    const auto items = catalog_->items();
    const auto item = items->resolve(name, "", word);
    return item ? "" : item.error().messages.front();
  }
  void put_program(const std::string& text, const std::string& version) {
    fs::create_directories(root_ / "plugins");
    std::ofstream(root_ / "plugins" / "p", std::ios::binary) << text;
    providers_.set({{"p", version, blobs_->stat("plugins", "p").value().sha256}});
  }
};

TEST_F(InstalledTest, PacksAreItemsAtOnceAndTheirBytesAreWhatIsShown) {
  load("a", "v1.0.0");
  eventually([this] { return actual("a-stable") == "v1.0.0"; });
  EXPECT_EQ(catalog_->items()->find("a-v1.0.0")->meta.at("Prerequisites"), "base");
  const Artifact first = artifact("a", "v1.0.0");
  const auto info = fetch(first);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->sha256, first.sha256);
  EXPECT_EQ(read(info->file), *layers_->show("a"));
  EXPECT_EQ(fetch(first)->number, info->number) << "not written again";
  EXPECT_FALSE(fs::exists(tree() / "a")) << "nothing that others may read without a login";

  load("a", "v1.1.0");
  eventually([this] { return actual("a-stable") == "v1.1.0"; });
  EXPECT_EQ(actual("a-v1.0.0"), "");
  EXPECT_EQ(fetch(first).error().code, ErrorCode::kCorrupt) << "it is another one now";
  EXPECT_TRUE(fetch(artifact("a", "v1.1.0")));

  ASSERT_TRUE(layers_->remove("a", "test"));
  eventually([this] { return actual("a-v1.1.0").empty(); });
  EXPECT_EQ(fetch(first).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(info->file));
}

TEST_F(InstalledTest, TheSameBytesAfterARestart) {
  load("a", "v1.0.0");
  eventually([this] { return actual("a-stable") == "v1.0.0"; });
  const Artifact before = artifact("a", "stable");
  close();
  layers_ = packs::make_layers(*store_, packs::kFeatures);
  ASSERT_TRUE(layers_->start());
  open();
  EXPECT_EQ(artifact("a", "stable").sha256, before.sha256) << "there from the start";
  EXPECT_TRUE(fetch(before));
}

TEST_F(InstalledTest, AreTheLastCatalog) {
  load("a", "v2.0.0");
  write_pack("a", "v1.0.0");
  build();
  eventually([this] { return actual("a-v2.0.0") == "v2.0.0"; });
  EXPECT_EQ(actual("a-stable"), "v1.0.0");
  write_pack("a", "v2.0.0");
  build();
  EXPECT_EQ(artifact("a", "v2.0.0").source, "http://h:1/files/rebar-catalog/a/v2.0.0.json");
  EXPECT_EQ(actual("rackn-catalog-stable"), "") << "the catalog itself is built everywhere";
}

TEST_F(InstalledTest, DamagedFilesAreWrittenAnew) {
  load("a", "v1.0.0");
  eventually([this] { return actual("a-stable") == "v1.0.0"; });
  const Artifact wanted = artifact("a", "stable");
  const fs::path file = fetch(wanted)->file;
  std::ofstream(file, std::ios::binary) << "rotten";
  ASSERT_TRUE(fetch(wanted));
  EXPECT_EQ(read(file), *layers_->show("a"));
}

TEST_F(InstalledTest, SecretsStayHere) {
  load_text("a", R"({"meta":{"Name":"a","Version":"v1.0.0"},"sections":{"profiles":{"p":{"Name":"p","Params":{
      "pw":{"Key":"k","Nonce":"n","Payload":"x"}}}}}})");
  load_text(
      "u",
      R"({"meta":{"Name":"u","Version":"v1.0.0"},"sections":{"users":{"w":{"Name":"w","PasswordHash":"QUJD"}}}})");
  load("b", "v1.0.0");
  eventually([this] { return actual("b-stable") == "v1.0.0"; });
  EXPECT_THAT(refusal("a", "v1.0.0"), HasSubstr("not sent elsewhere: profiles/p holds a secret"));
  EXPECT_THAT(refusal("u", "stable"), HasSubstr("users/w holds a secret"));
  const auto forced = fetch({"installed://contents/a", "a.json", std::string(64, '0')});
  ASSERT_FALSE(forced);
  EXPECT_THAT(forced.error().messages.front(), HasSubstr("profiles/p holds a secret"));
  // An item that an earlier catalog has is another matter.
  write_pack("a", "v1.0.0");
  build();
  EXPECT_EQ(refusal("a", "v1.0.0"), "");
}

TEST_F(InstalledTest, ProvidersForThisPlatform) {
  load_text("p", R"({"meta":{"Name":"p","Version":"v1.0.0","Type":"plugin"},"sections":{}})");
  put_program("program", "v1.0.0");
  eventually([this] { return actual("p-stable") == "v1.0.0"; });
  const Artifact wanted = artifact("p", "stable");
  const auto info = fetch(wanted);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(read(info->file), "program");
  std::ofstream(info->file, std::ios::binary) << "rotten";
  EXPECT_EQ(fetch(wanted).error().code, ErrorCode::kCorrupt);
  put_program("another", "v1.1.0-tip.1");
  eventually([this] { return actual("p-tip") == "v1.1.0-tip.1"; });
  EXPECT_EQ(actual("p-stable"), "");
  providers_.set({});
  eventually([this] { return actual("p-tip").empty(); });
}

// What lies in the tree stays or goes for its own reasons.
TEST_F(InstalledTest, GarbageCollectionLooksAtTheTreeOnly) {
  for (const char* version : {"v1.0.0", "v2.0.0"}) write_pack("a", version);
  load("a", "v1.0.0");
  eventually([this] { return actual("a-stable") == "v1.0.0"; });
  const Collection unbuilt = catalog_->unused({});
  ASSERT_EQ(unbuilt.unused.size(), 1U);
  EXPECT_EQ(unbuilt.unused.front().id, "a-v1.0.0");
  build();
  EXPECT_EQ(actual("a-stable"), "v2.0.0");
  ASSERT_TRUE(run([this] { return catalog_->remove(catalog_->unused({}).unused, "user:test"); }));
  EXPECT_FALSE(fs::exists(tree() / "a" / "v1.0.0.json"));
  EXPECT_EQ(artifact("a", "v1.0.0").source, "installed://contents/a") << "it is still there to be sent";
}

}  // namespace
}  // namespace mullion::catalog::testing
