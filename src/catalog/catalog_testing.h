// What tests of the catalog service share: a server without ports, and files elsewhere.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "base/mutex.h"
#include "catalog/catalog.h"
#include "env/random.h"
#include "env/waiting_testing.h"
#include "net/net_testing.h"
#include "packs/features.h"

namespace mullion::catalog::testing {

namespace fs = std::filesystem;
namespace json = boost::json;

inline std::string pack_text(const std::string& name, const std::string& version,
                             const std::string& more = "") {
  return R"({"meta":{"Name":")" + name + R"(","Version":")" + version + R"(","Author":"me")" + more +
         R"(},"sections":{"profiles":{}}})";
}

/// A server of files elsewhere.
class Elsewhere {
 public:
  explicit Elsewhere(env::Runtime& runtime) {
    // An answer under way may outlive the server.
    auto listening = net::listen(runtime, {.address = "127.0.0.1", .flag = "--test"},
                                 [state = state_](net::Request& request) { return state->answer(request); });
    EXPECT_TRUE(listening) << listening.error().text();
    server_ = std::move(*listening);
  }
  void put(const std::string& path, std::string text) {
    Lock lock(state_->mutex);
    state_->files[path] = std::move(text);
  }
  /// The next answer ends behind this many bytes.
  void cut_after(size_t bytes) { state_->cut = bytes; }
  /// Bodies of this path begin and then come a byte at a time, and never to an end.
  void trickle(const std::string& path) {
    Lock lock(state_->mutex);
    state_->trickling = path;
  }
  /// Trickling bodies that are being sent.
  int trickling() const { return *state_->open_trickles; }
  /// Parts of files come without a length from now on.
  void leave_out_lengths() { state_->without_length = true; }
  /// From now on this path is answered with this status and no ETag.
  void answer_with(const std::string& path, int status) {
    Lock lock(state_->mutex);
    state_->statuses[path] = status;
  }
  /// From now on this path is answered only when release() was called.
  void hold(const std::string& path) {
    Lock lock(state_->mutex);
    state_->held = path;
  }
  void release() {
    {
      Lock lock(state_->mutex);
      state_->held.clear();
    }
    state_->released.notify_all();
  }
  std::vector<std::string> seen() {
    Lock lock(state_->mutex);
    return state_->seen;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  void stop() { state_->down = true; }

 private:
  /// Promises more than it gives.
  class CutBody final : public net::BodySource {
   public:
    CutBody(std::string text, uint64_t promised) : text_(std::move(text)), promised_(promised) {}
    net::Task<Result<std::string_view>> next() override {
      if (std::exchange(given_, true)) co_return Error(ErrorCode::kUnreachable, "cut");
      co_return std::string_view(text_);
    }
    std::optional<uint64_t> size() const override { return promised_; }

   private:
    std::string text_;
    uint64_t promised_;
    bool given_ = false;
  };

  /// A byte now and then.
  class TrickleBody final : public net::BodySource {
   public:
    TrickleBody(uint64_t size, std::shared_ptr<std::atomic<int>> open) : size_(size), open_(std::move(open)) {
      ++*open_;
    }
    ~TrickleBody() override { --*open_; }
    net::Task<Result<std::string_view>> next() override {
      const bool slept = co_await env::sleep_for(std::chrono::milliseconds(5));
      if (!slept) co_return Error(ErrorCode::kCancelled, "cancelled");
      co_return std::string_view("x");
    }
    std::optional<uint64_t> size() const override { return size_; }

   private:
    const uint64_t size_;
    const std::shared_ptr<std::atomic<int>> open_;
  };

  /// Does not say how much it will be.
  class EndlessBody final : public net::BodySource {
   public:
    explicit EndlessBody(std::string text) : text_(std::move(text)) {}
    net::Task<Result<std::string_view>> next() override {
      co_return std::exchange(given_, true) ? std::string_view() : std::string_view(text_);
    }
    std::optional<uint64_t> size() const override { return std::nullopt; }

   private:
    std::string text_;
    bool given_ = false;
  };

  struct State {
    net::Task<void> wait_while_held(std::string path) {
      while (true) {
        const uint64_t version = released.version();
        {
          Lock lock(mutex);
          if (held != path) co_return;
        }
        co_await released.wait(version, std::chrono::seconds(60));
      }
    }

    net::Task<net::Response> answer(net::Request& request) {
      co_await wait_while_held(request.path);
      net::Response response;
      Lock lock(mutex);
      const std::string range(request.headers.get("Range").value_or(""));
      seen.push_back(request.path + (range.empty() ? "" : " " + range));
      const auto found = files.find(request.path);
      if (const auto status = statuses.find(request.path); status != statuses.end()) {
        response.status = status->second;
        co_return response;
      }
      response.status = down ? 503 : 404;
      if (down || found == files.end()) co_return response;
      const std::string etag = "\"" + std::to_string(std::hash<std::string>()(found->second)) + "\"";
      response.headers.set("ETag", etag);
      response.status = request.headers.get("If-None-Match").value_or("") == etag ? 304 : 200;
      if (response.status == 304) co_return response;
      size_t first = 0;
      if (range.starts_with("bytes=")) {
        first = std::stoul(range.substr(6));
        response.status = 206;
        response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", first, found->second.size() - 1,
                                                          found->second.size()));
      }
      if (request.path == trickling) {
        constexpr size_t kAll = 100'000'000;
        if (response.status == 206)
          response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", first, kAll - 1, kAll));
        response.body = std::make_unique<TrickleBody>(kAll - first, open_trickles);
        co_return response;
      }
      const std::string rest = found->second.substr(first);
      if (cut > 0) {
        response.body = std::make_unique<CutBody>(rest.substr(0, cut.exchange(0)), rest.size());
      } else if (first > 0 && without_length) {
        response.body = std::make_unique<EndlessBody>(rest);
      } else {
        response.body = rest;
      }
      co_return response;
    }

