// For tests of the API: the real API over an in-memory store, with stand-ins for the rooms around it.
#pragma once

#include <atomic>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/fake_cluster.h"
#include "api/fake_upgrades.h"
#include "base/mutex.h"
#include "env/launch.h"
#include "env/random.h"
#include "store/meddled_testing.h"

namespace mullion::api::testing {

namespace json = boost::json;

/// "Bearer NAME" is the login of NAME; claims are set by the test.
class FakeAuthenticator final : public auth::Authenticator {
 public:
  std::map<std::string, std::vector<auth::Claim>> users{{"root", {{"*", "*", "*"}}}, {"nobody", {}}};
  std::vector<std::string> forgotten;
  auth::TokenRequest last_token;

  explicit FakeAuthenticator(store::Store& store) : tenants_(store) {}

  Result<auth::Principal> authenticate(const auth::Credentials& credentials) override {
    const bool bearer = credentials.authorization.starts_with("Bearer ");
    return login(bearer ? credentials.authorization.substr(7) : credentials.query_token);
  }
  Result<auth::Principal> renew(const auth::Principal& principal) override { return login(principal.user); }
  Result<std::string> keep(const auth::Principal& principal) const override { return principal.user; }
  Result<auth::Principal> recall(std::string_view kept) override { return login(std::string(kept)); }
  uint64_t generation() const override { return ++asked_; }  // always time to renew
  env::Signal changes() const override { return changes_; }
  auth::TenantDirectory& tenants() override { return tenants_; }
  bool needs_hashing(const auth::Credentials&) const override { return false; }
  Result<std::string> make_token(const auth::TokenRequest& request) override {
    last_token = request;
    return std::string("token-of-") + (request.user.empty() ? request.machine : request.user);
  }
  std::string hash_password(std::string_view password) const override {
    return "hash-of-" + std::string(password);
  }
  void forget(std::string_view user) override { forgotten.emplace_back(user); }

 private:
  env::Signal changes_;
  Result<auth::Principal> login(const std::string& name) {
    const auto found = users.find(name);
    if (found == users.end()) return Error(ErrorCode::kUnauthorized, "AUTH", "", "", {"Invalid token"});
    auth::Principal principal;
    principal.name = name == "system" ? name : "user:" + name;
    principal.user = name;
    principal.claims = found->second;
    principal.tenant = tenants_.of(name);
    return principal;
  }

  auth::TenantDirectory tenants_;
  mutable std::atomic<uint64_t> asked_{0};
};

class FakeLayers final : public packs::Layers {
 public:
  std::map<std::string, std::string> read_only;  // "prefix/key" -> layer
  Result<void> start() override { return {}; }
  std::string summaries() const override { return "[]"; }
  Result<std::string> show(std::string_view name, const Opener&) const override {
    return Error(ErrorCode::kNotFound, "", "contents", std::string(name), {"No such content store"});
  }
  Result<std::string> summary(std::string_view name) const override { return show(name, {}); }
  void set_sealer(Sealer) override {}
  std::atomic<int> seals{0};
  Result<void> seal_clear_values() override { return ++seals, Result<void>(); }
  Result<std::string> load(std::string_view, bool, std::string_view, bool, std::string_view) override {
    return std::string("{}");
  }
  Result<void> remove(std::string_view, std::string_view) override { return {}; }
  Result<void> load_provider(std::string_view, bool, std::string_view, Along) override { return {}; }
  Result<void> remove_provider(std::string_view, std::string_view, Along) override { return {}; }
  std::vector<Component> components() const override {
    return {{"ContentPackage", "demo", "v1.2.3", "other: >=1.0"}};
  }
  std::optional<std::string> read_only_layer(std::string_view type, std::string_view key) const override {
    const auto found = read_only.find(std::string(type) + "/" + std::string(key));
    if (found == read_only.end()) return std::nullopt;
    return found->second;
  }
  void on_change(Listener) override {}
};

class FakePreferences final : public prefs::Preferences {
 public:
  std::map<std::string, std::string> values{{"manager", "false"},         {"defaultStage", "none"},
                                            {"defaultBootEnv", "local"},  {"defaultWorkflow", ""},
                                            {"unknownBootEnv", "ignore"}, {"baseTokenSecret", "hidden"}};
  std::function<void(std::string_view, std::string_view)> listener;
  std::vector<std::pair<std::string, std::string>> all() const override {
    return {values.begin(), values.end()};
  }
  std::string get(std::string_view name) const override {
    const auto found = values.find(std::string(name));
    return found == values.end() ? "" : found->second;
  }
  Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> wanted, std::string) override {
    for (const auto& [name, value] : wanted) {
      if (!values.contains(name)) co_return Error(ErrorCode::kInvalid, "Unknown Preference " + name);
    }
    for (const auto& [name, value] : wanted) {
      values[name] = value;
      if (listener) listener(name, value);
    }
    co_return Result<void>{};
  }
  void set_gate(Gate) override {}
  void on_change(std::function<void(std::string_view, std::string_view)> wanted) override {
    listener = std::move(wanted);
  }
};

