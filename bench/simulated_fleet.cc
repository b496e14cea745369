// Many endpoints in one process, for a manager to attach: each with a port, an id, machines, a replication
// stream, and as much of the public API as following needs (without events of changes), and hardly any cost
// of its own. Anybody may log in.
//   simulated_fleet --templates FILE --directory DIR [--endpoints N] [--machines M] [--port-base P]
//                   [--name PREFIX] [--changes-per-second R] [--threads T]
// FILE holds machines as JSON, one a line (tools/fleet.py); DIR keeps the TLS key and certificate. Prints one
// line of JSON when it is ready. Standard input takes `rate R` (changes per second from now on, each with the
// wall clock in Description) and answers a line; its end ends the program.
#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/json.hpp>
#include <charconv>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "base/json.h"
#include "base/log.h"
#include "env/random.h"
#include "env/runtime.h"
#include "model/object.h"
#include "net/http.h"
#include "replication/source.h"

namespace mullion {
namespace {

constexpr std::string_view kMachines = "machines";
constexpr std::string_view kStampMark = R"("Description":"changed at )";
constexpr size_t kStampDigits = 19;  // nanoseconds since 1970
constexpr size_t kLogCommits = 50'000;
constexpr size_t kLogPiece = 128;
constexpr auto kTick = std::chrono::milliseconds(1);
constexpr size_t kLargestBody = 1 << 20;

namespace json = boost::json;

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "simulated_fleet: {}\n", what);
  std::exit(1);
}

using Body = std::shared_ptr<const std::string>;

/// The machines of one endpoint in memory, with a log: what replication::Source reads of a store, no more.
/// The real stores would spend the time on compressing and syncing that the manager under test should have.
class SimulatedStore final : public store::Store {
 public:
  /// `machines` in key order.
  SimulatedStore(std::vector<std::string> keys, std::vector<Body> bodies)
      : keys_(std::move(keys)), bodies_(std::move(bodies)), cursor_{env::random_id(), 1} {
    for (size_t i = 0; i < keys_.size(); ++i) digest_ += object_digest(kMachines, keys_[i], *bodies_[i]);
  }

  size_t size() const { return keys_.size(); }
  /// Writes `stamp` into the description of machine number `index`.
  void change(size_t index, int64_t stamp);

  void stamp(store::Batch&) const override {}
  std::shared_ptr<const store::Snapshot> snapshot() const override;
  store::Cursor newest() const override {
    std::lock_guard lock(mutex_);
    return cursor_;
  }
  void attach(const std::shared_ptr<store::CommitFeed>& feed) override { feeds_.add(feed, newest().seq); }
  std::vector<store::CommitFeed::State> followers() const override { return {}; }
  Result<void> read_log(store::Cursor after,
                        const std::function<bool(const store::LoggedCommit&)>& visit) const override;

  void commit(store::Batch, store::CommitCallback done) override {
    done(Error(ErrorCode::kInternal, "simulated"));
  }
  Result<void> apply(const std::vector<store::Command>&) override {
    return Error(ErrorCode::kInternal, "simulated");
  }
  Result<void> apply(const std::vector<store::Command>&, const store::AgreedStep&) override { return {}; }
  Result<void> step(const std::function<Result<store::AgreedStep>()>&) override { return {}; }
  store::AgreedState agreed() const override { return {}; }
  Result<store::AgreedState> copy(const env::Path&) const override {
    return Error(ErrorCode::kInternal, "simulated");
  }
  Result<store::ObjectHistory> history(const store::ObjectId&, size_t, size_t) const override {
    return Error(ErrorCode::kInternal, "simulated");
  }
  void show_replicas(bool) override {}
  bool replicas_shown() const override { return true; }
  Result<void> drop_owner(std::string_view) override { return {}; }
  Statistics statistics() const override { return {}; }
  Result<void> backup(const env::Path&) const override { return {}; }

 private:
  store::TypeDigest digest_of_machines() const {
    return {std::string(kMachines), std::string(store::kOwn), digest_, keys_.size()};
  }

  const std::vector<std::string> keys_;
  mutable std::mutex mutex_;
  std::vector<Body> bodies_;
  store::Cursor cursor_;
  Digest digest_;
  std::deque<std::shared_ptr<const store::LoggedCommit>> log_;
  store::FeedList feeds_{env::system_clock()};
};