    Mutex mutex;
    std::map<std::string, std::string> files GUARDED_BY(mutex);
    std::vector<std::string> seen GUARDED_BY(mutex);
    std::map<std::string, int> statuses GUARDED_BY(mutex);
    std::string held GUARDED_BY(mutex), trickling GUARDED_BY(mutex);
    const std::shared_ptr<std::atomic<int>> open_trickles = std::make_shared<std::atomic<int>>(0);
    env::Signal released;
    std::atomic<size_t> cut{0};
    std::atomic<bool> without_length{false};
    std::atomic<bool> down{false};
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::unique_ptr<net::Server> server_;
};

/// The real ones, but files of some names cannot be looked at, or not be read.
class FaultyBlobs final : public files::Blobs {
 public:
  explicit FaultyBlobs(std::unique_ptr<files::Blobs> real) : real_(std::move(real)) {}
  std::string unseen, unreadable;  // ends of paths

  Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory,
                                        bool all) override {
    return real_->list(bucket, directory, all);
  }
  Result<Info> stat(std::string_view bucket, std::string_view path) override {
    if (!unseen.empty() && path.ends_with(unseen)) return Error(ErrorCode::kInternal, "Input/output error");
    auto info = real_->stat(bucket, path);
    if (info && !unreadable.empty() && path.ends_with(unreadable)) info->file = info->file.parent_path();
    return info;
  }
  Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body,
                         files::UploadOptions options) override {
    return real_->put(std::move(bucket), std::move(path), body, std::move(options));
  }
  Task<Result<Progress>> append(std::string bucket, std::string path, net::BodySource& body,
                                net::ContentRange piece, files::UploadOptions options) override {
    return real_->append(std::move(bucket), std::move(path), body, piece, std::move(options));
  }
  Result<uint64_t> unfinished(std::string_view bucket, std::string_view path) override {
    return real_->unfinished(bucket, path);
  }
  Result<void> drop_unfinished(std::string_view bucket, std::string_view path) override {
    return real_->drop_unfinished(bucket, path);
  }
  Uploads uploads(std::string_view without, size_t most) override { return real_->uploads(without, most); }
  void on_change(ChangeListener listener) override { real_->on_change(std::move(listener)); }
  Result<Info> move(std::string_view bucket, std::string_view from, std::string_view to) override {
    return real_->move(bucket, from, to);
  }
  Result<void> remove(std::string_view bucket, std::string_view path) override {
    return real_->remove(bucket, path);
  }
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override {
    return real_->open(info, first, last);
  }

 private:
  const std::unique_ptr<files::Blobs> real_;
};

/// Providers that are there because a test says so.
class FakeProviders final : public plugins::Providers {
 public:
  void set(std::vector<Program> programs) {
    std::vector<std::function<void()>> listeners;
    {
      Lock lock(mutex_);
      programs_ = std::move(programs);
      listeners = listeners_;
    }
    for (const auto& listener : listeners) listener();
  }
  std::vector<Program> programs() const override {
    Lock lock(mutex_);
    return programs_;
  }
  void on_change(std::function<void()> listener) override {
    Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }

  Result<void> start(plugins::ProviderServices, plugins::ProviderOptions) override { return {}; }
  Task<void> stop() override { co_return; }
  Task<Result<Upload>> upload(std::string, net::BodySource&, uint64_t, bool, std::string) override {
    co_return Error(ErrorCode::kInternal, "not here");
  }
  Task<Result<void>> remove(std::string, std::string) override {
    co_return Error(ErrorCode::kInternal, "not here");
  }
  Result<env::Path> program(std::string_view) const override {
    return Error(ErrorCode::kInternal, "not here");
  }
  std::vector<plugins::OfferedAction> actions(std::string_view, std::string_view) const override {
    return {};
  }
  Task<Result<std::string>> run_action(std::string, std::string) override {
    co_return Error(ErrorCode::kInternal, "not here");
  }
  bool wants_events() const override { return false; }
  void tell_event(plugins::EventText) override {}
  Counts counts() const override { return {}; }

 private:
  mutable Mutex mutex_;
  std::vector<Program> programs_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> listeners_ GUARDED_BY(mutex_);
};

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() : root_(fs::temp_directory_path() / ("mullion-catalog-" + env::random_uuid())) {
    fs::create_directories(root_);
    EXPECT_TRUE(layers_->start());
    blobs_ = std::make_unique<FaultyBlobs>(files::make_blobs(root_));
    // OpenSSL keeps what its first user's thread learnt until that thread ends: it must be this one.
    write("first", "");
    (void)sha256("first");
    open();
  }
  ~CatalogTest() override {
    close();
    runtime_.stop();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  template <typename Function>
  auto run(Function function) {
    return env::run(runtime_, std::move(function));
  }
  void open() {
    Dependencies dependencies{.runtime = runtime_,
                              .store = *store_,
                              .layers = *layers_,
                              .providers = providers_,
                              .blobs = *blobs_,
                              .base_root = root_,
                              .static_url =
                                  [this] {
                                    if (without_url_) throw std::runtime_error("no luck");
                                    return std::string("http://h:1");
                                  },
                              .clock = env::system_clock()};
    dependencies.platform = "amd64/linux";
    dependencies.define_limit = std::chrono::milliseconds(1500);
    dependencies.pace = pace_;
    catalog_ = make_catalog(std::move(dependencies));
    catalog_->start();
  }
  void close() {
    if (!catalog_) return;
    (void)run([this]() -> Task<Result<void>> {
      co_await catalog_->stop();
      co_return Result<void>();
    });
    catalog_.reset();
  }

  BuildReport build() {
    auto report = run([this] { return catalog_->build("user:test"); });
    EXPECT_TRUE(report) << report.error().text();
    return report ? *report : BuildReport();
  }
  Result<files::Blobs::Info> fetch(Artifact artifact) {
    return run([this, artifact] { return catalog_->fetch(artifact); });
  }
  fs::path tree() const { return root_ / "files" / "rebar-catalog"; }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / "files" / path).parent_path());
    std::ofstream(root_ / "files" / path, std::ios::binary) << text;
  }
  void write_pack(const std::string& name, const std::string& version) {
    write("rebar-catalog/" + name + "/" + version + ".json", pack_text(name, version));
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string sha256(const std::string& path) { return blobs_->stat("files", path).value().sha256; }
  void store_object(std::string type, std::string key, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{std::move(type), std::string(store::kOwn), std::move(key)}, body});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void set_places(const json::array& places) {
    store_object(
        "profiles", "global",
        json::serialize(json::object{{"Name", "global"}, {"Params", {{"manager_catalog_urls", places}}}}));
  }
  std::string actual(std::string_view id) const {
    const auto items = catalog_->items();
    const Item* item = items->find(id);
    return item == nullptr ? "" : item->actual_version;
  }
  template <typename Condition>
  static void eventually(Condition condition) {
    EXPECT_TRUE(env::eventually(condition));
  }

  const fs::path root_;
  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<packs::Layers> layers_ = packs::make_layers(*store_, packs::kFeatures);
  FakeProviders providers_;
  std::unique_ptr<FaultyBlobs> blobs_;
  std::atomic<bool> without_url_{false};
  Pace pace_;  // of the next open()
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace mullion::catalog::testing