class FakeCatalog final : public catalog::Catalog {
 public:
  std::vector<std::string> builders;
  std::vector<std::string> removed;
  std::vector<catalog::Need> needed;  // what unused() was told
  catalog::Collection collection;
  Task<Result<catalog::BuildReport>> build(std::string principal) override {
    builders.push_back(std::move(principal));
    co_return catalog::BuildReport{.version = "1.0.1",
                                   .changed = true,
                                   .items = 3,
                                   .files = 2,
                                   .hashed = 1,
                                   .warnings = {"x: not an item"}};
  }
  std::shared_ptr<const catalog::Items> items() const override {
    catalog::Item item{.id = "a-v1",
                       .name = "a",
                       .version = "v1",
                       .actual_version = "v1",
                       .content_type = "ContentPackage",
                       .source = "http://x/rebar-catalog/a/v1.json"};
    return std::make_shared<const catalog::Items>(std::vector<catalog::Item>{item});
  }
  void on_change(std::function<void()>) override {}
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact) override {
    co_return Error(ErrorCode::kNotFound, "absent");
  }
  catalog::Collection unused(const std::vector<catalog::Need>& needs) override {
    needed = needs;
    return collection;
  }
  Task<Result<catalog::BuildReport>> remove(std::vector<catalog::KeptVersion> versions,
                                            std::string principal) override {
    for (const catalog::KeptVersion& version : versions) removed.push_back(version.id);
    co_return co_await build(std::move(principal));
  }
  std::vector<std::string> problems() const override { return {"http://gone: refused"}; }
  void start() override {}
  Task<void> stop() override { co_return; }
};

class NoBlobs final : public files::Blobs {
 public:
  bool uploads_complete = true;
  Result<std::vector<std::string>> list(std::string_view, std::string_view, bool) override {
    return std::vector<std::string>{"a", "d/"};
  }
  Result<Info> stat(std::string_view, std::string_view path) override {
    if (path != "a") return Error(ErrorCode::kNotFound, "absent");
    return Info{"a", 10, std::string(64, 'e'), "/dev/null", env::WallTime(std::chrono::seconds(784111777)),
                1};
  }
  Task<Result<Info>> put(std::string, std::string path, net::BodySource& body,
                         files::UploadOptions options) override {
    Result<std::string> text = co_await net::read_all(body, options.max_bytes);
    if (!text) co_return text.error();
    co_return Info{path, text->size(), std::string(64, 'e'), "", {}, 1};
  }
  Task<Result<Progress>> append(std::string, std::string path, net::BodySource& body, net::ContentRange piece,
                                files::UploadOptions options) override {
    Result<std::string> text = co_await net::read_all(body, options.max_bytes);
    if (!text) co_return text.error();
    if (piece.bytes.first != unfinished_) co_return Error(ErrorCode::kConflict, "does not fit");
    unfinished_ = piece.last() ? 0 : piece.bytes.last + 1;
    if (!piece.last()) co_return Progress{unfinished_, std::nullopt};
    co_return Progress{*piece.total, Info{path, *piece.total, std::string(64, 'e'), "", {}, 1}};
  }
  Result<uint64_t> unfinished(std::string_view, std::string_view) override {
    if (unfinished_ == 0) return Error(ErrorCode::kNotFound, "No unfinished upload");
    return unfinished_;
  }
  Result<void> drop_unfinished(std::string_view, std::string_view) override {
    unfinished_ = 0;
    return {};
  }
  Uploads uploads(std::string_view, size_t) override {
    return {{{"files/a", std::string(64, 'e')}, {"files/\xff", std::string(64, 'e')}}, uploads_complete};
  }
  void on_change(ChangeListener) override {}
  Result<Info> move(std::string_view, std::string_view, std::string_view) override {
    return Error(ErrorCode::kNotFound, "absent");
  }
  Result<void> remove(std::string_view, std::string_view) override {
    return Error(ErrorCode::kNotFound, "Unable to delete");
  }
  Result<net::BodySourcePtr> open(const Info&, uint64_t first, uint64_t last) override {
    return net::body_from_string(std::string("0123456789").substr(first, last - first + 1));
  }