class SimulatedSnapshot final : public store::Snapshot {
 public:
  SimulatedSnapshot(store::Cursor cursor, store::TypeDigest digest, const std::vector<std::string>& keys,
                    std::vector<Body> bodies)
      : cursor_(cursor), digest_(std::move(digest)), keys_(keys), bodies_(std::move(bodies)) {}

  store::Cursor cursor() const override { return cursor_; }
  void scan_owner(
      std::string_view type, std::string_view owner, std::string_view from_key,
      const std::function<bool(std::string_view key, std::string_view body)>& visit) const override {
    if (type != kMachines || owner != store::kOwn) return;
    size_t at = static_cast<size_t>(std::lower_bound(keys_.begin(), keys_.end(), from_key) - keys_.begin());
    while (at < keys_.size() && visit(keys_[at], *bodies_[at])) ++at;
  }
  std::vector<std::string> types() const override { return {std::string(kMachines)}; }
  std::vector<store::TypeDigest> digests() const override {
    if (keys_.empty()) return {};
    return {digest_};
  }

  std::optional<std::string> get(const store::ObjectId&) const override { return std::nullopt; }
  std::vector<store::StoredObject> get_all_owners(std::string_view, std::string_view) const override {
    return {};
  }
  std::optional<store::StoredObject> get_local(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
  void scan(std::string_view, std::string_view,
            const std::function<bool(std::string_view, std::string_view, std::string_view)>&) const override {
  }
  std::vector<std::string> remote_owners() const override { return {}; }
  std::optional<store::Cursor> origin_cursor(std::string_view) const override { return std::nullopt; }
  std::optional<std::string> secret(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
  Result<store::QueryResult> query(const store::Query&) const override {
    return Error(ErrorCode::kInternal, "simulated");
  }
  Result<store::GroupResult> group(const store::Grouping&) const override {
    return Error(ErrorCode::kInternal, "simulated");
  }

 private:
  store::Cursor cursor_;
  store::TypeDigest digest_;
  const std::vector<std::string>& keys_;
  std::vector<Body> bodies_;
};

std::shared_ptr<const store::Snapshot> SimulatedStore::snapshot() const {
  std::lock_guard lock(mutex_);
  return std::make_shared<SimulatedSnapshot>(cursor_, digest_of_machines(), keys_, bodies_);
}

void SimulatedStore::change(size_t index, int64_t stamp) {
  const std::string& key = keys_[index];
  auto changed = std::make_shared<store::Commit>();
  {
    std::lock_guard lock(mutex_);
    auto body = std::make_shared<std::string>(*bodies_[index]);
    const size_t mark = body->find(kStampMark) + kStampMark.size();
    body->replace(mark, kStampDigits, fmt::format("{:0{}}", stamp, kStampDigits));
    digest_ -= object_digest(kMachines, key, *bodies_[index]);
    digest_ += object_digest(kMachines, key, *body);
    auto entry = std::make_shared<store::LoggedCommit>();
    ++cursor_.seq;
    entry->cursor = cursor_;
    entry->time = env::system_clock().wall();
    entry->changes.push_back({{std::string(kMachines), std::string(store::kOwn), key}, *body});
    entry->digests.push_back(digest_of_machines());
    log_.push_back(std::move(entry));
    if (log_.size() > kLogCommits) log_.pop_front();
    bodies_[index] = std::move(body);
    changed->cursor = cursor_;
  }
  feeds_.offer(changed);
}

Result<void> SimulatedStore::read_log(store::Cursor after,
                                      const std::function<bool(const store::LoggedCommit&)>& visit) const {
  while (true) {
    std::vector<std::shared_ptr<const store::LoggedCommit>> piece;
    {
      std::lock_guard lock(mutex_);
      const uint64_t before_log = cursor_.seq - log_.size();
      if (after.epoch != cursor_.epoch || after.seq < before_log || after.seq > cursor_.seq)
        return Error(ErrorCode::kNotFound, "compacted");
      for (size_t i = after.seq - before_log; i < log_.size() && piece.size() < kLogPiece; ++i)
        piece.push_back(log_[i]);
    }
    for (const auto& commit : piece) {
      if (!visit(*commit)) return {};
      after.seq = commit->cursor.seq;
    }
    if (piece.size() < kLogPiece) return {};
  }
}

// Machines.

/// Canonical machines to make others from.
std::vector<std::string> load_templates(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  const model::ObjectType& type = *model::find_object_type(kMachines);
  for (std::string line; std::getline(in, line);) {
    Result<model::json::value> parsed = parse_json(line);
    if (!parsed) fail(parsed.error().text());
    Result<model::json::object> machine = model::normalise(type, std::move(*parsed), nullptr);
    if (!machine) fail(machine.error().text());
    (*machine)["Validated"] = true;
    (*machine)["Available"] = true;
    (*machine)["Description"] = "changed at " + std::string(kStampDigits, '0');
    out.push_back(model::canonical_body(type, *machine));
  }
  if (out.empty()) fail("no templates");
  return out;
}

/// Other digits and letters behind every `mark`, up to the end of the string.
void roll(std::string& body, std::string_view mark, std::mt19937_64& random) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  static constexpr std::string_view kLetters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
  const bool upper = mark.find("Serial") != std::string_view::npos;
  const std::string_view characters = upper ? kLetters : kHex;
  for (size_t at = body.find(mark); at != std::string::npos; at = body.find(mark, at)) {
    for (at += mark.size(); body[at] != '"'; ++at) {
      if (std::isalnum(static_cast<unsigned char>(body[at])) != 0)
        body[at] = characters[random() % characters.size()];
    }
  }
}

void set_member(std::string& body, std::string_view mark, std::string_view value) {
  const size_t begin = body.find(mark);
  if (begin == std::string::npos) fail(fmt::format("a template without {}", mark));
  const size_t from = begin + mark.size();
  body.replace(from, body.find('"', from) - from, value);
}

/// Machine `number` of endpoint `endpoint`: a template with identity, addresses and serial numbers of its
/// own.
std::pair<std::string, std::string> make_machine(const std::vector<std::string>& templates, size_t endpoint,
                                                 size_t number) {
  std::mt19937_64 random(endpoint * 1'000'003 + number);
  const uint64_t a = random(), b = random();
  std::string key = fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a & 0xffffffff, a >> 32 & 0xffff,
                                a >> 48 & 0xfff, b & 0xfff, b >> 16);
  std::string body = templates[random() % templates.size()];
  for (const std::string_view mark : {R"("SerialNumber":")", R"("inventory/SerialNumber":")",
                                      R"("HardwareAddr":")", R"("UUID":")", R"("Id":")"})
    roll(body, mark, random);
  set_member(body, R"("Uuid":")", key);
  set_member(body, R"("Name":")", fmt::format("node-{}-{:05}", endpoint, number));
  set_member(body, R"("Address":")",
             fmt::format("10.{}.{}.{}", endpoint & 255, number >> 8 & 255, number & 255));
  return {std::move(key), std::move(body)};
}

