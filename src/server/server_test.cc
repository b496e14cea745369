// Whole servers inside one process, so that the sanitizers see sessions, forwarding and shutdown.
#include "server/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "env/random.h"
#include "env/waiting_testing.h"
#include "net/net_testing.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
using env::eventually;
using namespace std::chrono_literals;

struct Answer {
  int status = 0;
  net::Headers headers;
  json::value body;
};

class Site {
 public:
  Site(env::Runtime& runtime, std::filesystem::path root, std::string id)
      : runtime_(runtime), root_(std::move(root)), id_(std::move(id)) {
    start();
  }

  void start() {
    const std::string port = std::to_string(port_);
    Result<settings::Settings> settings =
        settings::Settings::parse({"--base-root", (root_ / id_).string(), "--drp-id", id_, "--listen-address",
                                   "127.0.0.1", "--api-port", port, "--static-port", "0",
                                   "--static-secure-port", "0", "--metrics-port", "0", "--threads", "2"},
                                  {});
    ASSERT_TRUE(settings) << settings.error().text();
    Result<std::unique_ptr<Server>> server = server::start(*settings);
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    port_ = server_->api_port();
    net::ClientOptions options;
    options.base_url = url();
    client_ = std::move(*net::make_client(runtime_, std::move(options)));
  }
  void stop() {
    client_.reset();
    server_.reset();
  }

  std::string url() const { return fmt::format("https://127.0.0.1:{}", port_); }

  Answer call(std::string method, std::string path, std::string body = "") {
    net::ClientRequest request;
    request.method = std::move(method);
    request.target = path.starts_with('/') ? path : "/api/v3/" + path;
    request.headers.add("Authorization", "Basic cm9ja2V0c2thdGVzOnIwY2tldHNrOHRz");
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    Result<net::TextResponse> answer =
        env::run(runtime_, [&] { return net::fetch(*client_, std::move(request)); });
    if (!answer) return {0, {}, json::value(answer.error().text())};
    boost::system::error_code ignored;
    return {answer->status, answer->headers, json::parse(answer->body, ignored)};
  }
  void attach(const Site& endpoint) {
    const Answer added = call("POST", "plugins/manager/actions/addEndpoint",
                              json::serialize(json::object{{"manager/url", endpoint.url()},
                                                           {"manager/username", "rocketskates"},
                                                           {"manager/password", "r0cketsk8ts"}}));
    ASSERT_EQ(added.status, 200) << json::serialize(added.body);
  }
  std::string status_of(const std::string& endpoint) {
    const Answer shown = call("GET", "endpoints/" + endpoint);
    return shown.status == 200 ? std::string(shown.body.at("ConnectionStatus").as_string()) : "";
  }
  size_t machines() { return call("GET", "machines").body.as_array().size(); }

 private:
  env::Runtime& runtime_;
  std::filesystem::path root_;
  std::string id_;
  uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::Client> client_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : root_(std::filesystem::temp_directory_path() / ("mullion-server-" + env::random_uuid())) {}
  ~ServerTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  env::Runtime runtime_{2};
  std::filesystem::path root_;
};

TEST_F(ServerTest, AnEndpointAnswersAndRemembers) {
  Site leaf(runtime_, root_, "A");
  EXPECT_EQ(leaf.call("GET", "info").body.at("ha_id"), "A");
  EXPECT_EQ(leaf.call("POST", "machines", R"({"Name":"first-machine"})").status, 201);
  leaf.stop();
  leaf.start();
  EXPECT_EQ(leaf.call("GET", "machines/Name:first-machine").status, 200);
}

