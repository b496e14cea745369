// How long a build of the local catalog takes: everything new, and nothing changed.
// usage: catalog_bench [VERSIONS]    content packs of 200 names, default 1000
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "catalog/catalog.h"
#include "env/launch.h"
#include "env/random.h"
#include "packs/features.h"

namespace {

using namespace mullion;
namespace fs = std::filesystem;

constexpr int kNames = 200;
constexpr size_t kPackBytes = 50'000;

void write_packs(const fs::path& tree, int versions) {
  const std::string filler(kPackBytes, 'x');
  for (int i = 0; i < versions; ++i) {
    const std::string name = fmt::format("pack{}", i % kNames);
    const std::string version = fmt::format("v1.{}.0", i / kNames);
    fs::create_directories(tree / name);
    std::ofstream(tree / name / (version + ".json")) << fmt::format(
        R"({{"meta":{{"Name":"{}","Version":"{}","Author":"bench"}},"sections":{{"templates":{{"t":{{"Contents":"{}"}}}}}}}})",
        name, version, filler);
  }
}

double seconds_of_build(env::Runtime& runtime, catalog::Catalog& catalog) {
  const auto begun = std::chrono::steady_clock::now();
  const Result<catalog::BuildReport> report = env::run(runtime, catalog.build("user:bench"));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (!report) {
    fmt::print(stderr, "catalog_bench: {}\n", report.error().text());
    std::exit(1);
  }
  fmt::print("{:>8} files {:>8} items {:>8} read {:>9.1f} ms\n", report->files, report->items, report->hashed,
             seconds * 1000);
  return seconds;
}

}  // namespace

int main(int count, char** words) {
  const int versions = count > 1 ? std::atoi(words[1]) : 1000;
  const fs::path root = fs::temp_directory_path() / ("mullion-catalog-bench-" + env::random_uuid());
  write_packs(root / "files" / "rebar-catalog", versions);
  {
    store::Options options;
    options.directory = root / "data";
    const auto store = store::open_store(options).value();
    env::Runtime runtime(2);
    const auto layers = packs::make_layers(*store, packs::kFeatures);
    if (!layers->start()) return 1;
    const auto preferences = prefs::make_preferences(*store, runtime);
    const auto providers = plugins::make_providers(runtime, *store, *layers, *preferences,
                                                   env::system_clock(), env::random_unit);
    const auto blobs = files::make_blobs(root);
    const auto catalog = catalog::make_catalog({.runtime = runtime,
                                                .store = *store,
                                                .layers = *layers,
                                                .providers = *providers,
                                                .blobs = *blobs,
                                                .base_root = root,
                                                .static_url = [] { return std::string("http://bench:1"); },
                                                .clock = env::system_clock()});
    catalog->start();
    const double cold = seconds_of_build(runtime, *catalog);
    const double unchanged = seconds_of_build(runtime, *catalog);
    fmt::print("unchanged takes 1/{:.0f} of cold\n", cold / unchanged);
    env::run(runtime, catalog->stop());
    runtime.stop();
  }
  fs::remove_all(root);
  return 0;
}
