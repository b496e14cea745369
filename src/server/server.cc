#include "server/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "api/api.h"
#include "api/gateway.h"
#include "apply/configurator.h"
#include "apply/downstream_sync.h"
#include "auth/auth.h"
#include "auth/signature.h"
#include "base/text.h"
#include "base/version.h"
#include "bulk/bulks.h"
#include "catalog/catalog.h"
#include "cluster/node.h"
#include "env/file.h"
#include "env/random.h"
#include "env/runtime.h"
#include "env/timers.h"
#include "files/blobs.h"
#include "files/shared_blobs.h"
#include "joblogs/job_logs.h"
#include "joblogs/shared_job_logs.h"
#include "manager/manager.h"
#include "net/http.h"
#include "packs/features.h"
#include "packs/layers.h"
#include "plugins/providers.h"
#include "plugins/shared_providers.h"
#include "prefs/preferences.h"
#include "rollout/rollouts.h"
#include "server/built_in_ux.h"
#include "server/certificates.h"
#include "server/components.h"
#include "server/database_examiner.h"
#include "server/identity.h"
#include "server/internal/log.h"
#include "server/limits.h"
#include "server/metrics.h"
#include "server/rolling_upgrades.h"
#include "server/shared_certificates.h"
#include "server/upgrade_supervisor.h"
#include "server/upgrader.h"
#include "store/compaction.h"
#include "store/store.h"

namespace mullion::server {
namespace {

constexpr auto kGrace = std::chrono::milliseconds(600);
constexpr auto kUpgradeSlack = std::chrono::seconds(60);  // beyond the deadline, for stopping and starting
constexpr auto kStopPatience = std::chrono::milliseconds(1500);
constexpr auto kStopLimit = std::chrono::seconds(10);
constexpr auto kRolePause = std::chrono::milliseconds(10);  // between looks at what this member is
constexpr uint64_t kCertificateRounds = 50;                 // such pauses between looks at the certificates
constexpr auto kLeavePatience = std::chrono::seconds(1);    // for another member to take over
constexpr std::string_view kSharedFiles = "majority", kLocalFiles = "local";  // of --ha-files
constexpr std::string_view kUpgradeFiles = "upgrades/";
constexpr std::string_view kIsoFiles = "isos/";
constexpr uint64_t kMostViews =
    100'000;  // more than any machine serves; the table of them is mapped as a whole

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) return "localhost";
  return name;
}

/// Each connection is a descriptor: as many as the system lets us have. Answers how many these are.
uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return UINT64_MAX;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

/// Each value for the key pair of its object, which is stored: values that came sealed may be for one that
/// was only told so far.
Result<std::vector<std::string>> seal_values(store::Store& store,
                                             const std::vector<packs::Layers::SecureValue>& values) {
  std::vector<std::pair<std::string, std::string>> objects;
  objects.reserve(values.size());
  for (const auto& value : values) objects.emplace_back(value.prefix, value.key);
  const Result<std::vector<auth::KeyPair>> pairs = auth::kept_key_pairs(store, objects);
  if (!pairs) return pairs.error();
  std::vector<std::string> sealed;
  sealed.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string& value = values[i].json;
    sealed.push_back(auth::is_secure_data(value) ? value : auth::seal((*pairs)[i].public_key, value));
  }
  return sealed;
}

/// What a member tells of the cluster, in the words of the metrics page.
std::string member_metrics(const cluster::ClusterView& view) {
  const auto line = [](std::string_view name, auto value) {
    return fmt::format("# TYPE {0} gauge\n{0} {1}\n", name, value);
  };
  return line("mullion_cluster_active", view.active ? 1 : 0) +
         line("mullion_cluster_leader_known", view.leader_id.empty() ? 0 : 1) +
         line("mullion_cluster_term", view.term) + line("mullion_cluster_agreed", view.agreed) +
         line("mullion_cluster_applied", view.applied) + line("mullion_cluster_members", view.nodes.size()) +
         line("mullion_cluster_in_step", std::ranges::count_if(view.nodes, &cluster::NodeView::in_step)) +
         line("mullion_cluster_trouble", view.trouble.empty() ? 0 : 1);
}

/// A key that never verifies anything would be noticed at the next upgrade only.
Result<void> check_public_keys(const settings::Settings& settings, std::string_view name) {
  for (const std::string& key : split_list(settings.text(name))) {
    if (!auth::is_public_key(key))
      return Error(ErrorCode::kInvalid,
                   fmt::format("--{}: {} is no Ed25519 public key in base64", name, key));
  }
  return {};
}

Result<void> gate_manager(store::Store& store, const std::vector<std::string>& trusted_keys,
                          std::string_view name, std::string_view value) {
  if (name != "manager" || value != "true" ||
      auth::current_licence(store, trusted_keys, env::system_clock()).manager)
    return {};
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {"Cannot access /api/v3/prefs",
                "manager is a licensed feature, which the loaded licence does not grant"});
}

/// Members stand in start order; stop() goes backwards.
class ServerProcess final : public Server {
 public:
  ServerProcess(const settings::Settings& settings, std::optional<Restart> restart, std::stop_token stop)
      : settings_(settings), restart_(std::move(restart)), stop_(std::move(stop)) {}
  ~ServerProcess() override {
    if (!ServerProcess::stop()) std::_Exit(EXIT_FAILURE);  // what still runs uses what would be freed here
  }