TEST_F(ServerTest, ManagersFollowForwardAndRecover) {
  Site leaf(runtime_, root_, "A"), middle(runtime_, root_, "R1"), top(runtime_, root_, "M1");
  for (Site* manager : {&middle, &top})
    ASSERT_EQ(manager->call("POST", "prefs", R"({"manager":"true"})").status, 201);
  top.attach(middle);
  middle.attach(leaf);
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(leaf.call("POST", "machines", fmt::format(R"({{"Name":"machine-{}"}})", i)).status, 201);
  ASSERT_TRUE(eventually([&] { return top.machines() == 20; }));

  const std::string name = "machines/Name:machine-7";
  const Answer changed =
      top.call("PATCH", name, R"([{"op":"add","path":"/Description","value":"from the top"}])");
  ASSERT_EQ(changed.status, 200) << json::serialize(changed.body);
  EXPECT_FALSE(changed.headers.get("X-Mullion-Pending"));
  for (Site* server : {&leaf, &middle, &top})
    EXPECT_EQ(server->call("GET", name).body.at("Description"), "from the top");

  leaf.stop();
  ASSERT_TRUE(eventually([&] { return middle.status_of("A").starts_with("Lost"); }));
  EXPECT_EQ(top.machines(), 20U) << "reads go on";
  EXPECT_EQ(top.call("DELETE", name).status, 503);
  leaf.start();
  ASSERT_TRUE(eventually([&] { return middle.status_of("A") == "Connected"; }));
  EXPECT_EQ(top.call("DELETE", name).status, 200);
  EXPECT_EQ(top.machines(), 19U);
  top.stop();
  leaf.call("POST", "machines", R"({"Name":"meanwhile"})");
  top.start();
  EXPECT_TRUE(eventually([&] { return top.machines() == 20; }));
  EXPECT_EQ(middle.call("DELETE", "endpoints/A").status, 200);
  EXPECT_TRUE(eventually([&] { return top.machines() == 0; }));
}

/// Clients that write to an endpoint behind a server and list what it has, as fast as they are answered.
class Load {
 public:
  Load(const std::string& url, std::string endpoint) : endpoint_(std::move(endpoint)) {
    for (int i = 0; i < 3; ++i) clients_.emplace_back([this, url, i] { run(url, i); });
  }
  ~Load() {
    enough_ = true;
    for (std::thread& client : clients_) client.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  int answered() const { return answered_; }

 private:
  void run(const std::string& url, int client) {
    env::Runtime runtime(1);
    net::ClientOptions options;
    options.base_url = url;
    const auto link = std::move(*net::make_client(runtime, std::move(options)));
    for (int number = 0; !enough_; ++number) {
      net::ClientRequest request;
      request.method = number % 2 == 0 ? "POST" : "GET";
      request.target = number % 2 == 0 ? "/" + endpoint_ + "/api/v3/machines" : "/api/v3/machines?limit=10";
      request.headers.add("Authorization", "Basic cm9ja2V0c2thdGVzOnIwY2tldHNrOHRz");
      if (number % 2 == 0) request.body = fmt::format(R"({{"Name":"machine-{}-{}"}})", client, number);
      const auto answer = env::run(runtime, [&] { return net::fetch(*link, std::move(request)); });
      if (answer) ++answered_;
    }
  }

  const std::string endpoint_;
  std::atomic<bool> enough_{false};
  std::atomic<int> answered_{0};
  std::vector<std::thread> clients_;
};

TEST_F(ServerTest, StopsWhileRequestsRun) {
  Site leaf(runtime_, root_, "A"), manager(runtime_, root_, "M");
  ASSERT_EQ(manager.call("POST", "prefs", R"({"manager":"true"})").status, 201);
  manager.attach(leaf);
  ASSERT_TRUE(eventually([&] { return manager.status_of("A") == "Connected"; }));
  const Load load(manager.url(), "A");
  EXPECT_TRUE(eventually([&] { return load.answered() > 10; }));
  const env::SteadyTime begin = env::system_clock().steady();
  manager.stop();
  EXPECT_LT(env::system_clock().steady() - begin, 10s) << "loose, because sanitizers are slow";
}

/// A server that does not stop, or is used after it was freed, ends the process of this test.
TEST_F(ServerTest, StartsAndStopsAHundredTimesUnderLoad) {
  Site leaf(runtime_, root_, "A"), manager(runtime_, root_, "M");
  ASSERT_EQ(manager.call("POST", "prefs", R"({"manager":"true"})").status, 201);
  manager.attach(leaf);
  ASSERT_TRUE(eventually([&] { return manager.status_of("A") == "Connected"; }));
  const Load load(manager.url(), "A");
  for (int i = 0; i < 100; ++i) {
    const int before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before; })) << i;
    manager.stop();
    ASSERT_NO_FATAL_FAILURE(manager.start());
  }
  EXPECT_TRUE(eventually([&] { return manager.status_of("A") == "Connected"; }));
}

}  // namespace
}  // namespace mullion::server