 private:
  uint64_t unfinished_ = 0;
};

/// Takes every pair whose texts are equal.
class FakeCertificates final : public Certificates {
 public:
  std::map<Port, std::string> pems{{Port::kApi, "first"}, {Port::kStatic, "first"}};
  Result<std::string> certificate(Port port) const override { return pems.at(port); }
  std::string fingerprint(Port port) const override { return "fingerprint of " + pems.at(port); }
  Result<void> replace(Port port, const std::string& certificate_pem, const std::string& key_pem) override {
    if (certificate_pem != key_pem) return Error(ErrorCode::kInvalid, "Cert and Key do not belong together");
    pems[port] = certificate_pem;
    return {};
  }
};

/// A folder of its own that is gone afterwards.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("api-test-{:016x}", env::random_id())) {}
  ~ScratchFolder() { (void)env::remove_tree(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const env::Path& path() const { return path_; }

 private:
  env::Path path_;
};

/// Offers what the test puts in, and remembers what was asked of it.
class FakeProviders final : public plugins::Providers {
 public:
  std::vector<plugins::OfferedAction> offers;
  Result<std::string> answer = std::string(R"({"done":true})");
  std::vector<std::pair<std::string, json::value>> runs;  // plugin, action
  /// The store's thread of events reads and writes these.
  std::atomic<bool> publishes = false;
  std::vector<std::string> events() const {
    const Lock lock(mutex_);
    return events_;
  }

  Result<void> start(plugins::ProviderServices, plugins::ProviderOptions) override { return {}; }
  Task<void> stop() override { co_return; }
  Task<Result<Upload>> upload(std::string name, net::BodySource& body, uint64_t limit, bool,
                              std::string) override {
    Result<std::string> text = co_await net::read_all(body, limit);
    if (!text) co_return text.error();
    co_return Upload{name, text->size()};
  }
  Task<Result<void>> remove(std::string name, std::string) override {
    co_return Error(ErrorCode::kNotFound, "DELETE", "plugin_providers", name, {"Not Found"});
  }
  Result<env::Path> program(std::string_view name) const override {
    return Error(ErrorCode::kNotFound, "GET", "plugin_providers", std::string(name), {"Not Found"});
  }
  std::vector<Program> programs() const override { return {}; }
  void on_change(std::function<void()>) override {}
  std::vector<plugins::OfferedAction> actions(std::string_view model,
                                              std::string_view plugin) const override {
    std::vector<plugins::OfferedAction> out;
    for (const plugins::OfferedAction& offer : offers) {
      if (offer.action.model == model && (plugin.empty() || offer.plugin == plugin)) out.push_back(offer);
    }
    return out;
  }
  Task<Result<std::string>> run_action(std::string plugin, std::string action_json) override {
    runs.emplace_back(plugin, json::parse(action_json));
    co_return answer;
  }
  bool wants_events() const override { return publishes; }
  void tell_event(plugins::EventText event) override {
    const Lock lock(mutex_);
    events_.push_back(*event());
  }
  Counts counts() const override { return {}; }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> events_ GUARDED_BY(mutex_);
};

/// Of a connection that ends before the first byte of it.
class CutBody final : public net::BodySource {
 public:
  Task<Result<std::string_view>> next() override {
    co_return Error(ErrorCode::kCancelled, "the client is closed");
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }
};

/// Remembers what was forwarded.
class FakeManager final : public manager::Manager {
 public:
  struct Forwarded {
    std::string owner, method, target, principal, body;
  };
  std::vector<Forwarded> forwarded;
  std::map<std::string, manager::OwnerFreshness> known;
  std::optional<std::string> answer;  // to what is forwarded
  bool answers_are_cut = false;       // behind their headers
  bool answers_are_packed = false;
  std::function<net::BodySourcePtr()> answer_body;  // instead of a text
  int answer_status = 200;
  bool foreign = false;

  void start() override {}
  Task<void> stop() override { co_return; }
  bool is_foreign(const std::string&) const override { return foreign; }
  bool active() const override { return true; }
  Task<Result<std::string>> add_endpoint(std::string params_json, const auth::Principal&) override {
    if (params_json.find("manager/url") == std::string::npos) {
      co_return Error(ErrorCode::kInvalid, "Action addEndpoint Missing Parameter manager/url");
    }
    co_return std::string(R"({"Id":"A"})");
  }
  Task<Result<net::Response>> forward(std::string owner, net::Request& request, std::string api_target,
                                      const auth::Principal& principal) override {
    Result<std::string> body = co_await net::read_all(*request.body, 1 << 20);
    forwarded.push_back({owner, request.method, api_target, principal.name, body ? *body : ""});
    if (!known.contains(owner)) {
      co_return Error(ErrorCode::kNotFound, request.method, "endpoints", owner,
                      {"Unknown endpoint " + owner});
    }
    net::Response response;
    response.status = answer_status;
    response.headers.set("Content-Type", "application/json");
    response.body = answer.value_or(R"({"from":")" + owner + "\"}");
    if (answers_are_packed) response.headers.set("Content-Encoding", "gzip");
    if (answers_are_cut) response.body = std::make_unique<CutBody>();
    if (answer_body) response.body = answer_body();
    co_return response;
  }
  Task<Result<std::shared_ptr<net::WebSocket>>> forward_websocket(std::string owner, std::string target,
                                                                  const auth::Principal& principal) override {
    forwarded.push_back({owner, "WEBSOCKET", target, principal.name, ""});
    co_return Error(ErrorCode::kUnavailable, "no websocket in this test");
  }
  std::vector<std::string> known_owners() const override {
    std::vector<std::string> out;
    for (const auto& [owner, freshness] : known) out.push_back(owner);
    return out;
  }
  std::vector<manager::EndpointStatistics> statistics() const override { return {}; }
  Task<void> serve_stream(std::shared_ptr<net::WebSocket>, store::Cursor) override { co_return; }
  Task<Result<net::ClientResponse>> call(std::string, net::ClientRequest) override {
    co_return Error(ErrorCode::kUnavailable, "no endpoint in this test");
  }
  std::shared_ptr<const model::EndpointState> endpoint_state(const std::string&) const override {
    return std::make_shared<const model::EndpointState>();
  }
  void on_endpoint_change(std::function<void(const std::string& id)>) override {}
  void state_changed() override {}

 protected:
  std::vector<manager::OwnerFreshness> replicas(const std::vector<std::string>& owners) const override {
    std::vector<manager::OwnerFreshness> out;
    for (const std::string& owner : owners) {
      if (const auto found = known.find(owner); found != known.end()) out.push_back(found->second);
    }
    return out;
  }
};

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  json::value json() const { return json::parse(body.empty() ? "null" : body); }
  std::string header(std::string_view name) const { return std::string(headers.get(name).value_or("")); }
  std::string message() const { return std::string(json().at("Messages").at(0).as_string()); }
};