  Result<void> start();
  uint16_t api_port() const override { return api_server_ ? api_server_->port() : 0; }
  uint16_t metrics_port() const override { return metrics_server_ ? metrics_server_->port() : 0; }
  const std::string& id() const override { return ids_.ha_id; }
  bool stop() override;

 private:
  Result<void> take_base_root();
  store::Options store_options() const;
  void warn_of_few_connections() const;
  Result<void> open_store();
  Result<bool> enter_by_hand(DatabaseExaminer& examiner);
  cluster::AloneOptions alone_options() const;
  cluster::ByHandStart by_hand_start() const;
  Result<void> open_alone(DatabaseExaminer& examiner);
  Result<void> open_member(DatabaseExaminer& examiner);
  Result<void> open_rooms();
  Result<void> start_alone();
  Result<void> start_member();
  Result<void> start_serving();
  std::function<std::optional<uint64_t>()> lead_term() const;
  void follow_role();
  void follow_certificates();
  void tell_members(const cluster::ClusterView& view);
  api::Certificates& served_certificates() const;
  void make_files();
  void start_anew(std::string_view why);
  api::Facts facts() const;
  bool listens_everywhere() const;
  cluster::HaSettings ha_settings() const;
  cluster::Cluster& cluster() const;
  cluster::ApiPlace api_place(std::string api_url, std::string static_url) const;
  void announce();
  void make_upgrader();
  api::Upgrades& served_upgrades() const;
  std::string local_url() const;
  void assemble_api();
  void assemble_configurator();
  env::Task<Result<boost::json::array>> preview_actions(std::string endpoint, std::vector<std::string> sets);
  Result<void> listen_everywhere();
  Result<void> start_providers();
  Result<std::unique_ptr<net::Port>> listen(std::string_view flag, std::string address,
                                            std::optional<net::TlsFiles> tls, net::Handler handler);
  std::string address_of(std::string_view flag) const;
  std::vector<std::string> own_urls() const;
  env::Path authorities_folder() const;
  net::Response metrics_page(const net::Request& request) const;
  MetricSources metric_sources() const;
  Result<std::string> metrics(const std::vector<std::string>& names) const;
  std::vector<Component> components();
  void free_rooms();

  settings::Settings settings_;
  std::optional<Restart> restart_;
  const std::stop_token stop_;  // of the start
  env::SteadyTime begun_ = env::system_clock().steady();
  env::Path base_root_;
  std::optional<env::FileLock> lock_;
  ServerIds ids_;
  std::unique_ptr<PortCertificates> certificates_;
  std::vector<std::string> trusted_keys_;
  std::vector<std::string> start_errors_;
  uint64_t descriptors_ = UINT64_MAX;  // that this process may have
  std::unique_ptr<env::Runtime> runtime_;
  std::unique_ptr<store::Store> own_store_;  // of a server that stands alone
  std::unique_ptr<cluster::Node> node_;      // of a member, with its store
  std::unique_ptr<cluster::Alone> alone_;
  store::Store* store_ = nullptr;
  std::unique_ptr<packs::Layers> layers_;
  std::unique_ptr<prefs::Preferences> preferences_;
  std::unique_ptr<files::Blobs> blobs_;
  std::unique_ptr<joblogs::JobLogs> job_logs_;
  std::unique_ptr<plugins::Providers> providers_;
  cluster::FileKeeper::Listener file_changed_;  // of a member that serves
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<Upgrader> upgrader_;
  std::unique_ptr<RollingUpgrades> rolling_upgrades_;        // of a member
  std::unique_ptr<api::Gateway> gateway_;                    // of a member
  std::unique_ptr<SharedCertificates> shared_certificates_;  // of a member
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<manager::Manager> manager_;
  std::unique_ptr<apply::Configurator> configurator_;
  std::unique_ptr<apply::DownstreamSync> downstream_sync_;
  std::unique_ptr<rollout::Rollouts> rollouts_;
  std::unique_ptr<bulk::Bulks> bulks_;
  std::unique_ptr<net::Port> api_server_, static_server_, static_secure_server_, metrics_server_;
  std::atomic<bool> serving_{false};  // all rooms are there
  std::atomic<bool> stopping_{false};
  std::vector<std::string> told_members_;  // thread of the role
  std::thread role_thread_;                // of a member
  std::optional<bool> stopped_;            // what stop() answered
};

Result<void> ServerProcess::take_base_root() {
  base_root_ = settings_.text("base-root");
  Result<void> made = env::make_directories(base_root_, 0750);
  if (!made) return made;
  Result<env::FileLock> lock = env::FileLock::acquire(base_root_ / "mullion.lock");
  if (!lock) {
    if (lock.error().code != ErrorCode::kConflict) return lock.error();
    return Error(ErrorCode::kConflict, fmt::format("another server runs on --base-root {}: {}",
                                                   base_root_.string(), lock.error().messages.front()));
  }
  lock_ = std::move(*lock);
  Result<ServerIds> ids = load_ids(base_root_, settings_);
  if (!ids) return ids.error();
  ids_ = std::move(*ids);
  net::TlsFiles main{settings_.text("tls-key"), settings_.text("tls-cert")};
  if (main.key_file.empty()) main.key_file = base_root_ / "server.key";
  if (main.certificate_file.empty()) main.certificate_file = base_root_ / "server.crt";
  const net::TlsFiles own_static{base_root_ / "static.key", base_root_ / "static.crt"};
  certificates_ = std::make_unique<PortCertificates>(main, own_static);
  Result<void> completed = net::complete_certificate(own_static);
  if (!completed) return completed;
  return net::ensure_certificate(main);
}

