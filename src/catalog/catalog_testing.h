// What tests of the catalog service share: a server without ports, and files elsewhere.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "catalog/catalog.h"
#include "env/random.h"
#include "net/net_testing.h"

namespace mullion::catalog::testing {

namespace fs = std::filesystem;
namespace json = boost::json;

inline std::string pack_text(const std::string& name, const std::string& version, const std::string& more = "") {
  return R"({"meta":{"Name":")" + name + R"(","Version":")" + version + R"(","Author":"me")" + more +
         R"(},"sections":{"profiles":{}}})";
}

/// A server of files elsewhere.
class Elsewhere {
 public:
  explicit Elsewhere(env::Runtime& runtime) {
    auto listening = net::listen(runtime, {.address = "127.0.0.1", .flag = "--test"},
                                 [this](net::Request& request) { return answer(request); });
    EXPECT_TRUE(listening) << listening.error().text();
    server_ = std::move(*listening);
  }
  void put(const std::string& path, std::string text) {
    std::lock_guard lock(mutex_);
    files_[path] = std::move(text);
  }
  /// The next answer ends behind this many bytes.
  void cut_after(size_t bytes) { cut_ = bytes; }
  std::vector<std::string> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  void stop() { down_ = true; }

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

  net::Task<net::Response> answer(net::Request& request) {
    net::Response response;
    std::lock_guard lock(mutex_);
    const std::string range(request.headers.get("Range").value_or(""));
    seen_.push_back(request.path + (range.empty() ? "" : " " + range));
    const auto found = files_.find(request.path);
    response.status = down_ ? 503 : 404;
    if (down_ || found == files_.end()) co_return response;
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
    const std::string rest = found->second.substr(first);
    if (cut_ > 0) {
      response.body = std::make_unique<CutBody>(rest.substr(0, cut_.exchange(0)), rest.size());
    } else {
      response.body = rest;
    }
    co_return response;
  }

  std::unique_ptr<net::Server> server_;
  std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> seen_;
  std::atomic<size_t> cut_{0};
  std::atomic<bool> down_{false};
};

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() : root_(fs::temp_directory_path() / ("mullion-catalog-" + env::random_uuid())) {
    fs::create_directories(root_);
    EXPECT_TRUE(layers_->start());
    blobs_ = content::make_blobs(root_);
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
    return net::testing::run(runtime_, std::move(function));
  }
  void open() {
    Dependencies dependencies{.runtime = runtime_,
                              .store = *store_,
                              .layers = *layers_,
                              .blobs = *blobs_,
                              .base_root = root_,
                              .static_url = [] { return std::string("http://h:1"); }};
    dependencies.define_limit = std::chrono::milliseconds(1500);
    catalog_ = make_catalog(std::move(dependencies));
    catalog_->start();
  }
  void close() {
    if (!catalog_) return;
    run([this]() -> Task<Result<void>> {
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
  Result<content::Blobs::Info> fetch(Artifact artifact) {
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
    store_object("profiles", "global",
                 json::serialize(json::object{{"Name", "global"}, {"Params", {{"manager_catalog_urls", places}}}}));
  }
  std::string actual(std::string_view id) const {
    const auto items = catalog_->items();
    const Item* item = items->find(id);
    return item == nullptr ? "" : item->actual_version;
  }
  template <typename Condition>
  static void eventually(Condition condition) {
    EXPECT_TRUE(net::testing::eventually(condition));
  }

  const fs::path root_;
  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<content::Layers> layers_ = content::make_layers(*store_, content::accepted_features());
  std::unique_ptr<content::Blobs> blobs_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace mullion::catalog::testing
