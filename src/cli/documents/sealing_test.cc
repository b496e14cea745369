// Boxes, base64, hashes of passwords, requests for certificates.
#include "cli/documents/sealing.h"

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/json.hpp>

#include "cli/cli_testing.h"
#include "cli/commands/certificate_request.h"
#include "model/secure_params.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using testing::FakeTerminal;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(Seal, OpensOnlyForItsKeys) {
  const SealingKeys keys = make_sealing_keys();
  const json::value clear = json::parse(R"({"password":"p","n":[1,2]})");
  Result<json::value> sealed = seal(keys.public_key, clear);
  ASSERT_TRUE(sealed);
  EXPECT_TRUE(model::is_sealed(*sealed));
  EXPECT_EQ(json::serialize(*sealed).find("password"), std::string::npos);
  Result<json::value> opened = open_sealed(keys, *sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, clear);
  EXPECT_FALSE(open_sealed(make_sealing_keys(), *sealed));
  EXPECT_FALSE(open_sealed(keys, json::parse(R"({"Key":"","Nonce":"","Payload":""})")));
  EXPECT_FALSE(model::is_sealed(clear));
}

TEST(Seal, RefusesWhatIsNoKey) {
  EXPECT_EQ(seal("YWJj", json::value(1)).error().messages[0],
            "the server's public key must be 32 bytes long");
  EXPECT_FALSE(seal("?", json::value(1)));
}

TEST(PasswordHash, IsSaltedScrypt) {
  const char* const kShape = "16384\\$8\\$1\\$[0-9a-f]+\\$[0-9a-f]+";
  FakeTerminal fake;
  EXPECT_EQ(fake.run({"users", "passwordhash", "secret"}), 0);
  const std::string first = fake.out.str();
  EXPECT_THAT(first.substr(0, first.size() - 1), MatchesRegex(kShape));
  EXPECT_EQ(first.size(), std::string("16384$8$1$").size() + 32 + 1 + 64 + 1);
  fake.in.str("secret\n");
  EXPECT_EQ(fake.run({"users", "passwordhash", "-"}), 0);
  EXPECT_NE(fake.out.str(), first);
}

TEST(CertificateRequest, NamesItsHosts) {
  FakeTerminal fake;
  const std::string root = fake.home / "site";
  EXPECT_EQ(fake.run({"certs", "csr", root, "drp.example.com", "drp.example.com", "10.0.0.1"}), 0);
  EXPECT_EQ(std::filesystem::status(root + ".key").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ifstream file(root + ".csr");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  BIO* memory = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(memory, nullptr, nullptr, nullptr);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
  BIO* out = BIO_new(BIO_s_mem());
  X509_REQ_print(out, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  const std::string printed(data, static_cast<size_t>(size));
  EXPECT_THAT(printed, ::testing::ContainsRegex("CN ?= ?drp.example.com"));
  EXPECT_THAT(printed, HasSubstr("DNS:drp.example.com, IP Address:10.0.0.1"));
  BIO_free(out);
  X509_REQ_free(request);
  BIO_free(memory);
  EXPECT_EQ(make_certificate_request("x", {"a,DNS:b"}).error().code, ErrorCode::kBadRequest);
}

}  // namespace
}  // namespace mullion::cli