store::Options ServerProcess::store_options() const {
  store::Options options;
  options.directory = base_root_ / "data";
  options.map_size = settings_.number("map-size");
  options.log_max_bytes = settings_.number("log-max-bytes");
  options.max_views = std::clamp<uint64_t>(settings_.number("max-views"), 1, kMostViews);
  options.log_max_age = std::chrono::seconds(settings_.number("log-max-age"));
  options.stop = &stopping_;
  return options;
}

Result<void> ServerProcess::open_store() {
  trusted_keys_ = split_list(settings_.text("trusted-licence-keys"));
  if (Result<void> keys = check_public_keys(settings_, "trusted-package-keys"); !keys) return keys;
  if (const std::string files = settings_.text("ha-files"); files != kLocalFiles && files != kSharedFiles)
    return Error(ErrorCode::kInvalid, fmt::format("--ha-files: '{}' is not accepted; give {} or {}", files,
                                                  kSharedFiles, kLocalFiles));
  store::remove_partial_backups(base_root_ / "backups");
  const Result<bool> enrolled = cluster::is_enrolled({base_root_});
  if (!enrolled) return enrolled.error();
  bool member = *enrolled;
  runtime_ = std::make_unique<env::Runtime>(thread_count(settings_));
  DatabaseExaminer examiner(*runtime_, base_root_);
  if (!member && settings_.boolean("ha-enabled")) {
    const Result<bool> entered = enter_by_hand(examiner);
    if (!entered) return entered.error();
    member = *entered;
  }
  Result<void> opened = member ? open_member(examiner) : open_alone(examiner);
  if (opened) examiner.all_open();
  return opened;
}

cluster::AloneOptions ServerProcess::alone_options() const {
  cluster::AloneOptions options;
  options.places = {base_root_};
  options.settings = ha_settings();
  options.consensus_id = api::consensus_id(ids_.drp_id);
  options.ha_id = ids_.ha_id;
  options.hostname = host_name();
  options.version = program_version();
  return options;
}

/// Whether this server is a member now. What its settings lack is told, and it stands alone.
Result<bool> ServerProcess::enter_by_hand(DatabaseExaminer& examiner) {
  const cluster::ByHandStart start = by_hand_start();
  Result<void> done = cluster::check_by_hand(start);
  std::unique_ptr<store::Store> store;
  if (done && !start.passive) {
    if (Result<void> sound = examiner.examine(store_options().directory); !sound) return sound.error();
    Result<std::unique_ptr<store::Store>> opened = store::open_store(store_options());
    if (!opened) return opened.error();
    store = std::move(*opened);
  }
  if (done) done = cluster::enter_by_hand(*runtime_, store.get(), alone_options(), start, stop_);
  if (done) return true;
  if (done.error().code == ErrorCode::kCancelled) return done.error();
  kLog.error("this server is no member of a cluster: {}", done.error().text());
  start_errors_.push_back("it is no member of a cluster, as --ha-enabled says it should be: " +
                          done.error().messages.front());
  return false;
}

Result<void> ServerProcess::open_alone(DatabaseExaminer& examiner) {
  if (Result<void> sound = examiner.examine(store_options().directory); !sound) return sound;
  Result<std::unique_ptr<store::Store>> store = store::open_store(store_options());
  if (!store) return store.error();
  own_store_ = std::move(*store);
  store_ = own_store_.get();
  cluster::AloneOptions options = alone_options();
  if (restart_ && restart_->again) options.restart = [this](const std::string& why) { start_anew(why); };
  alone_ = cluster::make_alone(*runtime_, *store_, std::move(options));
  return {};
}

/// The store of a member is its node's.
Result<void> ServerProcess::open_member(DatabaseExaminer& examiner) {
  cluster::NodeOptions options;
  options.places = {base_root_};
  options.settings = ha_settings();
  options.store = store_options();
  options.version = program_version();
  options.pace = static_cast<uint32_t>(std::clamp<uint64_t>(settings_.number("ha-pace"), 1, 100));
  options.files.catch_up_rate = settings_.number("ha-catch-up-rate");
  options.files.alone_is_enough = settings_.text("ha-files") == kLocalFiles;
  options.on_trial = std::getenv(kTrialVariable) != nullptr && UpgradeFolder(base_root_).pending();
  options.restart = [this](const std::string& why) { start_anew(why); };
  const cluster::Opening opening{
      [&examiner](const env::Path& directory) { return examiner.examine(directory); }, stop_};
  Result<std::unique_ptr<cluster::Node>> node = cluster::open_node(*runtime_, std::move(options), opening);
  if (!node) return node.error();
  node_ = std::move(*node);
  store_ = &node_->store();
  ids_.ha_id = node_->view().state.ha_id;
  authenticator_ = auth::make_authenticator(*store_, env::system_clock());
  return {};
}

cluster::Cluster& ServerProcess::cluster() const {
  return node_ ? static_cast<cluster::Cluster&>(*node_) : static_cast<cluster::Cluster&>(*alone_);
}

