// Whom the command line talks to, and what it sends before it knows.
#include "cli/connection/server_trust.h"

#include <gmock/gmock.h>

#include "cli/cli_testing.h"
#include "cli/connection/local_server.h"

namespace mullion::cli {
namespace {

using testing::FakeServer;
using testing::FakeTerminal;
using ::testing::HasSubstr;
using ::testing::Not;

using TrustedLines = std::vector<std::vector<std::string>>;

const std::string kOther(64, 'a');

std::string certificate_file() { return net::testing::shared_certificate().files().certificate_file; }

std::string own_fingerprint() { return *net::certificate_fingerprint(certificate_file()); }

class Trust : public ::testing::Test {
 protected:
  Trust() {
    answer(server_);
    fake_.terminal.variables["RS_ENDPOINT"] = server_.url();
  }
  static void answer(FakeServer& server) {
    server.answer("GET /api/v3/info", {200, R"({"id":"A"})", {}});
    server.answer("GET /api/v3/profiles/x", {200, R"({"Name":"x"})", {}});
  }

  int run(std::vector<std::string> arguments) { return fake_.run(arguments); }
  std::string err() const { return fake_.err.str(); }
  std::filesystem::path known_file() const { return fake_.home / ".config/mullion/known_servers"; }
  std::string known() const {
    std::ifstream file(known_file());
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  void set_known(const std::string& fingerprint) {
    std::filesystem::create_directories(known_file().parent_path());
    std::ofstream(known_file()) << server_.url() << " sha256:" << fingerprint << "\n";
  }
  void set(const std::string& name, const std::string& value) { fake_.terminal.variables[name] = value; }
  /// Fails without a byte sent; the error text.
  std::string refused(const std::vector<std::string>& arguments = {"info", "get"}) {
    const size_t before = server_.all_seen().size();
    EXPECT_EQ(run(arguments), 1);
    EXPECT_EQ(server_.all_seen().size(), before) << "something was sent";
    return err();
  }

  FakeServer server_{true};
  FakeTerminal fake_;
};

TEST_F(Trust, RemembersTheFirstCertificateAndSaysSoOnce) {
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(),
            server_.url() + " is known by its certificate sha256:" + own_fingerprint() + " from now on\n");
  EXPECT_EQ(known(), server_.url() + " sha256:" + own_fingerprint() + "\n");
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(), "");
}

TEST_F(Trust, SaysErrorsFirst) {
  EXPECT_EQ(run({"machines", "show", "x"}), 1);
  EXPECT_THAT(err(), ::testing::StartsWith("Error: GET: machines/x: Not Found\n"));
  EXPECT_THAT(err(), HasSubstr("is known by"));
}

TEST_F(Trust, StrictTalksToTheKnownAlone) {
  set("RS_VERIFY", "strict");
  EXPECT_THAT(refused(), HasSubstr("mullion trust " + server_.url() + " " + own_fingerprint()));
  EXPECT_EQ(known(), "");
  EXPECT_EQ(run({"trust", server_.url(), own_fingerprint()}), 0);
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(), "");
  set("RS_VERIFY", "");
  EXPECT_EQ(run({"--verify", "strict", "-E", "http://127.0.0.1:1", "info", "get"}), 1);
  EXPECT_THAT(err(), HasSubstr("cannot be verified"));
}

TEST_F(Trust, AChangeIsRefusedBeforeAnythingIsSentWithTheCommandThatAcceptsIt) {
  set("RS_VERIFY", "strict");  // elsewhere a server of this computer is known by its process
  for (const std::vector<std::string>& arguments : TrustedLines{{"info", "get"},
                                                                {"-T", "token", "info", "get"},
                                                                {"-x", "info", "get"},
                                                                {"machines", "wait", "x", "Name", "y", "5"},
                                                                {"events", "watch"},
                                                                {"files", "upload", "-", "as", "x"},
                                                                {"files", "download", "x"},
                                                                {"version_sets", "list"},
                                                                {"proxy", "socket"}}) {
    set_known(kOther);
    const std::string text = refused(arguments);
    EXPECT_THAT(text, HasSubstr("THE CERTIFICATE OF " + server_.url() + " HAS CHANGED")) << arguments[0];
    EXPECT_THAT(text, HasSubstr("mullion trust " + server_.url() + " " + own_fingerprint())) << arguments[0];
    EXPECT_THAT(text, HasSubstr(kOther)) << arguments[0];
  }
  EXPECT_EQ(run({"trust", server_.url()}), 0);
  EXPECT_EQ(run({"info", "get"}), 0);
}

TEST_F(Trust, AChangeIsNoReasonToGoOnWithTheNextEndpoint) {
  FakeServer next(true);
  answer(next);
  set("RS_VERIFY", "strict");
  set_known(kOther);
  fake_.terminal.variables.erase("RS_ENDPOINT");
  set("RS_ENDPOINTS", server_.url() + " " + next.url());
  EXPECT_THAT(refused({"-T", "token", "info", "get"}), HasSubstr("HAS CHANGED"));
  EXPECT_THAT(refused(), HasSubstr("HAS CHANGED"));
  EXPECT_TRUE(next.all_seen().empty());
}

