// Reads the events of a server and tells how old the changes are that simulated_fleet stamped.
//   watch_changes URL USER:PASSWORD-as-base64 PATTERN SECONDS
// The first second is not counted. Prints one line of JSON.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <future>

#include "base/log.h"
#include "env/launch.h"
#include "env/runtime.h"
#include "net/http.h"

namespace mullion {
namespace {

constexpr std::string_view kStampMark = R"("Description":"changed at )";
constexpr size_t kStampDigits = 19;
constexpr double kNanosecondsPerMillisecond = 1e6;

struct Watch {
  std::vector<double> ages;  // ms
  std::string failure;
};

double percentile(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

/// Age of the change that an event tells of, or nothing.
std::optional<double> age_of(std::string_view event) {
  const size_t mark = event.find(kStampMark);
  if (mark == std::string_view::npos) return std::nullopt;
  int64_t stamp = 0;
  const char* digits = event.data() + mark + kStampMark.size();
  std::from_chars(digits, digits + kStampDigits, stamp);
  if (stamp == 0) return std::nullopt;
  const int64_t now = env::system_clock().wall().time_since_epoch().count();
  return static_cast<double>(now - stamp) / kNanosecondsPerMillisecond;
}

env::Task<Watch> watch(net::Client& client, std::string login, std::string pattern,
                       std::chrono::seconds seconds) {
  Watch out;
  net::Headers headers;
  headers.add("Authorization", "Basic " + login);
  Result<std::shared_ptr<net::WebSocket>> socket =
      co_await client.connect_websocket("/api/v3/ws", std::move(headers));
  if (!socket) {
    out.failure = socket.error().text();
    co_return out;
  }
  Result<void> sent = co_await (*socket)->write("register " + pattern, false);
  const env::SteadyTime begin = env::system_clock().steady() + std::chrono::seconds(1);
  while (sent) {
    Result<net::WebSocket::Message> message = co_await (*socket)->read();
    if (!message) {
      out.failure = message.error().text();
      break;
    }
    const env::SteadyTime now = env::system_clock().steady();
    if (now > begin + seconds) break;
    if (now < begin) continue;
    if (const std::optional<double> age = age_of(message->data)) out.ages.push_back(*age);
  }
  (*socket)->abort();
  co_return out;
}

int run(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "watch_changes URL LOGIN PATTERN SECONDS\n");
    return 2;
  }
  set_log_level(parse_log_level("error"));
  env::Runtime runtime(1);
  net::ClientOptions options;
  options.base_url = argv[1];
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, options);
  if (!client) return 1;
  Watch seen = env::run(runtime, watch(**client, argv[2], argv[3], std::chrono::seconds(std::stoi(argv[4]))));
  std::ranges::sort(seen.ages);
  fmt::print(R"({{"events":{},"p50":{:.2f},"p99":{:.2f},"max":{:.2f},"failure":"{}"}})"
             "\n",
             seen.ages.size(), percentile(seen.ages, 0.5), percentile(seen.ages, 0.99),
             percentile(seen.ages, 1), seen.failure);
  return seen.failure.empty() ? 0 : 1;
}

}  // namespace
}  // namespace mullion

int main(int argc, char** argv) { return mullion::run(argc, argv); }
