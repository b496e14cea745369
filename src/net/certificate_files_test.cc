// Replacing keys and certificates: whole pairs only, whatever happens in between.
#include <fstream>

#include "env/file.h"
#include "net/net_testing.h"

namespace mullion::net {
namespace {

using testing::Certificate;

std::string text_of(const std::string& file) {
  const Result<std::string> text = env::read_file(file);
  return text ? *text : "";
}

TEST(CertificateFiles, PairsAreChecked) {
  const Certificate one, two;
  const std::string certificate = text_of(one.files().certificate_file), key = text_of(one.files().key_file);
  EXPECT_TRUE(check_certificate(certificate, key).ok());
  const std::string other_key = text_of(two.files().key_file);
  EXPECT_EQ(check_certificate(certificate, other_key).error().messages.front(),
            "Cert and Key do not belong together");
  EXPECT_EQ(check_certificate("x", key).error().messages.front(), "Cert: no certificate in PEM");
  EXPECT_EQ(check_certificate(certificate, "x").error().messages.front(),
            "Key: no private key in PEM (keys with a password are not taken)");
  EXPECT_EQ(check_certificate(key, certificate).error().code, ErrorCode::kInvalid);
}

TEST(CertificateFiles, AReplacedPairIsWholeAndPrivate) {
  const Certificate one, two;
  const std::string certificate = text_of(two.files().certificate_file), key = text_of(two.files().key_file);
  EXPECT_FALSE(replace_certificate(one.files(), certificate, text_of(one.files().key_file)).ok());
  EXPECT_NE(text_of(one.files().certificate_file), certificate);
  ASSERT_TRUE(replace_certificate(one.files(), certificate, key).ok());
  EXPECT_EQ(text_of(one.files().certificate_file), certificate);
  EXPECT_EQ(text_of(one.files().key_file), key);
  EXPECT_FALSE(std::filesystem::exists(one.files().certificate_file + ".pending"));
  EXPECT_EQ(std::filesystem::status(one.files().key_file).permissions(), std::filesystem::perms(0600));
}

TEST(CertificateFiles, WhatACrashLeftIsCompletedAtTheNextStart) {
  const Certificate one, two;
  const std::string certificate = text_of(two.files().certificate_file), key = text_of(two.files().key_file);
  std::ofstream(one.files().certificate_file + ".pending") << key.size() << "\n" << key << certificate;
  std::ofstream(one.files().key_file) << key;  // the crash came between the two files
  ASSERT_TRUE(ensure_certificate(one.files()).ok());
  EXPECT_EQ(text_of(one.files().certificate_file), certificate);
  EXPECT_EQ(text_of(one.files().key_file), key);
}

TEST(CertificateFiles, ADamagedNoteIsNamed) {
  const Certificate one;
  std::ofstream(one.files().certificate_file + ".pending") << "99999\nshort";
  const Result<void> made = ensure_certificate(one.files());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kCorrupt);
}

TEST(CertificateFiles, ARunningServerMeetsNewConnectionsWithTheNewPair) {
  const Certificate one, two;
  env::Runtime runtime(2);
  ListenOptions options;
  options.address = "127.0.0.1";
  options.tls = one.files();
  Result<std::unique_ptr<Server>> server =
      listen(runtime, options, [](Request&) -> Task<Response> { co_return Response(); });
  ASSERT_TRUE(server.ok());
  const auto fingerprint = [&] {
    ClientOptions to;
    to.base_url = fmt::format("https://127.0.0.1:{}", (*server)->port());
    std::unique_ptr<Client> client = std::move(*make_client(runtime, to));
    ClientRequest request;
    request.target = "/";
    const Result<TextResponse> answer = env::run(runtime, [&] { return fetch(*client, std::move(request)); });
    EXPECT_TRUE(answer.ok());
    return client->peer_fingerprint();
  };
  EXPECT_EQ(fingerprint(), *certificate_fingerprint(one.files().certificate_file));
  TlsFiles broken = two.files();
  broken.key_file = one.files().key_file;
  EXPECT_FALSE((*server)->use_certificate(broken).ok());
  EXPECT_EQ(fingerprint(), *certificate_fingerprint(one.files().certificate_file));
  ASSERT_TRUE((*server)->use_certificate(two.files()).ok());
  EXPECT_EQ(fingerprint(), *certificate_fingerprint(two.files().certificate_file));
}

}  // namespace
}  // namespace mullion::net