TEST_F(Trust, AServerOfThisComputerThatWasSetUpAnewIsAccepted) {
  set_known(kOther);
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_THAT(err(), HasSubstr("was set up anew"));
  EXPECT_THAT(known(), HasSubstr(own_fingerprint()));
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(), "");
}

TEST_F(Trust, NoneChecksAndRemembersNothing) {
  set_known(kOther);
  set("RS_VERIFY", "none");
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(), "");
  EXPECT_THAT(known(), HasSubstr(kOther));
}

TEST_F(Trust, AGivenFingerprintIsTheOnlyOne) {
  std::string spelled = "SHA256:";
  for (size_t i = 0; i < own_fingerprint().size(); i += 2) {
    if (i > 0) spelled += ':';
    spelled += own_fingerprint().substr(i, 2);
  }
  EXPECT_EQ(run({"--fingerprint", spelled, "info", "get"}), 0);
  EXPECT_EQ(err(), "");
  EXPECT_EQ(known(), "");
  set("RS_FINGERPRINT", kOther);
  EXPECT_THAT(refused(), HasSubstr("--fingerprint or RS_FINGERPRINT"));
  EXPECT_THAT(refused({"--verify", "none", "info", "get"}), HasSubstr("HAS CHANGED"));
  EXPECT_THAT(refused({"-E", "http://127.0.0.1:1", "info", "get"}), HasSubstr("cannot be verified"));
  EXPECT_THAT(refused({"--fingerprint", "12", "info", "get"}), HasSubstr("64 hex digits"));
}

TEST_F(Trust, AuthoritiesVerifyNameAndChain) {
  set("RS_CA", certificate_file());
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(err(), "");
  EXPECT_EQ(known(), "");
  const net::testing::Certificate stranger;
  set("RS_CA", stranger.files().certificate_file);
  EXPECT_THAT(refused(), HasSubstr("certificate verification failed"));
  EXPECT_THAT(refused({"--ca", "/nowhere", "info", "get"}), HasSubstr("CA file"));
}

TEST_F(Trust, ATokenGoesToTheServerThatGaveItAndToNoOther) {
  FakeServer other(true);
  answer(other);
  server_.answer("GET /api/v3/users/rocketskates/token", {200, R"({"Token":"of-the-first"})", {}});
  other.answer("GET /api/v3/users/rocketskates/token", {200, R"({"Token":"of-the-other"})", {}});
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(run({"-E", other.url(), "info", "get"}), 0);
  EXPECT_EQ(run({"-E", other.url(), "-P", "unused", "info", "get"}), 0);
  EXPECT_EQ(other.last().authorization, "Bearer of-the-other");
  for (const testing::Seen& seen : other.all_seen()) EXPECT_THAT(seen.authorization, Not(HasSubstr("first")));
  // Another server at the same address is another one.
  const size_t before = server_.all_seen().size();
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(server_.all_seen()[before].authorization, "Bearer of-the-first");
}

TEST_F(Trust, ServersOfDocumentsAreJudgedLikeTheOthers) {
  FakeServer elsewhere(true);
  elsewhere.answer("GET /doc", {200, R"({"Name":"x"})", {}});
  server_.answer("POST /api/v3/profiles", {201, R"({"Name":"x"})", {}});
  EXPECT_EQ(run({"profiles", "create", elsewhere.url() + "/doc"}), 0);
  EXPECT_THAT(known(), HasSubstr(elsewhere.url() + " sha256:" + own_fingerprint()));
  for (const std::string_view fingerprint : {std::string_view(), std::string_view(kOther)}) {
    set_known(own_fingerprint());
    if (!fingerprint.empty())
      std::ofstream(known_file(), std::ios::app) << elsewhere.url() << " sha256:" << fingerprint;
    set("RS_VERIFY", "strict");
    const size_t before = elsewhere.all_seen().size();
    EXPECT_EQ(run({"profiles", "create", elsewhere.url() + "/doc"}), 1);
    EXPECT_THAT(err(), HasSubstr("mullion trust " + elsewhere.url()));
    EXPECT_EQ(elsewhere.all_seen().size(), before);
  }
}

TEST_F(Trust, WhatIsAcceptedMustMakeSense) {
  EXPECT_EQ(run({"trust", server_.url(), "12"}), 1);
  EXPECT_THAT(err(), HasSubstr("64 hex digits"));
  EXPECT_EQ(run({"trust", "http://127.0.0.1:1"}), 1);
  EXPECT_THAT(err(), HasSubstr("only https"));
  EXPECT_EQ(run({"trust", "ftp://x"}), 1);
  EXPECT_EQ(run({"--verify", "perhaps", "info", "get"}), 1);
  EXPECT_THAT(err(), HasSubstr("remember, strict or none"));
}

TEST(LocalServer, IsOneOfThisProgram) {
  FakeServer server;
  const std::string url = server.url();
  EXPECT_TRUE(serves_here(static_cast<uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)))));
  EXPECT_FALSE(serves_here(1));
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"})
    EXPECT_TRUE(is_loopback(host));
  for (const char* host : {"10.0.0.1", "example.org", "localhost.example.org", ""})
    EXPECT_FALSE(is_loopback(host));
}

}  // namespace
}  // namespace mullion::cli
