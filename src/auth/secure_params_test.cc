#include <gtest/gtest.h>
#include <sodium.h>

#include <set>

#include "auth/auth.h"
#include "auth/internal/codec.h"
#include "base/base64.h"
#include "base/json.h"
#include "model/object.h"

namespace mullion::auth {
namespace {

std::string with_part(const std::string& sealed, const char* name, const std::string& text) {
  auto parsed = parse_json(sealed);
  parsed->as_object()[name] = text;
  return boost::json::serialize(*parsed);
}

std::string message_of(const Result<std::string>& result) {
  return result ? "opened" : result.error().messages.front();
}

TEST(SecureParams, SealAndOpen) {
  const KeyPair pair = make_key_pair();
  ASSERT_EQ(pair.public_key.size(), 32U);
  for (const std::string clear : {"\"secret\"", "{\"a\":[1,2]}", "", "null"}) {
    const std::string sealed = seal(pair.public_key, clear);
    EXPECT_TRUE(is_secure_data(sealed));
    EXPECT_TRUE(clear.empty() || sealed.find(clear) == std::string::npos);
    EXPECT_EQ(*open_sealed(pair, sealed), clear);
  }
  EXPECT_NE(seal(pair.public_key, "1"), seal(pair.public_key, "1"));
}

TEST(SecureParams, RefusesWhatIsDamaged) {
  const KeyPair pair = make_key_pair();
  const std::string sealed = seal(pair.public_key, "\"x\"");
  EXPECT_EQ(message_of(open_sealed(make_key_pair(), sealed)), "SecureData corrupted");
  EXPECT_EQ(message_of(open_sealed(pair, with_part(sealed, "Key", "QUJD"))), "Key must be 32 bytes long");
  EXPECT_EQ(message_of(open_sealed(pair, with_part(sealed, "Nonce", "QUJD"))), "Nonce must be 24 bytes long");
  EXPECT_EQ(message_of(open_sealed(pair, with_part(sealed, "Payload", "QUJD"))), "SecureData corrupted");
  EXPECT_EQ(message_of(open_sealed(pair, with_part(sealed, "Payload", base64_encode(std::string(40, 'x'))))),
            "SecureData corrupted");
  EXPECT_EQ(message_of(open_sealed(pair, "\"text\"")), "SecureData corrupted");
  EXPECT_EQ(seal("short", "1"), "");
}

TEST(SecureParams, TellsSecureDataFromOtherValues) {
  EXPECT_TRUE(is_secure_data(R"({"Key":"","Nonce":"","Payload":""})"));
  EXPECT_TRUE(is_secure_data(R"( {"Payload":"a","Nonce":"b","Key":"c"} )"));
  for (const char* text :
       {"", "1", "\"x\"", "[]", "{}", R"({"Key":"a","Nonce":"b"})", R"({"Key":"a","Nonce":"b","Payload":1})",
        R"({"Key":"a","Nonce":"b","Payload":"c","More":1})", R"({"key":"a","nonce":"b","payload":"c"})",
        "{\"Key\""}) {
    EXPECT_FALSE(is_secure_data(text)) << text;
  }
}

TEST(SecureParams, KeyPairsArePerObjectAndStable) {
  const auto store = store::open_memory_store();
  EXPECT_EQ(object_key_pair(*store, "machines", "a").error().code, ErrorCode::kNotFound);
  const KeyPair first = *kept_key_pair(*store, "machines", "a");
  EXPECT_EQ(kept_key_pair(*store, "machines", "a")->private_key, first.private_key);
  EXPECT_EQ(object_key_pair(*store, "machines", "a")->public_key, first.public_key);
  EXPECT_NE(kept_key_pair(*store, "machines", "b")->public_key, first.public_key);
  EXPECT_NE(kept_key_pair(*store, "profiles", "a")->public_key, first.public_key);
  EXPECT_EQ(*open_sealed(first, seal(first.public_key, "5")), "5");
}

TEST(ObjectKeyPairs, AreToldBeforeTheyAreKept) {
  const auto store = store::open_memory_store();
  const uint64_t before = store->newest().seq;
  const KeyPair told = *told_key_pair(*store, "machines", "told");
  EXPECT_EQ(*open_sealed(told, seal(told.public_key, "5")), "5");
  EXPECT_EQ(told_key_pair(*store, "machines", "told")->private_key, told.private_key);
  EXPECT_NE(told_key_pair(*store, "machines", "b")->public_key, told.public_key);
  EXPECT_NE(told_key_pair(*store, "profiles", "told")->public_key, told.public_key);
  EXPECT_EQ(store->newest().seq, before);
  EXPECT_FALSE(object_key_pair(*store, "machines", "told"));
  EXPECT_EQ(kept_key_pair(*store, "machines", "told")->private_key, told.private_key);
  EXPECT_EQ(object_key_pair(*store, "machines", "told")->private_key, told.private_key);
  EXPECT_EQ(told_key_pair(*store, "machines", "told")->private_key, told.private_key);
  EXPECT_EQ(store->newest().seq, before + 1);
}

TEST(ObjectKeyPairs, OneThatWasForgottenDoesNotComeBack) {
  const auto store = store::open_memory_store();
  std::set<std::string> seen;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(seen.insert(told_key_pair(*store, "machines", "forgotten")->private_key).second);
    forget_told_key_pair("machines", "forgotten");
  }
  const KeyPair other = *told_key_pair(*store, "machines", "other");
  for (int i = 0; i <= 100'000; ++i) forget_told_key_pair("machines", std::to_string(i));
  EXPECT_NE(told_key_pair(*store, "machines", "other")->private_key, other.private_key)
      << "more is not remembered: everything is told anew";
  EXPECT_TRUE(seen.insert(told_key_pair(*store, "machines", "forgotten")->private_key).second);
}

TEST(ObjectKeyPairs, OfKeysThatNoObjectCanHaveAreNotTold) {
  const auto store = store::open_memory_store();
  EXPECT_EQ(told_key_pair(*store, "machines", std::string(1000, 'x')).error().code, ErrorCode::kInvalid);
}

TEST(ObjectKeyPairs, ManyInOneCommit) {
  const auto store = store::open_memory_store();
  const KeyPair known = *kept_key_pair(*store, "profiles", "a");
  const uint64_t before = store->newest().seq;
  const auto pairs =
      kept_key_pairs(*store, {{"profiles", "b"}, {"profiles", "a"}, {"profiles", "b"}, {"stages", "b"}});
  ASSERT_TRUE(pairs) << pairs.error().text();
  ASSERT_EQ(pairs->size(), 4U);
  EXPECT_EQ((*pairs)[1].private_key, known.private_key);
  EXPECT_EQ((*pairs)[0].private_key, (*pairs)[2].private_key) << "one object has one pair";
  EXPECT_NE((*pairs)[0].private_key, (*pairs)[3].private_key);
  EXPECT_EQ(store->newest().seq, before + 1);
  EXPECT_EQ(object_key_pair(*store, "stages", "b")->private_key, (*pairs)[3].private_key);
  ASSERT_TRUE(kept_key_pairs(*store, {}));
  EXPECT_EQ(store->newest().seq, before + 1);
}

}  // namespace
}  // namespace mullion::auth