/// Members share their files; those of a server that stands alone are its own.
void ServerProcess::make_files() {
  files::BlobLimits limits = blob_limits(settings_);
  limits.stop = &stopping_;
  const env::Path logs = base_root_ / "job-logs";
  const uint64_t largest_log = settings_.number("max-job-log");
  if (!node_) {
    job_logs_ = joblogs::make_job_logs(logs, largest_log);
    blobs_ = files::make_blobs(base_root_, limits);
    providers_ = plugins::make_providers(*runtime_, *store_, *layers_, *preferences_, env::system_clock(),
                                         env::random_unit);
    return;
  }
  auto blobs = files::make_shared_blobs(base_root_, limits, node_->files());
  auto providers = plugins::make_shared_providers(*runtime_, *store_, *layers_, *preferences_, node_->files(),
                                                  env::system_clock(), env::random_unit);
  file_changed_ = [this, blobs = blobs.get(), providers = providers.get()](const std::string& name) {
    constexpr std::string_view kPrograms = "plugins/";
    if (name.starts_with(kPrograms)) return providers->program_arrived(name.substr(kPrograms.size()));
    if (name.starts_with(kUpgradeFiles)) return;
    blobs->noticed(name);
    if (name.starts_with(kIsoFiles)) api_->unpack_missing(name.substr(kIsoFiles.size()));
  };
  blobs_ = std::move(blobs);
  providers_ = std::move(providers);
  job_logs_ = joblogs::make_shared_job_logs(*store_, logs, largest_log);
}

void ServerProcess::start_anew(std::string_view why) {
  if (stopping_.exchange(true)) return;
  kLog.warn("the server starts anew: {}", why);
  if (restart_ && restart_->again) return restart_->again();
  kLog.error("this process cannot start anew, and ends");
  std::_Exit(EXIT_FAILURE);
}

Result<void> ServerProcess::open_rooms() {
  layers_ = packs::make_layers(*store_, packs::kFeatures);
  layers_->set_sealer([this](const auto& values) { return seal_values(*store_, values); });
  Result<void> started = layers_->start();
  if (!started) return started;
  preferences_ = prefs::make_preferences(*store_, *runtime_);
  preferences_->set_gate([this](std::string_view name, std::string_view value) {
    return gate_manager(*store_, trusted_keys_, name, value);
  });
  make_files();
  catalog_ =
      catalog::make_catalog({.runtime = *runtime_,
                             .store = *store_,
                             .layers = *layers_,
                             .providers = *providers_,
                             .blobs = *blobs_,
                             .base_root = base_root_,
                             .static_url = [this] { return api_->static_url(); },
                             .define_limit = std::chrono::seconds(settings_.number("plugin-start-timeout")),
                             .max_download = settings_.number("max-upload"),
                             .clock = env::system_clock()});
  if (!authenticator_) authenticator_ = auth::make_authenticator(*store_, env::system_clock());
  return {};
}

void ServerProcess::make_upgrader() {
  UpgradeOptions options;
  options.base_root = base_root_;
  options.deadline = settings_.number("upgrade-deadline");
  options.max_package = std::min(options.max_package, settings_.number("max-upload"));
  options.unpacking.max_bytes = std::min(uint64_t{4} << 30, settings_.number("max-unpacked"));
  options.unpacking.max_entries = 1000;
  options.unpacking.stop = &stopping_;
  options.trust = {.keys = split_list(settings_.text("trusted-package-keys")),
                   .unsigned_too = settings_.boolean("allow-unsigned-packages")};
  options.restart = restart_;
  options.make_token = [this] {
    return authenticator_->make_token(
        {.user = "system",
         .grantor = "system",
         .ttl = std::chrono::seconds(settings_.number("upgrade-deadline")) + kUpgradeSlack,
         .restrict_to = auth::Claim{"info", "get", "*"}});
  };
  options.fingerprint = [this] {
    return net::certificate_fingerprint(certificates_->files(api::Certificates::Port::kApi).certificate_file);
  };
  upgrader_ = std::make_unique<Upgrader>(*runtime_, std::move(options));
  if (!node_) return;
  rolling_upgrades_ = std::make_unique<RollingUpgrades>(
      RollingUpgrades::Surroundings{*runtime_, *store_, *node_, *upgrader_, base_root_});
}

/// Those of a member are the cluster's.
api::Upgrades& ServerProcess::served_upgrades() const {
  if (rolling_upgrades_) return *rolling_upgrades_;
  return *upgrader_;
}

/// The host part of a URL by which this computer reaches a port that listens on `address`.
std::string local_host(std::string address) {
  if (address == "0.0.0.0" || address.empty()) return "127.0.0.1";
  if (address == "::") address = "::1";
  return api::host_in_url(address);
}

/// Where this computer reaches the API.
std::string ServerProcess::local_url() const {
  return fmt::format("https://{}:{}", local_host(settings_.text("listen-address")), api_server_->port());
}

/// The address of ports that may have one of their own.
std::string ServerProcess::address_of(std::string_view flag) const {
  std::string own = settings_.text(flag);
  return own.empty() ? settings_.text("listen-address") : own;
}

api::Facts ServerProcess::facts() const {
  api::Facts facts;
  facts.id = ids_.ha_id;
  facts.local_id = ids_.drp_id;
  facts.version = program_version();
  facts.hostname = host_name();
  facts.trusted_keys = trusted_keys_;
  facts.start_errors = start_errors_;
  if (settings_.boolean("allow-unsigned-packages"))
    facts.start_errors.emplace_back("packages of the server need no signature (--allow-unsigned-packages)");
  facts.backups = base_root_ / "backups";
  facts.installs = base_root_ / "installs";
  facts.unpacking = unpack_limits(settings_);
  facts.api_port = static_cast<uint16_t>(settings_.number("api-port"));
  facts.static_port = static_cast<uint16_t>(settings_.number("static-port"));
  facts.static_secure_port = static_cast<uint16_t>(settings_.number("static-secure-port"));
  if (node_ && !listens_everywhere())
    facts.address = settings_.text("listen-address");  // others have to reach it
  return facts;
}