std::unique_ptr<SimulatedStore> make_store(const std::vector<std::string>& templates, size_t endpoint,
                                           size_t machines) {
  std::map<std::string, Body> sorted;
  for (size_t i = 0; i < machines; ++i) {
    auto [key, body] = make_machine(templates, endpoint, i);
    sorted.emplace(std::move(key), std::make_shared<const std::string>(std::move(body)));
  }
  std::vector<std::string> keys;
  std::vector<Body> bodies;
  for (auto& [key, body] : sorted) {
    keys.push_back(key);
    bodies.push_back(std::move(body));
  }
  return std::make_unique<SimulatedStore>(std::move(keys), std::move(bodies));
}

/// Preferences and global parameters: what a manager may configure here.
class Settings {
 public:
  /// What the endpoint tells of itself.
  std::string state() const {
    std::lock_guard lock(mutex_);
    return json::serialize(json::object{{"info", {{"os", "linux"}, {"arch", "amd64"}, {"version", "v4.6.0"}}},
                                        {"components", json::array()},
                                        {"plugins", json::array()},
                                        {"files", json::object()},
                                        {"prefs", prefs_},
                                        {"global", global_}});
  }
  /// The answer to a GET; absent for what is not a setting.
  std::optional<std::string> read(std::string_view path) const {
    std::lock_guard lock(mutex_);
    if (path == kPrefs) return json::serialize(prefs_);
    if (!path.starts_with(kGlobal)) return std::nullopt;
    const json::value* value = global_.if_contains(path.substr(kGlobal.size()));
    return value == nullptr ? "null" : json::serialize(*value);
  }
  bool write(std::string_view path, const json::value& body) {
    std::lock_guard lock(mutex_);
    if (path == kPrefs && body.is_object()) {
      for (const auto& [name, value] : body.get_object()) prefs_[name] = value;
      return true;
    }
    if (!path.starts_with(kGlobal)) return false;
    global_[path.substr(kGlobal.size())] = body;
    return true;
  }

