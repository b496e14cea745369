// Servers and clients over Unix sockets.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "net/net_testing.h"

namespace mullion::net {
namespace {

using ::testing::HasSubstr;

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() { std::filesystem::create_directories(directory_); }
  ~UnixSocket() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<Server>> serve() {
    ListenOptions options;
    options.unix_path = path_;
    return listen(runtime_, options, [](Request& request) -> Task<Response> {
      Response response;
      response.body = request.method + " " + request.target;
      co_return response;
    });
  }

  Result<TextResponse> ask() {
    ClientOptions options;
    options.base_url = "http://unix";
    options.unix_path = path_;
    Result<std::unique_ptr<Client>> client = make_client(runtime_, options);
    if (!client) return client.error();
    ClientRequest request;
    request.target = "/x?y=z";
    return env::run(runtime_, [&]() { return fetch(**client, std::move(request)); });
  }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("mullion-" + env::random_uuid());
  std::string path_ = directory_ / "s";
  env::Runtime runtime_{2};
};

TEST_F(UnixSocket, CarriesRequestsForItsUserOnly) {
  EXPECT_THAT(ask().error().text(), HasSubstr(path_));
  Result<std::unique_ptr<Server>> server = serve();
  ASSERT_TRUE(server) << server.error().text();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  Result<TextResponse> answer = ask();
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->body, "GET /x?y=z");
  EXPECT_THAT(serve().error().text(), HasSubstr("somebody listens on"));
  server->reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocket, TakesThePlaceOfAbandonedSocketsOnly) {
  std::ofstream(path_) << "a file";
  EXPECT_THAT(serve().error().text(), HasSubstr("exists and is no socket"));
  std::filesystem::remove(path_);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(descriptor);  // without unlink: what a killed process leaves
  EXPECT_TRUE(serve());
  path_ += std::string(200, 'x');
  EXPECT_THAT(serve().error().text(), HasSubstr("too long"));
}

}  // namespace
}  // namespace mullion::net
