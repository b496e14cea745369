#include "cluster/journal_thread.h"

#include <algorithm>
#include <iterator>

#include "base/mutex.h"
#include "cluster/internal/log.h"

namespace mullion::cluster {
namespace {

/// Entries that go into one sync although they were asked for one after the other.
constexpr size_t kMostTogether = 1024;

}  // namespace

JournalThread::JournalThread(Journal& journal, Events events)
    : journal_(journal), events_(std::move(events)) {
  for (const Entry& entry : journal.contents().entries) sizes_.emplace_back(entry.index, entry.tag.size);
  thread_ = std::thread([this] { run(); });
}

void JournalThread::note_sizes(const std::vector<JournalEntry>& entries) {
  for (const JournalEntry& entry : entries) {
    while (!sizes_.empty() && sizes_.back().first >= entry.entry.index) sizes_.pop_back();
    sizes_.emplace_back(entry.entry.index, entry.payload.size());
  }
}

uint64_t JournalThread::beyond(uint64_t bytes, uint64_t entries) const {
  const Lock lock(mutex_);
  uint64_t kept = 0, count = 0;
  for (auto entry = sizes_.rbegin(); entry != sizes_.rend(); ++entry) {
    kept += entry->second;
    if (kept > bytes || ++count > entries) return entry->first;
  }
  return 0;
}

void JournalThread::stop() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void JournalThread::append(std::vector<JournalEntry> entries, HardState hard, uint64_t number) {
  put({std::move(entries), hard, number, 0});
}

void JournalThread::trim(uint64_t index) { put({{}, {}, 0, index}); }

void JournalThread::put(Work work) {
  {
    const Lock lock(mutex_);
    note_sizes(work.entries);
    while (work.trim != 0 && !sizes_.empty() && sizes_.front().first <= work.trim) sizes_.pop_front();
    queue_.push_back(std::move(work));
  }
  filled_.notify_one();
}

/// What is asked for while the disk works goes into the next sync together, unless it cuts.
bool JournalThread::goes_along(const Work& first, const Work& next) {
  if (next.trim != 0 || first.entries.size() + next.entries.size() > kMostTogether) return false;
  if (first.entries.empty() || next.entries.empty()) return true;
  return next.entries.front().entry.index == first.entries.back().entry.index + 1;
}

bool JournalThread::take(Work& out) {
  Lock lock(mutex_);
  filled_.wait(lock, [this]() REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return false;
  out = std::move(queue_.front());
  queue_.pop_front();
  while (out.trim == 0 && !queue_.empty() && goes_along(out, queue_.front())) {
    Work& next = queue_.front();
    std::ranges::move(next.entries, std::back_inserter(out.entries));
    out.hard = next.hard;
    out.number = next.number;
    queue_.pop_front();
  }
  return true;
}

void JournalThread::run() {
  Work work;
  while (take(work)) {
    if (work.trim != 0) {
      if (const Result<void> trimmed = journal_.trim(work.trim); !trimmed.ok())
        kLog.warn("the journal was not trimmed: {}", trimmed.error().text());
      continue;
    }
    const Result<void> written = journal_.append(work.entries, work.hard);
    if (!written.ok()) return events_.failed(written.error());
    events_.synced(work.number);
  }
}

}  // namespace mullion::cluster
