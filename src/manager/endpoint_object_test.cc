#include "manager/endpoint_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/auth.h"
#include "model/object.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

class StoredEndpoints : public ::testing::Test {
 protected:
  void put(const std::string& id, json::object params) {
    store::Batch batch;
    json::object endpoint{{"Id", id}, {"Params", std::move(params)}};
    batch.changes.push_back({{"endpoints", "", id}, json::serialize(endpoint)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  std::string body(const std::string& id) const {
    const std::optional<std::string> stored = store_->snapshot()->get({"endpoints", "", id});
    return stored ? *stored : "";
  }
  Result<Connection> connection(const std::string& id) const {
    return read_connection({*store_, folder_}, id, body(id));
  }

  const env::Path folder_ = "/trusted";
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
};

json::object params_of(std::string_view url, json::value password) {
  return {{kUrl, url}, {kUsername, "mgr"}, {kPassword, std::move(password)}};
}

TEST_F(StoredEndpoints, ClearPasswordsOfAnEarlierVersionAreSealedOnce) {
  put("a", params_of("https://a:1", "geheim"));
  put("b", {{kUrl, "https://b:1"}});
  put("c", params_of("https://ann:geheim@c:1", "geheim"));
  ASSERT_TRUE(seal_stored_passwords(*store_));
  for (const char* id : {"a", "c"}) {
    EXPECT_THAT(body(id), Not(HasSubstr("geheim")));
    const Result<Connection> opened = connection(id);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->password, "geheim");
  }
  EXPECT_EQ(connection("c")->url, "https://c:1") << "without the login";
  const store::Cursor sealed = store_->newest();
  ASSERT_TRUE(seal_stored_passwords(*store_));
  EXPECT_EQ(store_->newest(), sealed) << "nothing is left to do";
}

TEST_F(StoredEndpoints, ReplicasAreLeftToTheirOwners) {
  store::Batch batch;
  batch.origin = store::Origin{"r1", {1, 1}};
  batch.changes.push_back({{"endpoints", "r1", "x"}, R"({"Id":"x","Params":{"manager/password":"geheim"}})"});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  const store::Cursor before = store_->newest();
  ASSERT_TRUE(seal_stored_passwords(*store_));
  EXPECT_EQ(store_->newest(), before);
}

TEST_F(StoredEndpoints, RefusalsRepeatNoCredential) {
  for (const char* url : {"https://ann:geheim@host", "ftp://ann:geheim@host", "geheim", "http://geheim"}) {
    const Result<Connection> refused = read_connection({*store_, folder_}, "", params_of(url, "pw"));
    ASSERT_FALSE(refused) << url;
    EXPECT_THAT(refused.error().text(), Not(HasSubstr("geheim")));
  }
}

TEST_F(StoredEndpoints, FingerprintsAreComparedInOneSpelling) {
  json::object params = params_of("https://a:1", "pw");
  params[kFingerprint] = "AB:cd:0F ";
  EXPECT_EQ(read_connection({*store_, folder_}, "", params)->fingerprint, "abcd0f");
  json::value value("AB:CD");
  spell_connection_param(kFingerprint, value);
  EXPECT_EQ(value, "abcd");
  spell_connection_param(kUsername, value = "AB:CD");
  EXPECT_EQ(value, "AB:CD");
}

TEST(AuthoritiesFile, OnlyFilesOfTheFolder) {
  const env::Path folder = "/var/lib/x/trust";
  EXPECT_EQ(*authorities_file(folder, "corp.pem"), folder / "corp.pem");
  EXPECT_EQ(*authorities_file(folder, "/var/lib/x/trust/corp.pem"), folder / "corp.pem");
  for (const std::string& name :
       {std::string("/etc/passwd"), std::string("../server.key"), std::string("a/b.pem"), std::string(".."),
        std::string("."), std::string("/var/lib/x/trust/../server.key"), std::string("/var/lib/x/trust/"),
        std::string("./corp.pem"), std::string("corp.pem\0x", 10), std::string("/var/lib/x/trust/a/b")}) {
    const Result<env::Path> refused = authorities_file(folder, name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().text(), authorities_file(folder, "/does/not/exist").error().text());
  }
}

}  // namespace
}  // namespace mullion::manager
