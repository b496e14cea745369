#include "plugins/internal/plugin_runner.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/json.h"
#include "base/mutex.h"
#include "env/attempt.h"
#include "env/random.h"
#include "model/object.h"
#include "plugins/internal/log.h"
#include "plugins/providers.h"
#include "store/commit_async.h"

namespace mullion::plugins {

namespace {

namespace json = boost::json;
constexpr int kReportAttempts = 16;
constexpr env::Duration kLongRest = std::chrono::hours(1);

store::Batch report_batch(const std::string& plugin, const std::string& before, std::string body) {
  store::Change change;
  change.id = {std::string(kPlugins), std::string(store::kOwn), plugin};
  change.body = std::move(body);
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(before);
  store::Batch batch;
  batch.principal = "system";
  batch.changes.push_back(std::move(change));
  return batch;
}

}  // namespace

Result<std::optional<std::string>> plugin_body_with(std::string_view body,
                                                    const std::vector<std::string>& errors) {
  auto parsed = parse_json(body);
  if (!parsed) return parsed.error();
  json::object plugin = parsed->get_object();
  plugin["PluginErrors"] = json::array(errors.begin(), errors.end());
  const model::ObjectType& type = *model::find_object_type(kPlugins);
  model::validate(type, plugin, nullptr, model::NoLookup(), true);
  std::string changed = model::canonical_body(type, plugin);
  if (changed == body) return std::optional<std::string>();
  return std::optional<std::string>(std::move(changed));
}

void PluginRunner::order(PluginOrder order) {
  {
    Lock lock(mutex_);
    if (order == order_) return;
    order_ = std::move(order);
  }
  changed_.notify_all();
}

void PluginRunner::end() {
  {
    Lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
}

bool PluginRunner::ending() const {
  Lock lock(mutex_);
  return ending_ || host_.stopping;
}

PluginOrder PluginRunner::current_order() const {
  Lock lock(mutex_);
  PluginOrder order = order_;
  if (ending_ || host_.stopping) order.wish = PluginWish{};
  return order;
}

std::string PluginRunner::serving_provider() const {
  Lock lock(mutex_);
  return serving_child_ ? serving_ : std::string();
}

std::shared_ptr<PluginChild> PluginRunner::serving_child() const {
  Lock lock(mutex_);
  return serving_child_;
}

bool PluginRunner::wants_events() const {
  Lock lock(mutex_);
  return serving_child_ && publishes_;
}

void PluginRunner::tell_event(EventText event) {
  if (!wants_events()) return;
  if (const std::shared_ptr<PluginChild> child = serving_child()) child->tell_event(std::move(event));
}

Task<Result<std::string>> PluginRunner::run_action(std::string action_json) {
  const std::shared_ptr<PluginChild> child = serving_child();
  if (!child) {
    Lock lock(mutex_);
    co_return Error(ErrorCode::kUnavailable,
                    fmt::format("Plugin {} is not in service: {}", plugin_, not_serving_));
  }
  co_return co_await child->ask("/api-plugin/v4/action", std::move(action_json), host_.options.action_limit);
}

void PluginRunner::publish_state(const PluginOrder& order) {
  const std::vector<std::string> errors = plugin_errors(state_, order.wish);
  Lock lock(mutex_);
  serving_child_ = errors.empty() ? child_ : nullptr;
  serving_ = order.provider;
  publishes_ = order.has_publish;
  not_serving_ = errors.empty() ? "" : errors.front();
}

Task<void> PluginRunner::report(const PluginOrder& order) {
  const std::vector<std::string> errors = plugin_errors(state_, order.wish);
  if (ending() || order.shown == errors) co_return;
  for (int attempt = 0; attempt < kReportAttempts; ++attempt) {
    const std::optional<std::string> body =
        store_.snapshot()->get({std::string(kPlugins), std::string(store::kOwn), plugin_});
    if (!body) break;  // a plugin of a content layer keeps what its layer says
    auto wanted = plugin_body_with(*body, errors);
    if (!wanted || !*wanted) break;
    Result<store::Cursor> done =
        co_await store::commit_async(store_, report_batch(plugin_, *body, std::move(**wanted)));
    if (done || done.error().code != ErrorCode::kConflict) break;
  }
}

Task<void> PluginRunner::start(const PluginOrder& order) {
  child_ = std::make_shared<PluginChild>(host_, plugin_, changed_);
  const auto give_up = [this, &order] { return current_order().wish.generation != order.wish.generation; };
  Result<void> started = co_await child_->start(order.program, order.token, give_up);
  if (started) {
    kLog.info("plugin started plugin={} provider={}", plugin_, order.provider);
    state_ = after_start(std::move(state_), order.wish);
    co_return;
  }
  if (started.error().code == ErrorCode::kCancelled) {
    co_await stop_child();
    co_return;
  }
  state_.generation = order.wish.generation;
  co_await bury(started.error().messages.front());
}

Task<void> PluginRunner::configure(const PluginOrder& order) {
  Result<std::string> answer =
      co_await child_->ask("/api-plugin/v4/config", order.wish.config, host_.options.start_limit);
  const bool lost = !answer && answer.error().status_override == 0;
  if (lost) co_return co_await bury(answer.error().messages.front());
  const std::string refusal = answer ? "" : answer.error().messages.front();
  state_ = after_configure(std::move(state_), order.wish.config, refusal, host_.clock.steady());
  if (!refusal.empty()) kLog.warn("plugin refuses its configuration plugin={} reason={}", plugin_, refusal);
}

Task<void> PluginRunner::stop_child() {
  {
    Lock lock(mutex_);
    serving_child_ = nullptr;
    not_serving_ = "it is being stopped";
  }
  if (!child_) co_return;
  co_await child_->stop();
  child_ = nullptr;
}

Task<void> PluginRunner::bury(std::string reason) {
  const std::string known = child_ ? child_->failure() : std::string();
  if (!known.empty()) reason = known;
  kLog.warn("plugin failed plugin={} reason={}", plugin_, reason);
  ++host_.failures;
  co_await stop_child();
  const std::string generation = state_.generation;
  state_ =
      after_failure(std::move(state_), generation, std::move(reason), host_.clock.steady(), host_.chance());
}

Task<void> PluginRunner::run() {
  const std::shared_ptr<PluginRunner> self = shared_from_this();
  while (true) {
    const uint64_t seen = changed_.version();
    if (child_ && !child_->failure().empty()) co_await bury("");
    const PluginOrder order = current_order();
    publish_state(order);
    const bool reported = co_await env::attempt(kLog, "reporting the state of a plugin", report(order));
    const env::Duration rest = reported ? kLongRest : env::kTryAgain;
    const env::SteadyTime now = host_.clock.steady();
    switch (next_step(state_, order.wish, now)) {
      case PluginStep::kStart:
        co_await start(order);
        break;
      case PluginStep::kConfigure:
        co_await configure(order);
        break;
      case PluginStep::kStop:
        co_await stop_child();
        state_ = after_stop(std::move(state_));
        break;
      case PluginStep::kWait:
        co_await changed_.wait(seen, state_.not_before - now);
        break;
      case PluginStep::kRest:
        if (ending()) co_return;
        co_await changed_.wait(seen, rest);
        break;
    }
  }
}

}  // namespace mullion::plugins
