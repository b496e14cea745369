// Many clients that read and write at once: how long each kind of request takes, and whether any fails.
//   mixed_load URL USER:PASSWORD-as-base64 CLIENTS SECONDS
// Makes machines of its own, works on them for SECONDS, removes them, and prints one line of JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <map>
#include <random>

#include "base/log.h"
#include "env/launch.h"
#include "env/runtime.h"
#include "net/http.h"

namespace mullion {
namespace {

constexpr int kMachinesForEach = 8;

/// One kind of request and its share of all.
struct Kind {
  std::string_view name;
  int share;  // percent
};
constexpr Kind kKinds[] = {
    {"get", 60}, {"filtered page", 15}, {"patch", 18}, {"parameter", 5}, {"create", 2}};

struct Tally {
  std::map<std::string_view, std::vector<double>> milliseconds;
  uint64_t errors = 0;
  std::string failure;
};

double percentile(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

/// One client with its machines.
class Worker {
 public:
  Worker(net::Client& client, std::string login, int number)
      : client_(client),
        login_(std::move(login)),
        number_(number),
        dice_(static_cast<std::mt19937::result_type>(number)) {}

  env::Task<Tally> work(std::chrono::seconds seconds) {
    for (int i = 0; i < kMachinesForEach; ++i) co_await create();
    tally_.milliseconds.clear();
    const env::SteadyTime end = env::system_clock().steady() + seconds;
    while (env::system_clock().steady() < end) co_await one();
    for (const std::string& machine : machines_) {
      co_await ask("remove", "DELETE", "/api/v3/machines/Name:" + machine, "", 200);
    }
    co_return std::move(tally_);
  }

 private:
  env::Task<void> one() {
    const std::string_view kind = draw();
    const std::string path = "/api/v3/machines/Name:" + machines_[dice_() % machines_.size()];
    if (kind == "get") co_await ask(kind, "GET", path, "", 200);
    if (kind == "filtered page") {
      co_await ask(kind, "GET", fmt::format("/api/v3/machines?Pool=load{}&sort=Name&limit=10", number_), "",
                   200);
    }
    if (kind == "patch") {
      co_await ask(kind, "PATCH", path,
                   fmt::format(R"([{{"op":"replace","path":"/Description","value":"{}"}}])", dice_()), 200);
    }
    if (kind == "parameter") co_await ask(kind, "POST", path + "/params/load", std::to_string(dice_()), 200);
    if (kind == "create") co_await create();
  }

  env::Task<void> create() {
    const std::string name = fmt::format("load-{}-{}", number_, machines_.size());
    const std::string body =
        fmt::format(R"({{"Name":"{}","Pool":"load{}","Meta":{{"made":"by load"}}}})", name, number_);
    if (co_await ask("create", "POST", "/api/v3/machines", body, 201)) machines_.push_back(name);
  }

  std::string_view draw() {
    int number = static_cast<int>(dice_() % 100);
    for (const Kind& kind : kKinds) {
      if (number < kind.share) return kind.name;
      number -= kind.share;
    }
    return kKinds[0].name;
  }

  env::Task<bool> ask(std::string_view kind, std::string method, std::string target, std::string body,
                      int wanted) {
    net::ClientRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.add("Authorization", "Basic " + login_);
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    const env::SteadyTime begin = env::system_clock().steady();
    const Result<net::TextResponse> answer = co_await net::fetch(client_, std::move(request));
    const std::chrono::duration<double, std::milli> took = env::system_clock().steady() - begin;
    tally_.milliseconds[kind].push_back(took.count());
    if (answer && answer->status == wanted) co_return true;
    ++tally_.errors;
    if (tally_.failure.empty()) {
      tally_.failure = answer ? fmt::format("{} {}", answer->status, answer->body) : answer.error().text();
    }
    co_return false;
  }

  net::Client& client_;
  const std::string login_;
  const int number_;
  std::mt19937 dice_;
  std::vector<std::string> machines_;
  Tally tally_;
};

void add(Tally& all, Tally one) {
  for (auto& [kind, times] : one.milliseconds) {
    all.milliseconds[kind].insert(all.milliseconds[kind].end(), times.begin(), times.end());
    all.milliseconds["all"].insert(all.milliseconds["all"].end(), times.begin(), times.end());
  }
  all.errors += one.errors;
  if (all.failure.empty()) all.failure = one.failure;
}

void print(Tally& all, int clients, int seconds) {
  std::ranges::replace(all.failure, '"', '\'');
  const double rate = static_cast<double>(all.milliseconds["all"].size()) / seconds;
  fmt::print(R"({{"clients":{},"seconds":{},"rate":{:.0f},"errors":{},"failure":"{}","kinds":{{)", clients,
             seconds, rate, all.errors, all.failure);
  std::string_view separator;
  for (auto& [kind, times] : all.milliseconds) {
    std::ranges::sort(times);
    fmt::print(R"({}"{}":{{"count":{},"p50":{:.2f},"p99":{:.2f},"max":{:.2f}}})", separator, kind,
               times.size(), percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1));
    separator = ",";
  }
  fmt::print("}}}}\n");
}

int run(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "mixed_load URL LOGIN CLIENTS SECONDS\n");
    return 2;
  }
  set_log_level(parse_log_level("error"));
  const int clients = std::stoi(argv[3]);
  const int seconds = std::stoi(argv[4]);
  env::Runtime runtime(1);
  net::ClientOptions options;
  options.base_url = argv[1];
  options.max_idle_connections = static_cast<size_t>(clients);
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, options);
  if (!client) return 1;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::future<Tally>> running;
  for (int i = 0; i < clients; ++i) {
    workers.push_back(std::make_unique<Worker>(**client, argv[2], i));
    running.push_back(env::launch(runtime, workers.back()->work(std::chrono::seconds(seconds))));
  }
  Tally all;
  for (std::future<Tally>& one : running) add(all, one.get());
  print(all, clients, seconds);
  return all.errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mullion

int main(int argc, char** argv) { return mullion::run(argc, argv); }
