// Figures of the store over 4 KB machines, each beside a yardstick measured in the same run.
//   store_bench [--objects N] [--directory DIR]     default: 100000 below the temporary directory
#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <random>
#include <thread>
#include <tuple>

#include "base/json.h"
#include "env/random.h"
#include "model/object.h"
#include "store/stamps.h"
#include "store/store.h"

namespace mullion::store {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kBatch = 1000;
constexpr size_t kClients = 64;
constexpr auto kDuration = std::chrono::seconds(4);
constexpr size_t kStoredBytes = 1400;  // about what a machine takes compressed

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void report(std::string_view what, std::string_view figure, std::string_view beside,
            std::string_view budget) {
  fmt::print("{:<34} {:>22}   {:<42} {}\n", what, figure, beside, budget);
  std::fflush(stdout);
}

[[noreturn]] void fail(std::string_view what) {
  fmt::print("failed: {}\n", what);
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) fail(result.error().text());
  return std::move(*result);
}

template <typename T>
T must(std::optional<T> read) {
  if (!read) fail("an object is missing");
  return std::move(*read);
}

double percentile(std::vector<double>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Machines.

std::string machine_key(size_t number) { return fmt::format("{:08x}-0000-4000-8000-0123456789ab", number); }

/// Facts of the hardware: the bulk of a machine, half of it common to all.
std::string inventory(std::mt19937_64& random) {
  std::string out = R"({"CPUs":[)";
  for (int i = 0; i < 24; ++i) {
    out += fmt::format(
        R"({}{{"core":{},"model":"Generic CPU @ 2.40GHz","serial":"{:016x}","flags":"fpu vme de pse tsc"}})",
        i == 0 ? "" : ",", i, random());
  }
  out += R"(],"Disks":[)";
  for (int i = 0; i < 12; ++i)
    out += fmt::format(R"({}{{"name":"sd{}","wwn":"{:016x}","size":{}}})", i == 0 ? "" : ",",
                       static_cast<char>('a' + i), random(), random() % 4000);
  return out + "]}";
}

std::string machine(size_t number, const std::string& facts) {
  static constexpr const char* kStages[] = {"none", "discover", "local", "install", "finish"};
  const size_t mix = number * 2654435761u % 1'000'003;
  return fmt::format(
      R"({{"Validated":true,"Available":true,"Errors":[],"ReadOnly":false,"Meta":{{"color":"black"}},)"
      R"("Bundle":"","Name":"node-{:07}","Uuid":"{}","Description":"rack {}","Stage":"{}","BootEnv":"{}","Workflow":"{}",)"
      R"("Address":"10.{}.{}.{}","Runnable":{},"Locked":false,"Arch":"amd64","OS":"debian-12","Pool":"pool-{}",)"
      R"("PoolStatus":"Free","Profiles":["global","rack-{}"],"Tasks":["inventory","firmware","install","reboot"],)"
      R"("HardwareAddrs":["52:54:00:{:02x}:{:02x}:{:02x}"],"Params":{{"rack":{},"inventory":{}}}}})",
      mix, machine_key(number), mix % 500, kStages[mix % 5], mix % 3 == 0 ? "sledgehammer" : "local",
      mix % 7 == 0 ? "discover" : "ready", mix >> 16 & 255, mix >> 8 & 255, mix & 255, mix % 4 != 0, mix % 20,
      mix % 500, number >> 16 & 255, number >> 8 & 255, number & 255, mix % 500, facts);
}

class Machines {
 public:
  Machines() {
    std::mt19937_64 random(1);
    for (int i = 0; i < 500; ++i) facts_.push_back(inventory(random));
  }
  Change change(size_t number, std::string_view owner, size_t version = 0) const {
    return {{"machines", std::string(owner), machine_key(number)},
            machine(number, facts_[(number + version) % facts_.size()]),
            Expect::kAnything,
            {}};
  }

 private:
  std::vector<std::string> facts_;
};

// Yardsticks.

/// The database alone: one transaction of `count` values after the other.
class BareDatabase {
 public:
  explicit BareDatabase(const std::filesystem::path& directory) {
    std::filesystem::create_directories(directory);
    mdb_env_create(&environment_);
    mdb_env_set_mapsize(environment_, size_t{64} << 30);
    if (mdb_env_open(environment_, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600) != 0)
      fail("bare database");
  }
  BareDatabase(const BareDatabase&) = delete;
  BareDatabase& operator=(const BareDatabase&) = delete;
  ~BareDatabase() { mdb_env_close(environment_); }

  void write(const std::vector<std::string>& keys, std::string_view value) {
    MDB_txn* transaction = nullptr;
    mdb_txn_begin(environment_, nullptr, 0, &transaction);
    MDB_dbi table = 0;
    mdb_dbi_open(transaction, nullptr, 0, &table);
    for (const std::string& key : keys) {
      MDB_val raw_key{key.size(), const_cast<char*>(key.data())};
      MDB_val raw_value{value.size(), const_cast<char*>(value.data())};
      mdb_put(transaction, table, &raw_key, &raw_value, 0);
    }
    if (mdb_txn_commit(transaction) != 0) fail("bare commit");
  }

 private:
  MDB_env* environment_ = nullptr;
};

std::string random_bytes(size_t size) {
  std::mt19937_64 random(2);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

double bare_ingest_rate(const std::filesystem::path& directory, size_t objects) {
  BareDatabase database(directory);
  const std::string value = random_bytes(kStoredBytes);
  const Clock::time_point begin = Clock::now();
  for (size_t number = 0; number < objects;) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kBatch && number < objects; ++i) keys.push_back(machine_key(number++));
    database.write(keys, value);
  }
  return static_cast<double>(objects) / seconds_since(begin);
}

