#include "plugins/internal/plugin_child.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/error_object.h"
#include "base/json.h"
#include "base/mutex.h"
#include "env/random.h"
#include "model/members.h"
#include "model/object.h"
#include "plugins/internal/log.h"
#include "plugins/providers.h"

namespace mullion::plugins {

namespace {

namespace json = boost::json;

constexpr size_t kMostEvents = 1000;
constexpr uint64_t kLargestAnswer = uint64_t{64} << 20;
constexpr uint64_t kLargestRequest = uint64_t{16} << 20;
constexpr auto kFloodPause = std::chrono::milliseconds(50);
constexpr auto kEventLimit = std::chrono::seconds(10);
constexpr auto kStopLimit = std::chrono::milliseconds(300);
constexpr auto kExitLimit = std::chrono::milliseconds(200);
constexpr auto kKillLimit = std::chrono::seconds(5);
/// What it started may hold its outputs open.
constexpr auto kErrorsLimit = std::chrono::milliseconds(500);
constexpr std::string_view kSearchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The code of the plugins' library says the first, its documentation the second.
constexpr std::string_view kPrefixes[] = {"/api-server-plugin/v4/", "/api-plugin-server/v4/"};

std::string error_text(int code, const std::string& message) {
  Error error;
  error.model = "plugins";
  error.status_override = code;
  if (!message.empty()) error.messages = {message};
  return json::serialize(error_object(error));
}

net::Response json_answer(int status, std::string body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

/// The error a plugin answered with, or absent. A status below 400 with an error inside happens too.
std::optional<Error> error_of(int status, const std::string& body) {
  std::optional<Error> told = read_error_object(body);
  const int code = told ? told->status_override : 0;
  if (status < 400 && code == 0) return std::nullopt;
  Error error = told ? std::move(*told) : Error();
  if (error.messages.empty()) error.messages = {fmt::format("the plugin answered {}", status)};
  error.status_override = code != 0 ? code : status >= 400 && status <= 599 ? status : 500;
  return error;
}

bool is_json(const net::Request& request) {
  return request.headers.get("Content-Type").value_or("").starts_with("application/json");
}

/// A log line as the plugins' library sends it, or as any text.
std::string log_text(const std::string& body) {
  auto parsed = parse_json(body);
  if (!parsed) return body;
  if (parsed->is_string()) return std::string(parsed->get_string());
  const std::string message = parsed->is_object() ? model::text_member(parsed->get_object(), "Message") : "";
  return message.empty() ? body : message;
}

}  // namespace

Result<env::ProcessOptions> PluginHost::call(const std::string& name, env::Path program,
                                             std::vector<std::string> arguments, const std::string& token,
                                             const env::Path& temporary) const {
  env::ProcessOptions call;
  call.program = std::move(program);
  call.arguments = std::move(arguments);
  call.environment = {std::string(kSearchPath),
                      "RS_ENDPOINT=" + options.api_url,
                      "RS_TOKEN=" + token,
                      "RS_FILESERVER=" + options.file_url,
                      "RS_WEBROOT=" + options.base_root.string(),
                      "TMPDIR=" + temporary.string()};
  call.directory = options.base_root / "plugin-scratch" / name;
  call.limits = options.process_limits;
  if (auto made = env::make_directories(call.directory, 0700); !made) return made.error();
  return call;
}

Result<std::unique_ptr<env::ScratchDirectory>> PluginHost::make_temporary() const {
  auto folder = std::make_unique<env::ScratchDirectory>(temporary_root() / env::random_uuid());
  if (auto made = env::make_directories(folder->path(), 0700); !made) return made.error();
  return folder;
}

PluginChild::~PluginChild() = default;

std::string PluginChild::failure() const {
  Lock lock(mutex_);
  return failure_;
}

void PluginChild::fail(std::string reason) {
  {
    Lock lock(mutex_);
    if (stopping_ || !failure_.empty()) return;
    failure_ = std::move(reason);
  }
  changed_.notify_all();
}

bool PluginChild::is_over() const {
  Lock lock(mutex_);
  return stopping_ || !failure_.empty();
}

Result<void> PluginChild::open_sockets() {
  if (auto made = env::make_directories(host_.options.comm_root, 0700); !made) return made;
  to_plugin_ = host_.options.comm_root / (plugin_ + ".toPlugin");
  from_plugin_ = host_.options.comm_root / (plugin_ + ".fromPlugin");
  if (from_plugin_.string().size() > net::kLongestUnixPath) {
    return Error(ErrorCode::kInvalid, fmt::format("The path of its sockets is too long, choose a shorter "
                                                  "--plugin-comm-root: {}",
                                                  from_plugin_.string()));
  }
  std::error_code ignored;
  std::filesystem::remove(to_plugin_, ignored);
  net::ListenOptions listening;
  listening.unix_path = from_plugin_;
  listening.flag = plugin_;
  listening.limits.max_connections = 64;
  auto server = net::listen(host_.runtime, std::move(listening),
                            [weak = weak_from_this()](net::Request& request) -> Task<net::Response> {
                              const std::shared_ptr<PluginChild> self = weak.lock();
                              if (!self) co_return json_answer(503, error_text(503, "stopping"));
                              co_return co_await self->answer(request);
                            });
  if (!server) return server.error();
  server_ = std::move(*server);
  net::ClientOptions calling;
  calling.base_url = "http://plugin";
  calling.unix_path = to_plugin_;
  calling.idle_timeout = host_.options.action_limit;
  auto client = net::make_client(host_.runtime, std::move(calling));
  if (!client) return client.error();
  client_ = std::move(*client);
  return {};
}

Result<env::ProcessOptions> PluginChild::prepare(env::Path program, const std::optional<TokenScope>& scope) {
  if (auto opened = open_sockets(); !opened) return opened.error();
  auto temporary = host_.make_temporary();
  if (!temporary) return temporary.error();
  temporary_ = std::move(*temporary);
  auto token = host_.services.make_token(scope, env::Duration::max());
  if (!token) return token.error();
  token_ = std::move(*token);
  return host_.call(plugin_, std::move(program), {"listen", to_plugin_.string(), from_plugin_.string()},
                    token_, temporary_->path());
}

Task<Result<void>> PluginChild::start(env::Path program, std::optional<TokenScope> scope,
                                      const std::function<bool()>& give_up) {
  Result<env::ProcessOptions> launch = prepare(std::move(program), scope);
  if (!launch) co_return launch.error();
  Result<std::unique_ptr<env::Process>> process = co_await env::Process::start(std::move(*launch));
  if (!process) co_return process.error();
  process_ = std::move(*process);
  ++host_.starts;
  const std::shared_ptr<PluginChild> self = shared_from_this();
  host_.tasks.spawn("plugin output", [self] { return self->read_output(env::Process::kStandard); });
  host_.tasks.spawn("plugin errors", [self] { return self->read_output(env::Process::kErrors); });
  host_.tasks.spawn("plugin process", [self] { return self->watch(); });
  host_.tasks.spawn("plugin events", [self] { return self->send_events(); });
  const env::SteadyTime deadline = host_.clock.steady() + host_.options.start_limit;
  while (true) {
    const uint64_t seen = changed_.version();
    {
      Lock lock(mutex_);
      if (!failure_.empty()) co_return Error(ErrorCode::kUnavailable, failure_);
      if (ready_) co_return Result<void>();
    }
    if (give_up()) co_return Error(ErrorCode::kCancelled, "not wanted any more");
    const env::Duration left = deadline - host_.clock.steady();
    if (left <= env::Duration::zero()) break;
    co_await changed_.wait(seen, left);
  }
  co_return Error(
      ErrorCode::kTimeout,
      fmt::format("The plugin did not say READY! within {} s{}",
                  std::chrono::duration<double>(host_.options.start_limit).count(), last_words()));
}

void PluginChild::take_lines(const std::vector<std::string>& lines, bool awaits_ready) {
  for (const std::string& line : lines) {
    if (awaits_ready && line == "READY!") {
      {
        Lock lock(mutex_);
        ready_ = true;
      }
      changed_.notify_all();
      continue;
    }
    kLog.info("plugin={} {}", plugin_, line);
  }
}

void PluginChild::take_errors(const std::vector<std::string>& lines) {
  take_lines(lines, false);
  Lock lock(mutex_);
  if (!ready_) last_words_.add(lines);
}

Task<void> PluginChild::read_output(env::Process::Output which) {
  const std::shared_ptr<PluginChild> self = shared_from_this();
  const bool errors = which == env::Process::kErrors;
  const auto take = [this, errors](const std::vector<std::string>& lines) {
    errors ? take_errors(lines) : take_lines(lines, true);
  };
  LogLines lines(token_);
  while (true) {
    Result<std::string> bytes = co_await process_->read(which);
    if (!bytes || bytes->empty()) break;
    take(lines.add(*bytes, host_.clock.steady()));
    if (lines.flooded()) co_await env::sleep_for(kFloodPause);
  }
  take(lines.finish());
  if (!errors) co_return;
  {
    Lock lock(mutex_);
    errors_read_ = true;
  }
  errors_end_.notify_all();
}

Task<void> PluginChild::errors_are_read() {
  const env::SteadyTime deadline = host_.clock.steady() + kErrorsLimit;
  while (true) {
    const uint64_t seen = errors_end_.version();
    {
      Lock lock(mutex_);
      if (errors_read_ || stopping_) co_return;
    }
    const env::Duration left = deadline - host_.clock.steady();
    if (left <= env::Duration::zero()) co_return;
    co_await errors_end_.wait(seen, left);
  }
}

std::string PluginChild::last_words() const {
  Lock lock(mutex_);
  return ready_ ? std::string() : last_words_.text();
}

Task<void> PluginChild::watch() {
  const std::shared_ptr<PluginChild> self = shared_from_this();
  Result<env::ProcessEnd> end = co_await process_->wait(env::Duration::max());
  if (!end && end.error().code == ErrorCode::kCancelled) co_return;
  if (!end) co_return fail("The plugin cannot be watched: " + end.error().text());
  co_await errors_are_read();
  fail(fmt::format("The plugin ended unexpectedly: {}{}", end->text(), last_words()));
}

Task<Result<std::string>> PluginChild::ask(std::string path, std::string body, env::Duration limit) {
  const std::shared_ptr<PluginChild> self = shared_from_this();
  net::ClientRequest request;
  request.method = "POST";
  request.target = path;
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  request.timeout = limit;
  Result<net::TextResponse> answer = co_await net::fetch(*client_, std::move(request), kLargestAnswer);
  if (!answer && answer.error().code == ErrorCode::kTimeout) {
    const std::string text = fmt::format("The plugin did not answer {} within {} s", path,
                                         std::chrono::duration<double>(limit).count());
    fail(text);
    co_return Error(ErrorCode::kTimeout, text);
  }
  if (!answer) {
    // Its end is noticed a moment later than the break of its connection.
    const std::string reason = failure();
    co_return Error(ErrorCode::kUnreachable,
                    fmt::format("The plugin broke off: {}", reason.empty() ? answer.error().text() : reason));
  }
  if (std::optional<Error> error = error_of(answer->status, answer->body)) co_return std::move(*error);
  co_return std::move(answer->body);
}

Task<void> PluginChild::stop() {
  const std::shared_ptr<PluginChild> self = shared_from_this();
  const bool polite = process_ && client_ && !is_over();
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  events_changed_.notify_all();
  if (polite) {
    Result<std::string> asked = co_await ask("/api-plugin/v4/stop", "{}", kStopLimit);
    if (asked) (void)co_await process_->wait(kExitLimit);
  }
  if (process_) {
    process_->kill();
    (void)co_await process_->wait(kKillLimit);
  }
  if (client_) client_->close();
  if (server_) co_await server_->stop(env::Duration::zero());
  co_await env::run_blocking([this] { temporary_.reset(); });
  std::error_code ignored;
  std::filesystem::remove(to_plugin_, ignored);
}

void PluginChild::tell_event(EventText event) {
  {
    Lock lock(mutex_);
    if (stopping_ || !failure_.empty()) return;
    if (events_.size() >= kMostEvents) {
      ++host_.missed_events;
      return;
    }
    events_.push_back(std::move(event));
  }
  events_changed_.notify_all();
}

Task<void> PluginChild::send_events() {
  const std::shared_ptr<PluginChild> self = shared_from_this();
  while (!is_over()) {
    const uint64_t seen = events_changed_.version();
    EventText event;
    {
      Lock lock(mutex_);
      if (!events_.empty()) {
        event = std::move(events_.front());
        events_.pop_front();
      }
    }
    if (!event) {
      co_await events_changed_.wait(seen, std::chrono::minutes(5));
      continue;
    }
    Result<std::string> told = co_await ask("/api-plugin/v4/publish", *event(), kEventLimit);
    if (!told && told.error().code == ErrorCode::kCancelled) co_return;
    if (!told) kLog.warn("plugin={} refused an event reason={}", plugin_, told.error().text());
  }
}

Task<net::Response> PluginChild::answer(net::Request& request) {
  std::string_view what;
  for (const std::string_view prefix : kPrefixes) {
    if (request.path.starts_with(prefix)) what = std::string_view(request.path).substr(prefix.size());
  }
  Result<std::string> done = co_await serve(request, what);
  if (done) co_return json_answer(200, std::move(*done));
  const int status = done.error().status();
  co_return json_answer(status, error_text(status, done.error().messages.front()));
}

Task<Result<std::string>> PluginChild::serve(net::Request& request, std::string_view what) {
  constexpr std::string_view kObjects = "objects/";
  if (request.method == "GET" && what.starts_with(kObjects)) {
    co_return host_.services.objects(std::string(what.substr(kObjects.size())));
  }
  const bool known = what == "publish" || what == "leaving" || what == "log";
  if (request.method != "POST" || !known) co_return Error(ErrorCode::kNotFound, "No route");
  if (!is_json(request)) {
    co_return Error(ErrorCode::kBadRequest, fmt::format("Invalid content type: {}",
                                                        request.headers.get("Content-Type").value_or("")));
  }
  Result<std::string> body = co_await net::read_all(*request.body, kLargestRequest);
  if (!body) co_return body.error();
  if (what == "log") {
    LogLines lines(token_);
    take_lines(lines.add(log_text(*body) + "\n", host_.clock.steady()), false);
    co_return error_text(200, "");
  }
  if (what == "publish") {
    Result<void> published = host_.services.publish(std::move(*body), "plugin:" + plugin_);
    if (!published) co_return published.error();
    co_return error_text(200, "");
  }
  const std::optional<Error> reason = error_of(500, *body);
  fail(fmt::format("The plugin left: {}", reason ? reason->messages.front() : ""));
  co_return error_text(200, "");
}

}  // namespace mullion::plugins
