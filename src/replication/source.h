// The giving side of the replication stream: what a parent manager reads of this endpoint's log.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/timers.h"
#include "net/http.h"
#include "replication/wire.h"
#include "store/store.h"

namespace mullion::replication {

struct SourceOptions {
  store::Store& store;
  std::string id;  // what the owner of own objects is called
  std::string version;
  std::vector<std::string> features;
  std::function<std::string()> state;                 // JSON of the record `state`
  std::function<std::vector<Announcement>()> owners;  // remote owners that can be followed through us
  const env::Clock& clock;
  const env::Timers& timers;
};

/// Serves any number of streams. Thread-safe. Outlives the streams it serves; to be stopped before it goes.
class Source {
 public:
  Source(env::Runtime& runtime, SourceOptions options);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// The whole conversation on `socket`; `resume` is the sink's place in our log (epoch 0: none). Returns
  /// when it is over. A sink that neither reads nor speaks for 30 s is cut.
  env::Task<void> serve(std::shared_ptr<net::WebSocket> socket, store::Cursor resume);
  /// Ends what serve() left running; streams end with their sockets.
  env::Task<void> stop();
  /// To be called when `owners` answers something new.
  void owners_changed();
  /// SourceOptions::state answers something else now.
  void state_changed();
  size_t streams() const { return streams_; }

 private:
  friend class SourceStream;
  /// Grows whenever SourceOptions::state may answer something else.
  uint64_t state_version() const;

  SourceOptions options_;
  env::TaskGroup tasks_;
  const std::shared_ptr<env::Signal> changed_ = std::make_shared<env::Signal>();
  std::shared_ptr<store::CommitFeed> state_feed_, commits_feed_;
  std::atomic<uint64_t> owners_version_{0};
  std::atomic<uint64_t> state_changes_{0};
  std::atomic<size_t> streams_{0};
};

}  // namespace mullion::replication