/// As many values per transaction as there are clients: what ideal grouping of their writes would give.
double bare_write_rate(const std::filesystem::path& directory, size_t objects) {
  BareDatabase database(directory);
  const std::string value = random_bytes(kStoredBytes);
  std::mt19937_64 random(4);
  std::vector<std::string> all;
  for (size_t number = 0; number < objects; ++number) all.push_back(machine_key(number));
  database.write(all, value);
  size_t written = 0;
  const Clock::time_point begin = Clock::now();
  while (Clock::now() - begin < kDuration) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kClients; ++i) keys.push_back(all[random() % objects]);
    database.write(keys, value);
    written += kClients;
  }
  return static_cast<double>(written) / seconds_since(begin);
}

double sync_rate(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  const std::string page(4096, 'x');
  size_t count = 0;
  const Clock::time_point begin = Clock::now();
  for (; seconds_since(begin) < 1; ++count) {
    if (::pwrite(descriptor, page.data(), page.size(), static_cast<off_t>(count % 1024 * 4096)) < 0)
      fail("write");
    ::fdatasync(descriptor);
  }
  ::close(descriptor);
  return static_cast<double>(count) / seconds_since(begin);
}

// Measurements.

struct Bench {
  std::filesystem::path directory;
  size_t objects;
  Machines machines;

  Options options() const {
    Options out;
    out.directory = directory / "store";
    return out;
  }

  void ingest() const {
    std::unique_ptr<Store> store = must(open_store(options()));
    const Clock::time_point begin = Clock::now();
    std::future<void> before;
    for (size_t number = 0; number < objects;) {
      Batch batch;
      for (size_t i = 0; i < kBatch && number < objects; ++i)
        batch.changes.push_back(machines.change(number++, "east"));
      auto done = std::make_shared<std::promise<void>>();
      std::future<void> future = done->get_future();
      store->commit(std::move(batch), [done](const Result<Committed>& result) {
        if (!result) fail(result.error().text());
        done->set_value();
      });
      if (before.valid()) before.wait();  // one is compressed while one is written
      before = std::move(future);
    }
    before.wait();
    const double rate = static_cast<double>(objects) / seconds_since(begin);
    const double bare = bare_ingest_rate(directory / "bare-ingest", objects);
    report("sorted ingest", fmt::format("{:.0f} objects/s", rate),
           fmt::format("bare LMDB {:.0f}/s, ratio {:.2f}", bare, rate / bare), ">= 100k/s per core");
  }