 private:
  static constexpr std::string_view kPrefs = "/api/v3/prefs";
  static constexpr std::string_view kGlobal = "/api/v3/profiles/global/params/";

  mutable std::mutex mutex_;
  json::object prefs_{{"debugRenderer", "warn"}}, global_;
};

// Endpoints.

class Endpoint {
 public:
  Endpoint(env::Runtime& runtime, std::string id, std::unique_ptr<SimulatedStore> store, uint16_t port,
           const net::TlsFiles& tls)
      : id_(std::move(id)),
        store_(std::move(store)),
        source_(runtime, {*store_,
                          id_,
                          "v4.6.0",
                          {},
                          [this] { return settings_.state(); },
                          [] { return std::vector<replication::Announcement>{}; },
                          env::system_clock(),
                          env::system_timers()}) {
    net::ListenOptions listen;
    listen.address = "127.0.0.1";
    listen.port = port;
    listen.tls = tls;
    Result<std::unique_ptr<net::Server>> server =
        net::listen(runtime, std::move(listen), [this](net::Request& request) { return answer(request); });
    if (!server) fail(server.error().text());
    server_ = std::move(*server);
  }

  SimulatedStore& store() { return *store_; }

 private:
  env::Task<net::Response> answer(net::Request& request) {
    net::Response response;
    response.headers.add("Content-Type", "application/json");
    if (request.path == "/api/v3/replication/stream") {
      store::Cursor resume;
      resume.epoch = number(request, "epoch", 16);
      resume.seq = number(request, "seq", 10);
      response.upgrade = [this, resume](std::shared_ptr<net::WebSocket> socket) {
        return source_.serve(std::move(socket), resume);
      };
    } else if (request.path == "/api/v3/info") {
      response.body = fmt::format(
          R"({{"ha_id":"{0}","id":"{0}","version":"v4.6.0","os":"linux","features":["replication-stream"]}})",
          id_);
    } else if (request.path == "/api/v3/objects") {
      response.body = fmt::format(R"(["{}"])", kMachines);
    } else if (request.path == fmt::format("/api/v3/{}", kMachines)) {
      response.body = list(request);
    } else if (request.path == "/api/v3/ws") {
      response.upgrade = acknowledge;
    } else if (request.path.ends_with("/token")) {
      response.body = R"({"Token":"t"})";
    } else if (request.path == "/api/v3/configuration_lease") {
      response.body = R"({"holder":"","until":"2100-01-01T00:00:00Z"})";
    } else if (request.method == "POST") {
      const Result<std::string> body = co_await net::read_all(*request.body, kLargestBody);
      const Result<json::value> value = body ? parse_json(*body, 64) : body.error();
      const bool written = value && settings_.write(request.path, *value);
      if (written) source_.state_changed();
      response.status = written ? 200 : 400;
      response.body = written ? *body : "{}";
    } else if (std::optional<std::string> setting = settings_.read(request.path)) {
      response.body = std::move(*setting);
    } else {
      response.status = 404;
      response.body = "{}";
    }
    co_return response;
  }
  /// A page by key: limit=N, Key=Gte(KEY).
  std::string list(const net::Request& request) const {
    std::string from(request.query_value("Key").value_or(""));
    if (from.size() > 5) from = from.substr(4, from.size() - 5);
    const uint64_t limit = std::max<uint64_t>(number(request, "limit", 10), 1);
    std::string out = "[";
    uint64_t shown = 0;
    store_->snapshot()->scan_owner(kMachines, store::kOwn, from,
                                   [&](std::string_view, std::string_view body) {
                                     if (shown > 0) out += ',';
                                     model::append_with_endpoint(out, body, "");
                                     return ++shown < limit;
                                   });
    return out + "]";
  }
  static env::Task<void> acknowledge(std::shared_ptr<net::WebSocket> socket) {
    while (true) {
      const Result<net::WebSocket::Message> command = co_await socket->read();
      if (!command) co_return;
      std::string text = R"({"Type":"websocket","Action":"register","Key":""})";
      const Result<void> written = co_await socket->write(std::move(text), false);
      if (!written) co_return;
    }
  }
  static uint64_t number(const net::Request& request, std::string_view name, int base) {
    const std::string_view text = request.query_value(name).value_or("");
    uint64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out, base);
    return out;
  }

  std::string id_;
  Settings settings_;
  std::unique_ptr<SimulatedStore> store_;
  replication::Source source_;
  std::unique_ptr<net::Server> server_;
};