bool ServerProcess::listens_everywhere() const {
  const std::string address = settings_.text("listen-address");
  return address.empty() || address == "0.0.0.0" || address == "::";
}

cluster::HaSettings ServerProcess::ha_settings() const {
  cluster::HaSettings out;
  out.consensus_address = settings_.text("ha-consensus-addr");
  out.virtual_address = settings_.text("ha-address");
  out.virtual_interface = settings_.text("ha-interface");
  out.virtual_interface_script = settings_.text("ha-interface-script");
  out.load_balanced = settings_.boolean("ha-load-balanced");
  out.outside_address = listens_everywhere() ? api::outside_address() : settings_.text("listen-address");
  out.listens_everywhere = listens_everywhere();
  return out;
}

cluster::ByHandStart ServerProcess::by_hand_start() const {
  const uint64_t port = settings_.number("api-port");
  const std::string host = listens_everywhere() ? api::outside_address() : settings_.text("listen-address");
  cluster::ByHandStart out;
  out.api_url = fmt::format("https://{}:{}", api::host_in_url(host), port);
  out.passive = settings_.boolean("ha-passive");
  out.join = settings_.text("ha-join");
  const std::string shared = settings_.text("ha-address");
  if (out.join.empty() && !shared.empty())
    out.join = fmt::format("https://{}:{}", api::host_in_url(shared.substr(0, shared.find('/'))), port);
  out.token = settings_.text("ha-token");
  out.fingerprint = settings_.text("ha-join-fingerprint");
  return out;
}

/// What leaves says in which term: a member that was paused resumes where it was, before it notices anything.
std::function<std::optional<uint64_t>()> ServerProcess::lead_term() const {
  if (!node_) return nullptr;
  return [this] { return node_->serving_term(); };
}

/// The manager and what works with it ask the API things, once it serves; the API is given all of them. Bulks
/// alone come after it: they make their requests there.
void ServerProcess::assemble_api() {
  manager_ = manager::make_manager(manager::Dependencies{
      .runtime = *runtime_,
      .store = *store_,
      .layers = *layers_,
      .preferences = *preferences_,
      .identity = {.id = ids_.ha_id, .version = std::string(program_version())},
      .state = [this] { return api_->endpoint_state(); },
      .own_urls = own_urls(),
      .features = api::feature_list(),
      .licensed =
          [this] { return auth::current_licence(*store_, trusted_keys_, env::system_clock()).manager; },
      .clock = env::system_clock(),
      .timers = env::system_timers(),
      .chance = env::random_unit,
      .dial = manager::dial_out(*runtime_),
      .lead_term = lead_term(),
      .authorities = authorities_folder()});
  blobs_->on_change([this](const std::vector<std::string>&) { manager_->state_changed(); });
  assemble_configurator();
  rollouts_ = rollout::make_rollouts(rollout::Dependencies{
      .runtime = *runtime_,
      .store = *store_,
      .manager = *manager_,
      .authenticator = *authenticator_,
      .own_id = ids_.ha_id,
      .clock = env::system_clock(),
      .timers = env::system_timers(),
      .params =
          [this](std::string_view type, std::shared_ptr<const store::Snapshot> snapshot) {
            return api_->param_resolver(type, std::move(snapshot));
          },
      .preview =
          [this](std::string endpoint, std::vector<std::string> sets) {
            return preview_actions(std::move(endpoint), std::move(sets));
          }});
  api_ = api::make_api(api::Dependencies{.runtime = *runtime_,
                                         .store = *store_,
                                         .authenticator = *authenticator_,
                                         .layers = *layers_,
                                         .preferences = *preferences_,
                                         .blobs = *blobs_,
                                         .job_logs = *job_logs_,
                                         .certificates = served_certificates(),
                                         .providers = *providers_,
                                         .upgrades = served_upgrades(),
                                         .catalog = *catalog_,
                                         .cluster = cluster(),
                                         .ux_pack = built_in_ux(),
                                         .metrics = [this](const auto& names) { return metrics(names); },
                                         .facts = facts(),
                                         .limits = api_limits(settings_),
                                         .clock = env::system_clock(),
                                         .timers = env::system_timers(),
                                         .manager = *manager_,
                                         .configurator = configurator_.get(),
                                         .rollouts = rollouts_.get()});
  bulks_ = bulk::make_bulks(bulk::Dependencies{.runtime = *runtime_,
                                               .store = *store_,
                                               .authenticator = *authenticator_,
                                               .requests = *api_,
                                               .own_id = ids_.ha_id,
                                               .in_touch =
                                                   [this](const std::string& owner) {
                                                     const auto fresh = manager_->freshness(
                                                         {owner}, manager::ReadFrom::no_objects());
                                                     return !fresh.empty() && fresh.front().in_touch;
                                                   },
                                               .new_run = env::random_uuid,
                                               .clock = env::system_clock(),
                                               .timers = env::system_timers()});
  api_->set_bulks(*bulks_);
}

