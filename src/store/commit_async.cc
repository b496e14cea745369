#include "store/commit_async.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mullion::store {

namespace asio = boost::asio;

env::Task<Result<Cursor>> commit_async(Store& store, Batch batch) {
  auto executor = co_await asio::this_coro::executor;
  auto start = [executor, &store](auto handler, Batch wanted) {
    using Handler = decltype(handler);
    auto shared = std::make_shared<Handler>(std::move(handler));  // std::function wants copies
    store.commit(std::move(wanted), [shared, work = asio::make_work_guard(executor)](Result<Committed> done) {
      Result<Cursor> result = done ? Result<Cursor>(done->cursor) : Result<Cursor>(std::move(done.error()));
      asio::post(work.get_executor(), [shared, result = std::move(result)]() mutable {
        Handler resume = std::move(*shared);
        resume(std::move(result));
      });
    });
  };
  Result<Cursor> outcome =
      co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<Cursor>)>(
          start, asio::use_awaitable, std::move(batch));
  co_return outcome;
}

}  // namespace mullion::store