  std::unique_ptr<Store> reopen() const {
    const size_t before = mallinfo2().uordblks;
    Clock::time_point begin = Clock::now();
    std::unique_ptr<Store> store = must(open_store(options()));
    must(store->snapshot()->get({"machines", "east", machine_key(objects / 2)}));
    report("reopen to first object", fmt::format("{:.1f} ms", seconds_since(begin) * 1e3), "", "<= 1 s");
    Query query;
    query.type = "machines";
    query.limit = 100;
    must(store->snapshot()->query(query));
    report("reopen to first page by key", fmt::format("{:.1f} ms", seconds_since(begin) * 1e3), "", "<= 1 s");
    query.filters = {{"Stage", Operator::kEq, {"local"}}};
    must(store->snapshot()->query(query));
    const double built = seconds_since(begin);
    begin = Clock::now();
    size_t bytes = 0;
    const auto view = store->snapshot();
    view->scan("machines", "", [&](auto, auto, std::string_view body) { return bytes += body.size(), true; });
    const double scan = seconds_since(begin);
    report("reopen to first filtered page", fmt::format("{:.2f} s", built),
           fmt::format("plain scan {:.2f} s, ratio {:.1f}", scan, built / scan), "");
    const double each = static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(objects);
    report("index memory per machine", fmt::format("{:.0f} B", each),
           fmt::format("body {} B, own estimate {} B", bytes / objects,
                       store->statistics().index_bytes / objects),
           "<= 1536 B");
    return store;
  }

  void pages(const Store& store) const {
    const std::vector<std::pair<std::string, Query>> queries = [] {
      std::vector<std::pair<std::string, Query>> out;
      auto add = [&](std::string name, std::vector<Filter> filters, std::string sort, bool reverse) {
        Query query;
        query.type = "machines";
        query.filters = std::move(filters);
        query.sort = std::move(sort);
        query.reverse = reverse;
        query.limit = 100;
        out.emplace_back(std::move(name), std::move(query));
      };
      add("page: Stage, Runnable; by Name",
          {{"Stage", Operator::kEq, {"local"}}, {"Runnable", Operator::kEq, {"true"}}}, "Name", false);
      add("page: Pool not, Workflow; by key",
          {{"Pool", Operator::kNe, {"pool-3"}}, {"Workflow", Operator::kEq, {"discover"}}}, "", true);
      add("page: Address range; by Address", {{"Address", Operator::kBetween, {"10.1.0.0", "10.3.255.255"}}},
          "Address", true);
      add("page: Profiles, BootEnv; by Stage",
          {{"Profiles", Operator::kEq, {"rack-7"}}, {"BootEnv", Operator::kIn, {"local", "none"}}}, "Stage",
          false);
      return out;
    }();
    std::mt19937_64 random(6);
    for (auto [name, query] : queries) {
      std::vector<double> taken, bodies;
      for (int i = 0; i < 300; ++i) {
        query.offset = random() % 200;
        const auto view = store.snapshot();
        Clock::time_point begin = Clock::now();
        const QueryResult page = must(view->query(query));
        taken.push_back(seconds_since(begin) * 1e3);
        begin = Clock::now();
        for (const ObjectRef& ref : page.refs) must(view->get({"machines", ref.owner, ref.key}));
        bodies.push_back(seconds_since(begin) * 1e3);
      }
      const double median = percentile(taken, 0.5), read = percentile(bodies, 0.5);
      report(name, fmt::format("p50 {:.2f} p99 {:.2f} ms", median, percentile(taken, 0.99)),
             fmt::format("reading its bodies {:.2f} ms, ratio {:.2f}", read, median / read), "p99 <= 5 ms");
    }
  }