env::Task<Result<boost::json::array>> ServerProcess::preview_actions(std::string endpoint,
                                                                     std::vector<std::string> sets) {
  boost::json::array out;
  Result<apply::Explained> made =
      co_await configurator_->preview(std::move(endpoint), std::move(sets), env::Caller());
  if (!made) co_return made.error();
  for (const plan::Action& action : made->plan.actions) out.push_back(action.explained());
  co_return out;
}

void ServerProcess::assemble_configurator() {
  apply::Dependencies dependencies{.runtime = *runtime_,
                                   .store = *store_,
                                   .catalog = *catalog_,
                                   .blobs = *blobs_,
                                   .manager = *manager_,
                                   .own_id = ids_.ha_id,
                                   .clock = env::system_clock(),
                                   .timers = env::system_timers(),
                                   .static_url = [this] { return api_->static_url(); },
                                   .api_url = [this] { return api_->api_url(); },
                                   .apply_concurrency = settings_.number("apply-concurrency")};
  downstream_sync_ = apply::make_downstream_sync(dependencies);
  configurator_ = apply::make_configurator(std::move(dependencies));
}

env::Path ServerProcess::authorities_folder() const {
  const std::string folder = settings_.text("manager-ca-folder");
  return folder.empty() ? base_root_ / "trust" : env::Path(folder);
}

std::vector<std::string> ServerProcess::own_urls() const {
  const uint64_t port = settings_.number("api-port");
  std::vector<std::string> urls;
  for (const std::string& host :
       {std::string("127.0.0.1"), std::string("localhost"), std::string("[::1]"), host_name()}) {
    urls.push_back(fmt::format("https://{}:{}", host, port));
  }
  return urls;
}

Result<std::unique_ptr<net::Port>> ServerProcess::listen(std::string_view flag, std::string address,
                                                         std::optional<net::TlsFiles> tls,
                                                         net::Handler handler) {
  net::ListenOptions options;
  options.address = std::move(address);
  options.port = static_cast<uint16_t>(settings_.number(flag));
  options.flag = fmt::format("--{}", flag);
  options.limits = server_limits(settings_, descriptors_);
  options.tls = std::move(tls);
  return net::listen(*runtime_, std::move(options), peer_limits(settings_, descriptors_), std::move(handler));
}

net::Response ServerProcess::metrics_page(const net::Request& request) const {
  net::Response response;
  if (request.path != "/metrics" && request.path != "/") {
    response.status = 404;
    response.headers.set("Content-Type", "text/plain");
    response.body = std::string("The metrics are at /metrics\n");
    return response;
  }
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  const std::string part = node_ ? member_metrics(node_->view()) : std::string();
  if (!serving_) {  // a member that does not serve has nothing to tell but its part in the cluster
    response.body = part;
    return response;
  }
  response.body = part + metrics_text(metric_sources());
  return response;
}

MetricSources ServerProcess::metric_sources() const {
  return {*store_,
          *api_,
          *manager_,
          *rollouts_,
          *bulks_,
          *providers_,
          *configurator_,
          *downstream_sync_,
          *api_server_,
          *static_server_,
          *static_secure_server_,
          *metrics_server_,
          ids_.ha_id,
          std::string(program_version()),
          begun_};
}

Result<std::string> ServerProcess::metrics(const std::vector<std::string>& names) const {
  if (!serving_) return Error(ErrorCode::kUnavailable, "this server is starting");
  return metrics_json(metric_sources(), names);
}

Result<void> ServerProcess::listen_everywhere() {
  const net::Handler files = [this](net::Request& request) {
    return gateway_ ? gateway_->handle_static(request) : api_->handle_static(request);
  };
  Result<std::unique_ptr<net::Port>> plain =
      listen("static-port", address_of("static-address"), std::nullopt, files);
  if (!plain) return plain.error();
  static_server_ = std::move(*plain);
  Result<std::unique_ptr<net::Port>> secure =
      listen("static-secure-port", address_of("static-address"),
             certificates_->files(api::Certificates::Port::kStatic), files);
  if (!secure) return secure.error();
  static_secure_server_ = std::move(*secure);
  Result<std::unique_ptr<net::Port>> main = listen(
      "api-port", settings_.text("listen-address"), certificates_->files(api::Certificates::Port::kApi),
      [this](net::Request& request) { return gateway_ ? gateway_->handle(request) : api_->handle(request); });
  if (!main) return main.error();
  api_server_ = std::move(*main);
  certificates_->attach(api::Certificates::Port::kStatic, *static_secure_server_);
  certificates_->attach(api::Certificates::Port::kApi, *api_server_);
  if (gateway_)
    gateway_->set_ports(api_server_->port(), static_server_->port(), static_secure_server_->port());
  if (api_) api_->set_ports(api_server_->port(), static_server_->port(), static_secure_server_->port());
  Result<std::unique_ptr<net::Port>> metrics =
      listen("metrics-port", address_of("metrics-address"), std::nullopt,
             [this](net::Request& request) -> env::Task<net::Response> { co_return metrics_page(request); });
  if (!metrics) return metrics.error();
  metrics_server_ = std::move(*metrics);
  return {};
}