/// What only some tests bring along.
struct Around {
  std::vector<std::string> trusted_keys = {};
  std::string ux_pack = {};
  const env::Clock& clock = env::system_clock();
  const env::Timers& timers = env::system_timers();
  apply::Configurator* configurator = nullptr;
};

/// The API with everything it needs, and a client without sockets.
class Fixture {
 public:
  explicit Fixture(Limits limits = {}, Around around = {}) : ux_pack(std::move(around.ux_pack)) {
    Facts facts;
    facts.trusted_keys = std::move(around.trusted_keys);
    facts.id = "M1";
    facts.local_id = "M1";
    facts.version = "v0.1.0";
    facts.address = "127.0.0.1";
    facts.installs = folder.path() / "installs";
    api = make_api(Dependencies{.runtime = runtime,
                                .store = meddled,
                                .authenticator = authenticator,
                                .layers = layers,
                                .preferences = preferences,
                                .blobs = blobs,
                                .job_logs = *job_logs,
                                .certificates = certificates,
                                .providers = providers,
                                .upgrades = upgrades,
                                .catalog = catalog,
                                .cluster = cluster,
                                .ux_pack = ux_pack,
                                .facts = std::move(facts),
                                .limits = limits,
                                .clock = around.clock,
                                .timers = around.timers,
                                .manager = manager,
                                .configurator = around.configurator});
  }
  ~Fixture() { run(api->stop()); }