  /// Median time of a page, bodies included, over many places in the list.
  /// Counts by value and searches, beside the count that a HEAD of the same filter asks for.
  void counts(const Store& store) const {
    Query filtered;
    filtered.type = "machines";
    filtered.filters = {{"Runnable", Operator::kEq, {"true"}}};
    filtered.count_only = true;
    const auto timed = [](const auto& ask) {
      std::vector<double> taken;
      for (int i = 0; i < 50; ++i) {
        const Clock::time_point begin = Clock::now();
        ask();
        taken.push_back(seconds_since(begin) * 1e3);
      }
      return percentile(taken, 0.5);
    };
    const double count = timed([&] { must(store.snapshot()->query(filtered)); });
    for (const std::vector<std::string>& fields :
         {std::vector<std::string>{"Stage"}, {"Endpoint"}, {"Profiles"}, {"Stage", "BootEnv"}}) {
      Grouping grouping{filtered, fields, 50};
      const double taken = timed([&] { must(store.snapshot()->group(grouping)); });
      report(fmt::format("group by {}", fmt::join(fields, ",")), fmt::format("p50 {:.2f} ms", taken),
             fmt::format("count {:.3f} ms, ratio {:.1f}", count, taken / count), "<= 5 ms");
    }
    for (const char* word : {"nowhere-at-all", "rack", "17", "e"}) {
      Query search;
      search.type = "machines";
      search.search = {word};
      search.count_only = true;
      Clock::time_point begin = Clock::now();
      must(store.snapshot()->query(search));
      const double first = seconds_since(begin) * 1e3;
      const double taken = timed([&] { must(store.snapshot()->query(search)); });
      report(fmt::format("search for {}", word), fmt::format("p50 {:.2f} ms", taken),
             fmt::format("the first one {:.0f} ms; count {:.3f} ms", first, count), "");
    }
  }

  double page_time(const Store& store, Query query) const {
    std::mt19937_64 random(8);
    std::vector<double> taken;
    for (int i = 0; i < 400; ++i) {
      query.offset = random() % 200;
      const auto view = store.snapshot();
      const Clock::time_point begin = Clock::now();
      for (const ObjectRef& ref : must(view->query(query)).refs)
        must(view->get({"machines", ref.owner, ref.key}));
      taken.push_back(seconds_since(begin) * 1e3);
    }
    return percentile(taken, 0.5);
  }

  /// What it costs that only every tenth machine exists for the caller.
  void bounded_pages(const Store& store) const {
    std::vector<ObjectRef> tenth;
    for (size_t number = 0; number < objects; number += 10) tenth.push_back({machine_key(number), "east"});
    const auto members = std::make_shared<const ObjectSet>(std::move(tenth));
    const std::vector<Filter> stage{{"Stage", Operator::kEq, {"local"}}};
    for (const auto& [name, filters, sort] : {std::tuple("by key", std::vector<Filter>{}, ""),
                                              std::tuple("by Name", std::vector<Filter>{}, "Name"),
                                              std::tuple("Stage; by Address", stage, "Address")}) {
      Query query;
      query.type = "machines";
      query.filters = filters;
      query.sort = sort;
      query.limit = 100;
      const double all = page_time(store, query);
      query.among = {members};
      const double some = page_time(store, query);
      report(fmt::format("page of a tenth: {}", name), fmt::format("p50 {:.2f} ms", some),
             fmt::format("of all {:.2f} ms, ratio {:.2f}", all, some / all), "ratio <= 1.10");
    }
  }

