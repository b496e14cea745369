#include <algorithm>

#include "mirror/held.h"
#include "mirror/internal/conversation.h"
#include "mirror/internal/target.h"
#include "store/failed_reads.h"

namespace mullion::mirror {

bool is_held(std::string_view target) {
  const std::optional<Target> known = read_target(target);
  return known && is_mirrored(known->prefix);
}

env::Task<Taken> Conversation::take_written(Written written, env::Duration patience) {
  std::optional<Target> target = read_target(written.target);
  if (!target || !is_mirrored(target->prefix)) co_return Taken{};
  const std::optional<std::vector<std::string>> owners = replica_.wanted();
  if (over_ || !owners) co_return Taken{true, std::nullopt};  // whoever follows it next brings it
  if (std::ranges::find(*owners, written.owner) == owners->end()) co_return Taken{};
  const std::optional<bool> held =
      co_await env::within(options_.timers, patience, hold(std::move(written), std::move(*target)));
  if (!held || !*held) co_return Taken{true, std::nullopt};
  co_return Taken{false, replica_.place()};
}

uint64_t Conversation::word() const {
  Lock lock(mutex_);
  return hints_.now();
}

env::Task<bool> Conversation::hold(Written written, Target target) {
  const bool is_shown = shows_object(written.method, target);
  const Collection type = collection(target.prefix);
  std::string key = std::move(target.key);
  if (is_shown) {
    Result<Shown> shown = read_shown(type, written.owner, written.body);
    if (shown && shown->writable) {
      if (shown->owner != written.owner) shown->owner = written.owner;
      if (written.method == "DELETE") shown->writable = false;
      const Result<bool> put =
          co_await store::failed_reads_returned(put_written(type, *shown, written.before));
      if (!put || *put) co_return put.ok();
      key = shown->key;  // something newer may have come meanwhile
    }
  }
  if (!key.empty()) add_hint(type.prefix, replica_key(type, key));
  const bool told = co_await told_everything();
  // What was told of it may be among what cannot be read.
  co_return told && !replica_.is_held_up(type.prefix);
}

env::Task<Result<bool>> Conversation::put_written(Collection type, Shown shown, uint64_t before) {
  if (Result<void> stored = co_await replica_.drain(); !stored) co_return stored.error();
  Result<bool> put = false;
  {
    Lock lock(applying_);
    {
      Lock lock(mutex_);
      const Hint hint{type.prefix, shown.key};
      if (!hints_.is_quiet_since(hint, before)) co_return false;
      hints_.overtake(hint);
    }
    std::optional<std::string> body;
    if (shown.writable) body = std::move(shown.body);
    put = replica_.put(type.prefix, shown.owner, shown.key, std::move(body));
  }
  if (!put) co_return put.error();
  if (Result<void> stored = co_await replica_.drain(); !stored) co_return stored.error();
  co_return true;
}

}  // namespace mullion::mirror
