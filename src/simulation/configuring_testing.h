// A manager of a simulation that configures: the real configurator, and what sends version sets downstream,
// over a catalog and files that are made up or came from upstream.
#pragma once

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apply/configurator.h"
#include "apply/downstream_sync.h"
#include "files/offered_files_testing.h"
#include "simulation/configured_testing.h"
#include "simulation/received_testing.h"

namespace mullion::simulation {

/// What there is to send where nothing comes from upstream, by its place: packs
/// "http://catalog/NAME/VERSION.json", files "files/src-N".
class Contents {
 public:
  static constexpr std::string_view kPacks[] = {"core", "net", "extra"};
  static constexpr std::string_view kVersions[] = {"v1.0.0", "v2.0.0"};

  static std::string pack_url(std::string_view name, std::string_view version) {
    return fmt::format("{}{}/{}.json", kCatalog, name, version);
  }
  static std::string of(const std::string& place) {
    if (!place.starts_with(kCatalog)) return file_of(place);
    const std::string rest = place.substr(kCatalog.size());
    const size_t slash = rest.find('/');
    return fmt::format(R"({{"meta":{{"Name":"{}","Version":"{}"}},"sections":{{}}}})", rest.substr(0, slash),
                       rest.substr(slash + 1, rest.size() - slash - 6));
  }
  static files::Blobs::Info info_of(const std::string& place) {
    const std::string content = of(place);
    files::Blobs::Info out;
    out.path = place;
    out.size = content.size();
    out.sha256 = sum_of(content);
    return out;
  }

 private:
  static constexpr std::string_view kCatalog = "http://catalog/";
  /// Every fifth one is sent in two pieces.
  static std::string file_of(const std::string& place) {
    unsigned number = 0;
    const std::string_view digits = std::string_view(place).substr(place.rfind('-') + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    std::string out = place.substr(place.rfind('/') + 1);
    out.resize(number % 5 == 0 ? (size_t{1} << 20) + 1000 : 1000, 'x');
    return out;
  }
};

/// Without `makes_up` it has what was brought to its server and nothing else.
class SimulatedCatalog final : public catalog::Catalog {
 public:
  SimulatedCatalog(bool makes_up, store::Store& store, Received& received)
      : makes_up_(makes_up), store_(store), received_(received) {}
  Task<Result<catalog::BuildReport>> build(std::string) override { co_return catalog::BuildReport(); }
  std::shared_ptr<const catalog::Items> items() const override {
    static const auto all = std::make_shared<const catalog::Items>(made());
    return makes_up_ ? all : std::make_shared<const catalog::Items>(brought());
  }
  void on_change(std::function<void()> listener) override { received_.on_change(std::move(listener)); }
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    co_return Contents::info_of(artifact.source);
  }
  catalog::Collection unused(const std::vector<catalog::Need>&) override { return {}; }
  Task<Result<catalog::BuildReport>> remove(std::vector<catalog::KeptVersion>, std::string) override {
    co_return catalog::BuildReport();
  }
  std::vector<std::string> problems() const override { return {}; }
  void start() override {}
  Task<void> stop() override { co_return; }

 private:
  std::vector<catalog::Item> brought() const {
    std::vector<catalog::Item> out;
    store_.snapshot()->scan_owner(
        "catalog_items", store::kOwn, "", [&](std::string_view, std::string_view body) {
          Result<catalog::Item> item = catalog::Item::parse(object_of(std::string(body)));
          if (item) out.push_back(std::move(*item));
          return true;
        });
    return out;
  }
  static std::vector<catalog::Item> made() {
    std::vector<catalog::Item> out;
    for (const std::string_view name : Contents::kPacks) {
      for (const std::string_view version : Contents::kVersions) {
        catalog::Item& item = out.emplace_back();
        item.id = fmt::format("{}-{}", name, version);
        item.name = name;
        item.version = item.actual_version = version;
        item.content_type = "ContentPackage";
        item.source = Contents::pack_url(name, version);
        item.sha256["any/any"] = sum_of(Contents::of(item.source));
        const auto need = pack_needs().find(item.name);
        if (need != pack_needs().end()) item.meta["Prerequisites"] = need->second;
      }
    }
    return out;
  }

  const bool makes_up_;
  store::Store& store_;
  Received& received_;
};

class SimulatedBlobs final : public files::testing::OfferedFiles {
 public:
  SimulatedBlobs(bool makes_up, Received& received) : makes_up_(makes_up), received_(received) {}
  Result<Info> stat(std::string_view bucket, std::string_view path) override {
    const std::string place = fmt::format("{}/{}", bucket, path);
    if (makes_up_ && path.starts_with("src-")) return Contents::info_of(place);
    const auto found = received_.files().find(place);
    if (found == received_.files().end()) return Error(ErrorCode::kNotFound, "Not a regular file");
    Info out;
    out.path = place;
    out.size = found->second.size();
    out.sha256 = sum_of(found->second);
    return out;
  }
  void on_change(ChangeListener listener) override {
    received_.on_file([listener = std::move(listener)](const std::string& path) { listener({path}); });
  }
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override {
    const auto found = received_.files().find(info.path);
    if (found == received_.files().end() && !makes_up_)
      return Error(ErrorCode::kConflict, "it is another file");
    const std::string content = found == received_.files().end() ? Contents::of(info.path) : found->second;
    return net::body_from_string(content.substr(first, last - first + 1));
  }

 private:
  const bool makes_up_;
  Received& received_;
};

/// Begins after the part that receives, and ends before it.
class Configuring final : public Part {
 public:
  /// `makes_up`: it has a catalog and files of its own.
  Configuring(size_t at_once, bool makes_up, Received& received)
      : at_once_(at_once), makes_up_(makes_up), received_(received) {}
  void begin(const Surroundings& here) override {
    catalog_ = std::make_unique<SimulatedCatalog>(makes_up_, here.store, received_);
    blobs_ = std::make_unique<SimulatedBlobs>(makes_up_, received_);
    apply::Dependencies dependencies{.runtime = here.runtime,
                                     .store = here.failing,
                                     .catalog = *catalog_,
                                     .blobs = *blobs_,
                                     .manager = here.manager,
                                     .own_id = here.host.name(),
                                     .clock = here.clock,
                                     .timers = here.timers,
                                     .apply_concurrency = at_once_};
    downstream_sync_ = apply::make_downstream_sync(dependencies);
    configurator_ = apply::make_configurator(std::move(dependencies));
    configurator_->start();
    downstream_sync_->start();
  }
  void end() override {
    downstream_sync_.reset();
    configurator_.reset();
  }

 private:
  const size_t at_once_;
  const bool makes_up_;
  Received& received_;
  std::unique_ptr<SimulatedCatalog> catalog_;
  std::unique_ptr<SimulatedBlobs> blobs_;
  std::unique_ptr<apply::Configurator> configurator_;
  std::unique_ptr<apply::DownstreamSync> downstream_sync_;
};

}  // namespace mullion::simulation