Result<void> ServerProcess::start_providers() {
  plugins::ProviderServices services;
  services.make_token = [this](const std::optional<plugins::TokenScope>& scope, env::Duration life) {
    auth::TokenRequest request{.user = "system", .grantor = "system", .ttl = life};
    if (scope) request.restrict_to = auth::Claim{scope->scope, scope->action, scope->specific};
    return authenticator_->make_token(request);
  };
  services.open_sealed = [this](std::string_view prefix, std::string_view key,
                                std::string_view sealed) -> Result<std::string> {
    Result<auth::KeyPair> pair = auth::object_key_pair(*store_, prefix, key);
    if (!pair) return pair.error();
    return auth::open_sealed(*pair, sealed);
  };
  services.publish = [this](std::string event, std::string principal) {
    return api_->publish_event(std::move(event), std::move(principal));
  };
  services.objects = [this](const std::string& prefix) { return api_->local_objects(prefix); };
  plugins::ProviderOptions options;
  options.base_root = base_root_;
  const std::string comm_root = settings_.text("plugin-comm-root");
  options.comm_root = comm_root.empty() ? base_root_ / "plugin-comm" : env::Path(comm_root);
  options.api_url = local_url();
  options.file_url =
      fmt::format("http://{}:{}", local_host(address_of("static-address")), static_server_->port());
  options.start_limit = std::chrono::seconds(settings_.number("plugin-start-timeout"));
  options.action_limit = std::chrono::seconds(settings_.number("plugin-action-timeout"));
  options.process_limits = {.open_files = settings_.number("plugin-max-files"),
                            .address_space = settings_.number("plugin-max-memory"),
                            .processes = settings_.number("plugin-max-processes")};
  return providers_->start(std::move(services), std::move(options));
}

/// Where as many fit as anybody has at a time, nothing is to be done.
void ServerProcess::warn_of_few_connections() const {
  constexpr size_t kFew = 2048;
  const size_t fit = connections_that_fit(descriptors_);
  if (fit >= std::min<size_t>(kFew, settings_.number("max-connections"))) return;
  kLog.warn("few open files limit={}: each port serves {} connections at a time, and not {}", descriptors_,
            fit, settings_.number("max-connections"));
}

Result<void> ServerProcess::start() {
  descriptors_ = raise_descriptor_limit();
  if (Result<void> taken = take_base_root(); !taken) return taken;
  warn_of_few_connections();
  if (Result<void> opened = open_store(); !opened) return opened;
  if (Result<void> started = node_ ? start_member() : start_alone(); !started) return started;
  announce();
  return {};
}

/// A member of a cluster: it listens, and passes on what it is asked until it serves.
Result<void> ServerProcess::start_member() {
  gateway_ = api::make_gateway({.runtime = *runtime_,
                                .store = *store_,
                                .authenticator = *authenticator_,
                                .cluster = *node_,
                                .facts = facts(),
                                .limits = api_limits(settings_),
                                .clock = env::system_clock(),
                                .timers = env::system_timers()});
  const auto tell = [this] {
    if (api_server_) node_->set_api(api_place(gateway_->api_url(), gateway_->static_url()));
  };
  shared_certificates_ = std::make_unique<SharedCertificates>(*certificates_, *store_, tell);
  follow_certificates();  // clients remember the first certificate that a port shows: it is the cluster's
  if (Result<void> listening = listen_everywhere(); !listening) return listening;
  tell();
  make_upgrader();
  rolling_upgrades_->start();
  upgrader_->announce(local_url());
  role_thread_ = std::thread([this] { follow_role(); });
  return {};
}

/// Those of a member are the same as everybody's.
api::Certificates& ServerProcess::served_certificates() const {
  if (shared_certificates_) return *shared_certificates_;
  return *certificates_;
}

void ServerProcess::follow_certificates() {
  const Result<void> done = store::as_result([this]() -> Result<void> {
    shared_certificates_->follow();
    return {};
  });
  if (!done) kLog.warn("the cluster's certificates cannot be followed: {}", done.error().text());
}

/// What the other members, and those that join, must know to reach this one.
cluster::ApiPlace ServerProcess::api_place(std::string api_url, std::string static_url) const {
  cluster::ApiPlace place{std::move(api_url), std::move(static_url), {}, {}};
  const std::string file = certificates_->files(api::Certificates::Port::kApi).certificate_file;
  if (Result<std::string> print = net::certificate_fingerprint(file)) place.fingerprint = *print;
  if (Result<std::string> bytes = net::certificate_base64(file)) place.certificate = *bytes;
  return place;
}

/// Parent managers are told where else they reach this cluster.
void ServerProcess::tell_members(const cluster::ClusterView& view) {
  std::vector<std::string> members;
  members.reserve(view.nodes.size());
  for (const cluster::NodeView& node : view.nodes) members.push_back(node.api_url);
  if (members == told_members_) return;
  told_members_ = std::move(members);
  manager_->state_changed();
}

/// Opens the rooms when this member is to serve. One that served and does not any more starts anew: nothing
/// of what it did as the active member may live on.
void ServerProcess::follow_role() {
  for (uint64_t round = 0; !stopping_; ++round) {
    std::this_thread::sleep_for(kRolePause);
    if (round % kCertificateRounds == 0) follow_certificates();
    const cluster::ClusterView view = node_->view();
    if (serving_ && view.leader_id != view.own_id) return start_anew("another member serves");
    if (serving_ && round % kCertificateRounds == 0) tell_members(view);
    if (serving_ || !view.active) continue;
    Result<void> started = store::as_result([this] { return start_serving(); });
    if (!started && !stopping_) return start_anew(fmt::format("it cannot serve: {}", started.error().text()));
  }
}

