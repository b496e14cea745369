#include "env/pools.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>

#include "base/mutex.h"
#include "env/internal/log.h"
#include "env/internal/pool_stop.h"
#include "env/internal/work_by_hand.h"

namespace mullion::env {
namespace {

size_t cores() { return std::max(2U, std::thread::hardware_concurrency()); }

WorkerPool::Options disk_options() {
  const size_t threads = std::max<size_t>(cores(), 4);
  return {.name = "disk", .threads = threads, .running_per_group = threads};
}

/// One thread more than one caller may hold, so that another one never waits for the end of long work.
WorkerPool::Options processor_options() {
  return {.name = "processor",
          .threads = cores() + 1,
          .running_per_group = cores(),
          .places = 256,
          .places_per_caller = 128,
          .places_per_group = 128,
          .nice = 10};
}

WorkerPool::Options long_options() {
  return {.name = "long",
          .threads = 4,
          .running_per_group = 2,
          .places = 64,
          .places_per_caller = 32,
          .places_per_group = 32,
          .nice = 15};
}

/// Its threads are also what bounds the memory of hashing.
WorkerPool::Options password_options() {
  const size_t threads = std::min<size_t>(cores(), 8);
  return {.name = "password",
          .threads = threads + 1,
          .running_per_group = threads,
          .places = 288,
          .places_per_caller = 64,
          .places_per_group = 96,
          .places_kept_for_local = 32,
          .nice = 10};
}

struct Pools {
  WorkerPool disk{disk_options()};
  WorkerPool processor{processor_options()};
  WorkerPool lengthy{long_options()};
  WorkerPool password{password_options()};
  std::array<WorkerPool*, 4> all{&disk, &processor, &lengthy, &password};  // by Pool
};

Pools& pools() {
  static Pools made;
  return made;
}

WorkerPool& pool_of(Pool pool) { return *pools().all[static_cast<size_t>(pool)]; }

struct LastResort {
  Mutex mutex;
  Duration patience GUARDED_BY(mutex) = std::chrono::seconds(5);
  std::function<void(std::string_view)> action GUARDED_BY(mutex) = [](std::string_view what) {
    kRuntimeLog.error("work does not end, the process ends without it pool={}", what);
    std::_Exit(EXIT_FAILURE);
  };
};

LastResort& last_resort() {
  static LastResort made;
  return made;
}

/// A function of a coroutine, and how the coroutine goes on afterwards: with whether the function ran.
template <typename Handler>
class CoroutineJob final : public WorkerPool::Job {
 public:
  CoroutineJob(Handler handler, std::function<void()> function)
      : handler_(std::move(handler)), function_(std::move(function)) {}

  void run() override {
    std::exception_ptr failure;
    try {
      function_();
    } catch (...) {
      failure = std::current_exception();
    }
    function_ = nullptr;
    resume(failure, true);
  }
  void refuse() override { resume(nullptr, false); }
  void cancel() override {
    resume(std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted)), false);
  }

 private:
  void resume(std::exception_ptr failure, bool ran) {
    const auto executor = asio::get_associated_executor(handler_);
    asio::post(executor, [handler = std::move(handler_), failure = std::move(failure), ran]() mutable {
      std::move(handler)(std::move(failure), ran);
    });
  }

  Handler handler_;
  std::function<void()> function_;
};

/// True when `function` ran, false when it was refused.
Task<bool> run_in(WorkerPool& pool, Caller caller, bool refusable, std::function<void()> function) {
  WorkerPool::Ticket ticket;
  ticket.id = pool.next_id();
  ticket.caller = std::move(caller);
  ticket.refusable = refusable;
  const auto begin = [&pool](auto handler, WorkerPool::Ticket wanted, std::function<void()> work) {
    const asio::any_io_executor executor = asio::get_associated_executor(handler);
    using Job = CoroutineJob<decltype(handler)>;
    if (asio::has_service<internal::WorkByHand>(executor.context())) {
      const auto job = std::make_shared<Job>(std::move(handler), std::move(work));
      asio::use_service<internal::WorkByHand>(executor.context()).block([job] { job->run(); });
      return;
    }
    wanted.owner = &executor.context();
    // Deaf to cancellation once it runs: the function may use what lives in the caller's frame.
    auto slot = asio::get_associated_cancellation_slot(handler);
    const auto on_cancel = [&pool, id = wanted.id](asio::cancellation_type) { pool.cancel(id); };
    if (slot.is_connected()) slot.assign(on_cancel);
    pool.submit(std::move(wanted), std::make_unique<Job>(std::move(handler), std::move(work)));
  };
  const bool ran =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, bool)>(
          begin, asio::use_awaitable, std::move(ticket), std::move(function));
  co_return ran;
}

/// Told as 503, not as 429: it is the server that has too much to do.
Error too_busy(const WorkerPool& pool) {
  Error error(ErrorCode::kTooManyRequests,
              fmt::format("too much {} work is waiting, try again soon", pool.name()));
  error.status_override = 503;
  return error;
}

}  // namespace

Task<void> run_blocking(std::function<void()> function) {
  Task<void> run = run_blocking(Pool::kDisk, std::move(function));
  co_await std::move(run);
}

Task<void> run_blocking(Pool pool, std::function<void()> function) {
  Caller nobody;
  const bool ran = co_await run_in(pool_of(pool), std::move(nobody), false, std::move(function));
  (void)ran;
}

Task<Result<void>> run_blocking(Pool pool, Caller caller, std::function<void()> function) {
  WorkerPool& target = pool_of(pool);
  const bool refusable = !caller.name.empty();
  const bool ran = co_await run_in(target, std::move(caller), refusable, std::move(function));
  if (!ran) co_return too_busy(target);
  co_return Result<void>();
}

Task<void> run_admitted(Pool pool, Caller caller, std::function<void()> function) {
  const bool ran = co_await run_in(pool_of(pool), std::move(caller), false, std::move(function));
  (void)ran;
}

std::vector<WorkerPool::Statistics> pool_statistics() {
  std::vector<WorkerPool::Statistics> out;
  for (const WorkerPool* pool : pools().all) out.push_back(pool->statistics());
  return out;
}

void set_last_resort(Duration patience, std::function<void(std::string_view)> action) {
  LastResort& resort = last_resort();
  Lock lock(resort.mutex);
  resort.patience = patience;
  resort.action = std::move(action);
}

namespace internal {

void stop_pool_work_of(const void* owner) {
  LastResort& resort = last_resort();
  Lock lock(resort.mutex);
  const Duration patience = resort.patience;
  const auto action = resort.action;
  lock.unlock();
  for (WorkerPool* pool : pools().all) pool->drop(owner);
  const SteadyTime deadline = system_clock().steady() + patience;
  std::string busy;
  for (WorkerPool* pool : pools().all) {
    const Duration left = std::max(Duration::zero(), Duration(deadline - system_clock().steady()));
    if (!pool->wait_until_idle(owner, left)) busy += (busy.empty() ? "" : ",") + pool->name();
  }
  if (busy.empty()) return;
  action(busy);
  for (WorkerPool* pool : pools().all) {
    while (!pool->wait_until_idle(owner, std::chrono::hours(1))) continue;
  }
}

}  // namespace internal
}  // namespace mullion::env