/// Changes machines at an even pace, endpoint after endpoint.
void make_changes(std::vector<std::unique_ptr<Endpoint>>& endpoints, const std::atomic<uint64_t>& rate,
                  std::atomic<uint64_t>& changes) {
  std::mt19937_64 random(7);
  double due = 0;
  size_t next = 0;
  auto last = std::chrono::steady_clock::now();
  while (true) {
    std::this_thread::sleep_for(kTick);
    const auto now = std::chrono::steady_clock::now();
    due += std::chrono::duration<double>(now - last).count() * static_cast<double>(rate);
    last = now;
    for (; due >= 1; due -= 1, ++changes) {
      SimulatedStore& store = endpoints[next++ % endpoints.size()]->store();
      if (store.size() == 0) continue;
      store.change(random() % store.size(), env::system_clock().wall().time_since_epoch().count());
    }
  }
}

std::map<std::string, std::string> read_options(int argc, char** argv) {
  std::map<std::string, std::string> out{{"--endpoints", "1"},     {"--machines", "1000"},
                                         {"--port-base", "20000"}, {"--name", "S"},
                                         {"--threads", "2"},       {"--changes-per-second", "0"}};
  for (int i = 1; i + 1 < argc; i += 2) out[argv[i]] = argv[i + 1];
  if (!out.contains("--templates") || !out.contains("--directory")) fail("needs --templates and --directory");
  return out;
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, char** argv) {
  std::map<std::string, std::string> options = read_options(argc, argv);
  set_log_level(parse_log_level("error"));
  raise_descriptor_limit();
  const size_t count = std::stoul(options["--endpoints"]), machines = std::stoul(options["--machines"]);
  const size_t port = std::stoul(options["--port-base"]);
  const std::string directory = options["--directory"];
  const net::TlsFiles tls{directory + "/fleet.key", directory + "/fleet.crt"};
  if (const Result<void> made = net::ensure_certificate(tls); !made) fail(made.error().text());
  const std::vector<std::string> templates = load_templates(options["--templates"]);
  env::Runtime runtime(std::stoul(options["--threads"]));
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  for (size_t i = 0; i < count; ++i) {
    endpoints.push_back(std::make_unique<Endpoint>(runtime, fmt::format("{}{:04}", options["--name"], i),
                                                   make_store(templates, i, machines),
                                                   static_cast<uint16_t>(port + i), tls));
  }
  std::atomic<uint64_t> rate{std::stoul(options["--changes-per-second"])}, changes{0};
  std::thread changer([&] { make_changes(endpoints, rate, changes); });
  size_t bytes = 0;
  for (const std::string& one : templates) bytes += one.size();
  fmt::print("{{\"endpoints\":{},\"machines\":{},\"port\":{},\"bytes\":{}}}\n", count, machines, port,
             bytes / templates.size());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("rate ")) rate = std::stoul(line.substr(5));
    fmt::print("{{\"changes\":{}}}\n", changes.load());
    std::fflush(stdout);
  }
  std::fflush(nullptr);
  std::_Exit(0);  // endpoints end as a power cut would end them
}

}  // namespace
}  // namespace mullion

int main(int argc, char** argv) { return mullion::run(argc, argv); }