  template <typename T>
  T run(Task<T> task) {
    return env::run(runtime, std::move(task));
  }

  Answer call(std::string method, std::string target, std::string body = "", std::string user = "root",
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    net::BodySourcePtr source = net::body_from_string(std::move(body));
    net::Request request;
    request.method = std::move(method);
    EXPECT_TRUE(request.set_target(std::move(target)));
    request.peer_address = "127.0.0.1";
    request.peer_is_loopback = true;
    request.id = "test";
    request.body = source.get();
    if (!user.empty()) request.headers.set("Authorization", "Bearer " + user);
    for (auto& [name, value] : headers) request.headers.set(name, value);
    return run(answer(request));
  }

  /// Puts an object where no route would: a replica, or a content layer.
  void put_raw(const std::string& type, const std::string& owner, const std::string& key,
               const std::string& body) {
    store::Batch batch;
    store::Change change;
    change.id = {type, owner, key};
    change.body = body;
    batch.changes.push_back(std::move(change));
    if (store::is_remote(owner)) batch.origin = store::Origin{owner, {1, ++origin_sequence}};
    const Result<store::Cursor> done = store->commit_sync(std::move(batch));
    if (!done) throw std::runtime_error(done.error().text());
  }
  void put_layered(const std::string& type, const std::string& key, const std::string& body) {
    put_raw(type, std::string(store::kLayered), key, body);
  }
  /// What a machine is in when nothing else is said, as the built-in pack brings it.
  void put_first_stage() {
    put_layered("stages", "none", R"({"Name":"none","Available":true})");
    put_layered("bootenvs", "local", R"({"Name":"local","Available":true})");
  }

  env::Runtime runtime{2};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::MeddledStore meddled{*store};  // what the API works with
  FakeAuthenticator authenticator{*store};
  FakeLayers layers;
  FakePreferences preferences;
  NoBlobs blobs;
  ScratchFolder folder;
  std::unique_ptr<joblogs::JobLogs> job_logs = joblogs::make_job_logs(folder.path() / "job-logs", 1000);
  FakeCertificates certificates;
  FakeProviders providers;
  FakeUpgrades upgrades;
  FakeCluster cluster;
  FakeCatalog catalog;
  FakeManager manager;
  std::string ux_pack;
  std::unique_ptr<Api> api;
  uint64_t origin_sequence = 0;

 private:
  Task<Answer> answer(net::Request& request) {
    net::Response response = co_await api->handle(request);
    Answer out;
    out.status = response.status;
    out.headers = response.headers;
    if (auto* text = std::get_if<std::string>(&response.body)) {
      out.body = std::move(*text);
    } else {
      Result<std::string> all =
          co_await net::read_all(*std::get<net::BodySourcePtr>(response.body), uint64_t{1} << 30);
      if (all) out.body = std::move(*all);
    }
    co_return out;
  }
};

}  // namespace mullion::api::testing