Result<void> ServerProcess::start_serving() {
  const env::SteadyTime begun = env::system_clock().steady();
  if (Result<void> opened = open_rooms(); !opened) return opened;
  assemble_api();
  api_->set_ports(api_server_->port(), static_server_->port(), static_secure_server_->port());
  // Who joins a cluster that serves finds the certificate in the copy that it fetches.
  if (Result<void> offered = shared_certificates_->offer(); !offered) return offered;
  node_->files().set_listener(file_changed_);
  api_->unpack_missing("");
  serving_ = true;
  gateway_->serve_with(*api_);
  const double seconds = std::chrono::duration<double>(env::system_clock().steady() - begun).count();
  kLog.info("this member serves the cluster term={} seq={} ms={:.0f}", node_->view().term,
            store_->newest().seq, seconds * 1000);
  // What a program on trial did to others would stay when it is taken back.
  return upgrader_->on_trial() ? Result<void>{} : start_all(components());
}

Result<void> ServerProcess::start_alone() {
  if (Result<void> opened = open_rooms(); !opened) return opened;
  make_upgrader();
  assemble_api();
  Result<void> listening = listen_everywhere();
  if (!listening) return listening;
  alone_->set_api(api_place(api_->api_url(), api_->static_url()));
  serving_ = true;
  // What a program on trial did to others would stay when it is taken back.
  if (Result<void> working = upgrader_->on_trial() ? Result<void>{} : start_all(components()); !working)
    return working;
  upgrader_->announce(local_url());
  return {};
}

void ServerProcess::announce() {
  if (!settings_.ignored_used().empty()) {
    kLog.warn("flags accepted without effect, their services do not run here: {}",
              fmt::join(settings_.ignored_used(), ", "));
  }
  const double seconds = std::chrono::duration<double>(env::system_clock().steady() - begun_).count();
  kLog.info("ready id={} version={} api={} static={} static-secure={} metrics={} base-root={} ms={:.0f}",
            ids_.ha_id, program_version(), api_server_->port(), static_server_->port(),
            static_secure_server_->port(), metrics_server_->port(), base_root_.string(), seconds * 1000);
}

/// What runs, in start order: whoever uses something stands behind it. Plugins stand in front of those that
/// use them, and behind the API, which they may still call while they say good-bye.
std::vector<Component> ServerProcess::components() {
  std::vector<Component> out;
  const std::function<Result<void>()> running;  // from its making on
  const auto begin = [](auto& part) {
    return [&part]() -> Result<void> {
      part->start();
      return {};
    };
  };
  const auto add = [&out](std::string name, auto& part, std::function<Result<void>()> start) {
    if (part != nullptr)
      out.push_back({std::move(name), std::move(start), [&part] { return part->stop(); }, kStopLimit});
  };
  const auto add_port = [&out](std::string name, std::unique_ptr<net::Port>& port) {
    if (port != nullptr)
      out.push_back({std::move(name), nullptr, [&port] { return port->stop(kGrace); }, kStopLimit});
  };
  add_port("static port", static_server_);
  add_port("secure static port", static_secure_server_);
  add_port("API port", api_server_);
  add_port("metrics port", metrics_server_);
  add("gateway", gateway_, running);
  add("api", api_, running);
  add("plugins", providers_, [this] { return start_providers(); });
  add("catalog", catalog_, begin(catalog_));
  add("upgrade", upgrader_, running);
  add("rolling upgrade", rolling_upgrades_, running);
  add("manager", manager_, begin(manager_));
  add("configurator", configurator_, begin(configurator_));
  add("downstream sync", downstream_sync_, begin(downstream_sync_));
  add("rollouts", rollouts_, begin(rollouts_));
  add("bulks", bulks_, begin(bulks_));
  return out;
}

bool ServerProcess::stop() {
  if (stopped_) return *stopped_;
  const bool anew = stopping_.exchange(true);
  if (role_thread_.joinable()) role_thread_.join();
  if (node_ && !anew) node_->leave(kLeavePatience);
  stopped_ = !runtime_ || stop_all(*runtime_, components(), kStopPatience);
  if (*stopped_) free_rooms();
  return *stopped_;
}

/// In reverse of start order. The store goes before the runtime: what its writer still has to answer is
/// posted there.
void ServerProcess::free_rooms() {
  if (node_) node_->files().set_listener(nullptr);
  if (runtime_) runtime_->stop();
  metrics_server_.reset();
  api_server_.reset();
  static_secure_server_.reset();
  static_server_.reset();
  bulks_.reset();
  rollouts_.reset();
  downstream_sync_.reset();
  configurator_.reset();
  manager_.reset();
  api_.reset();
  shared_certificates_.reset();
  gateway_.reset();
  rolling_upgrades_.reset();
  upgrader_.reset();
  providers_.reset();
  authenticator_.reset();
  catalog_.reset();
  job_logs_.reset();
  blobs_.reset();
  preferences_.reset();
  layers_.reset();
  alone_.reset();
  own_store_.reset();
  node_.reset();
  store_ = nullptr;
  runtime_.reset();
  lock_.reset();
}

}  // namespace

Result<std::unique_ptr<Server>> start(const settings::Settings& settings, std::optional<Restart> restart,
                                      std::stop_token stop) {
  auto server = std::make_unique<ServerProcess>(settings, std::move(restart), std::move(stop));
  try {
    Result<void> started = server->start();
    if (!started) return started.error();
  } catch (const store::ReadFailure& failure) {
    return Error(failure.error().code,
                 fmt::format("the database cannot be read: {}; restore a backup of it (docs/operations.md)",
                             failure.error().text()));
  }
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace mullion::server
