#include <gtest/gtest.h>
#include <sodium.h>

#include <boost/json/serialize.hpp>

#include "auth/auth.h"
#include "auth/internal/codec.h"
#include "base/base64.h"
#include "base/json.h"
#include "model/object.h"

namespace mullion::auth {
namespace {

namespace json = boost::json;

class LicenceTest : public ::testing::Test {
 protected:
  LicenceTest() {
    ensure_sodium();
    crypto_sign_keypair(public_, private_);
  }

  std::string trusted() const {
    return base64_encode({reinterpret_cast<const char*>(public_), sizeof(public_)});
  }

  std::string sign(const std::string& message) const {
    unsigned char signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, nullptr, reinterpret_cast<const unsigned char*>(message.data()),
                         message.size(), private_);
    return base64_encode(message) + "." +
           base64_encode({reinterpret_cast<const char*>(signature), sizeof(signature)});
  }

  void load(const std::string& text) {
    const json::object body{{"Name", "rackn-license"}, {"Params", {{"rackn/license", text}}}};
    store::Batch batch;
    batch.changes.push_back(
        {{"profiles", std::string(store::kLayered), "rackn-license"}, json::serialize(body)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }

  Licence current() const { return current_licence(*store_, {"bad key", trusted()}, clock_); }

  env::ManualClock clock_;  // 2026-01-01
  std::unique_ptr<store::Store> store_ = store::open_memory_store(clock_);
  unsigned char public_[crypto_sign_PUBLICKEYBYTES];
  unsigned char private_[crypto_sign_SECRETKEYBYTES];
};

const char* const kBundle = R"({"Owner":"Acme","Licenses":[
  {"Name":"rbac","StartDate":"2025-01-01T00:00:00Z","SoftExpireDate":"2025-06-01T00:00:00Z",
   "HardExpireDate":"2027-01-01T00:00:00Z"},
  {"Name":"manager","StartDate":"2025-01-01T00:00:00Z","SoftExpireDate":"2025-06-01T00:00:00Z",
   "HardExpireDate":"2025-07-01T00:00:00Z"}]})";

TEST_F(LicenceTest, CommunityGrantsEverything) {
  const Licence licence = current();
  EXPECT_TRUE(licence.community);
  EXPECT_TRUE(licence.manager);
  EXPECT_TRUE(licence.has("secure-params"));
  const auto bundle = parse_json(licence.bundle_json);
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->at("Owner"), "Community");
  EXPECT_TRUE(bundle->at("Licenses").at(0).at("Active").as_bool());
}

TEST_F(LicenceTest, SignedBundleDecides) {
  load(sign(kBundle));
  const Licence licence = current();
  EXPECT_FALSE(licence.community);
  EXPECT_TRUE(licence.has("rbac"));
  EXPECT_FALSE(licence.manager) << "its hard date has passed";
  const auto bundle = *parse_json(licence.bundle_json);
  EXPECT_EQ(bundle.at("Owner"), "Acme");
  EXPECT_TRUE(bundle.at("Licenses").at(0).at("Active").as_bool());
  EXPECT_TRUE(bundle.at("Licenses").at(0).at("Expired").as_bool());
  EXPECT_FALSE(bundle.at("Licenses").at(1).at("Active").as_bool());
}

TEST_F(LicenceTest, OnlyTrustedSignaturesCount) {
  std::string text = sign(kBundle);
  text[5] = text[5] == 'A' ? 'B' : 'A';
  load(text);
  EXPECT_TRUE(current().community);
  load(sign(kBundle));
  EXPECT_TRUE(current_licence(*store_, {}, clock_).community);
  for (const char* rubbish : {".", "", "no dot", "####.####", "e30=.AAAA"}) {
    load(rubbish);
    EXPECT_TRUE(current().community) << rubbish;
  }
}

}  // namespace
}  // namespace mullion::auth
