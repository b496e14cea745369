// A manager of a simulation that configures: the real configurator, over a catalog and files that are made
// up.
#pragma once

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apply/configurator.h"
#include "simulation/configured_testing.h"

namespace mullion::simulation {

/// What there is to send, by its place: packs "http://catalog/NAME/VERSION.json", files "files/src-N".
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
    std::string out = place;
    out.resize(number % 5 == 0 ? (size_t{1} << 20) + 1000 : 1000, 'x');
    return out;
  }
};

class SimulatedCatalog final : public catalog::Catalog {
 public:
  Task<Result<catalog::BuildReport>> build(std::string) override { co_return catalog::BuildReport(); }
  std::shared_ptr<const catalog::Items> items() const override {
    static const auto all = std::make_shared<const catalog::Items>(made());
    return all;
  }
  void on_change(std::function<void()>) override {}
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
};

class SimulatedBlobs final : public files::Blobs {
 public:
  Result<std::vector<std::string>> list(std::string_view, std::string_view, bool) override { return Error(); }
  Result<Info> stat(std::string_view bucket, std::string_view path) override {
    if (!path.starts_with("src-")) return Error(ErrorCode::kNotFound, "Not a regular file");
    return Contents::info_of(fmt::format("{}/{}", bucket, path));
  }
  Task<Result<Info>> put(std::string, std::string, net::BodySource&, files::UploadOptions) override {
    co_return Error();
  }
  Task<Result<Progress>> append(std::string, std::string, net::BodySource&, net::ContentRange,
                                files::UploadOptions) override {
    co_return Error();
  }
  Result<uint64_t> unfinished(std::string_view, std::string_view) override { return Error(); }
  Result<void> drop_unfinished(std::string_view, std::string_view) override { return Error(); }
  Uploads uploads(std::string_view, size_t) override { return {}; }
  void on_change(ChangeListener) override {}
  Result<Info> move(std::string_view, std::string_view, std::string_view) override { return Error(); }
  Result<void> remove(std::string_view, std::string_view) override { return Error(); }
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override {
    return net::body_from_string(Contents::of(info.path).substr(first, last - first + 1));
  }
};

class Configuring final : public Part {
 public:
  explicit Configuring(size_t at_once) : at_once_(at_once) {}
  void begin(const Surroundings& here) override {
    configurator_ = apply::make_configurator({.runtime = here.runtime,
                                              .store = here.failing,
                                              .catalog = catalog_,
                                              .blobs = blobs_,
                                              .manager = here.manager,
                                              .own_id = here.host.name(),
                                              .clock = here.clock,
                                              .timers = here.timers,
                                              .apply_concurrency = at_once_});
    configurator_->start();
  }
  void end() override { configurator_.reset(); }

 private:
  const size_t at_once_;
  SimulatedCatalog catalog_;
  SimulatedBlobs blobs_;
  std::unique_ptr<apply::Configurator> configurator_;
};

}  // namespace mullion::simulation