  /// What stamping a small write costs beside making its canonical bytes, which every write does.
  void stamps() const {
    constexpr size_t kTimes = 200'000;
    const model::ObjectType& type = *model::find_object_type("profiles");
    const auto given = must(parse_json(R"({"Name":"p-1","Description":"written by a benchmark"})"));
    const model::json::object object = must(model::normalise(type, given, nullptr));
    const std::string body = model::canonical_body(type, object);
    const auto each = [](const auto& work) {
      const std::clock_t begin = std::clock();  // of this process: others may be busy
      for (size_t i = 0; i < kTimes; ++i) work();
      return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC * 1e9 / kTimes;
    };
    const auto stamp = [&](Expect expect) {
      return each([&] {
        Batch batch;
        batch.principal = "user:rocketskates";
        batch.changes = {{{"profiles", std::string(kOwn), "p-1"}, body, expect, {}}};
        set_stamps(batch, std::chrono::system_clock::now(),
                   [&](const ObjectId&) { return std::optional(body); });
      });
    };
    const double bytes = each([&] { (void)model::canonical_body(type, object); });
    for (const auto& [what, expect] : {std::pair("stamps of a creation", Expect::kAbsent),
                                       std::pair("stamps of a change, old one read", Expect::kAnything)}) {
      const double cost = stamp(expect);
      report(what, fmt::format("{:.0f} ns", cost),
             fmt::format("its {} canonical bytes {:.0f} ns, ratio {:.2f}", body.size(), bytes, cost / bytes),
             "");
    }
  }

  void durable_writes(Store& store) const {
    const size_t own = std::min<size_t>(objects, 20'000);  // updated in turn
    for (size_t number = 0; number < own;) {
      Batch batch;
      for (size_t i = 0; i < kBatch && number < own; ++i)
        batch.changes.push_back(machines.change(number++, kOwn));
      must(store.commit_sync(std::move(batch)));
    }
    std::atomic<bool> stop{false};
    std::vector<std::vector<double>> taken(kClients);
    std::vector<std::thread> clients;
    const uint64_t groups = store.statistics().groups;
    const Clock::time_point begin = Clock::now();
    for (size_t i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i] {
        std::mt19937_64 random(i);
        while (!stop) {
          Batch batch;
          batch.changes = {machines.change(random() % own, kOwn, random())};
          const Clock::time_point asked = Clock::now();
          must(store.commit_sync(std::move(batch)));
          taken[i].push_back(seconds_since(asked) * 1e3);
        }
      });
    }
    std::this_thread::sleep_for(kDuration);
    stop = true;
    for (std::thread& client : clients) client.join();
    const double elapsed = seconds_since(begin);
    std::vector<double> all;
    for (const std::vector<double>& one : taken) all.insert(all.end(), one.begin(), one.end());
    const double rate = static_cast<double>(all.size()) / elapsed;
    const double bare = bare_write_rate(directory / "bare-writes", own);
    const double syncs = sync_rate(directory / "syncs");
    report(fmt::format("durable writes, {} clients", kClients), fmt::format("{:.0f} /s", rate),
           fmt::format("bare LMDB, {} a commit {:.0f}/s, ratio {:.2f}", kClients, bare, rate / bare),
           ">= 10k/s");
    const double commits = static_cast<double>(store.statistics().groups - groups) / elapsed;
    report("  commits of the database", fmt::format("{:.0f} /s", commits),
           fmt::format("bare fdatasync {:.0f}/s, ratio {:.2f}", syncs, commits / syncs), "");
    report("  latency", fmt::format("p50 {:.1f} p99 {:.1f} ms", percentile(all, 0.5), percentile(all, 0.99)),
           fmt::format("{:.1f} writes a commit", rate / commits), "p99 <= 20 ms");
  }
};

int run(int argc, char** argv) {
  Bench bench{std::filesystem::temp_directory_path(), 100'000, {}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--objects") {
      bench.objects = std::stoull(argv[i + 1]);
    } else if (flag == "--directory") {
      bench.directory = argv[i + 1];
    } else {
      fail("usage: store_bench [--objects N] [--directory DIR]");
    }
  }
  bench.directory /= "store-bench-" + env::random_uuid();
  std::filesystem::create_directories(bench.directory);
  fmt::print("{} machines of 4 KB\n", bench.objects);
  bench.stamps();
  bench.ingest();
  {
    const std::unique_ptr<Store> store = bench.reopen();
    bench.pages(*store);
    bench.counts(*store);
    bench.bounded_pages(*store);
    bench.durable_writes(*store);
  }
  std::filesystem::remove_all(bench.directory);
  return 0;
}

}  // namespace
}  // namespace mullion::store

int main(int argc, char** argv) { return mullion::store::run(argc, argv); }
