// Readers that come back with the place they had.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <numeric>
#include <thread>

#include "env/launch.h"
#include "env/waiting_testing.h"
#include "events/event_bus.h"
#include "events/internal/recent_commits.h"
#include "events/internal/resume_command.h"

namespace mullion::events {
namespace {

namespace json = boost::json;

TEST(EventPlace, HasOneText) {
  const std::pair<std::string_view, EventPlace> places[] = {{"1f-7", {{0x1f, 7}}},
                                                            {"1f-7-2", {{0x1f, 7}, 2}},
                                                            {"0-0", {{0, 0}}},
                                                            {"ffffffffffffffff-0-0", {{~0ULL, 0}, 0}}};
  for (const auto& [text, place] : places) {
    EXPECT_EQ(place.text(), text);
    const Result<EventPlace> read = EventPlace::parse(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, place);
  }
  for (const std::string_view text :
       {"", "7", "1f-", "-7", "1f-7-", "1f-7-x", "1f-7-2-3", "01f-7", "1F-7", "1f-+7", "1f- 7",
        "1f-7-18446744073709551615", "1ffffffffffffffff-7", "1f-7 "})
    EXPECT_FALSE(EventPlace::parse(text)) << text;
}

TEST(ResumeCommand, OneLineForThePlaceAndOneForEachRegistration) {
  const Result<ResumeCommand> command = ResumeCommand::parse(" 1f-7 \nmachines.*.*\r\n\n jobs.create.* \n");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->place_text, "1f-7");
  EXPECT_EQ(command->place, (EventPlace{{0x1f, 7}}));
  ASSERT_EQ(command->registrations.size(), 2U);
  EXPECT_EQ(command->registrations[1].text, "jobs.create.*");
  EXPECT_EQ(command->bytes(), std::string_view("machines.*.*jobs.create.*").size());
  EXPECT_EQ(command->words(), 6U);
  const Result<ResumeCommand> fresh = ResumeCommand::parse("\n*.*.*");
  ASSERT_TRUE(fresh);
  EXPECT_FALSE(fresh->place);
  const std::pair<std::string_view, std::string_view> refused[] = {
      {"", "Expected: resume CURSOR"},
      {" 1f-7", "Expected: resume CURSOR"},
      {" 1f-7 *.*.*", "Expected: resume CURSOR"},
      {" 1f-7\na.b", "expected TYPE.ACTION.KEY"},
      {" yesterday\n*.*.*", "not the Cursor of an event"}};
  for (const auto& [text, reason] : refused) {
    const Result<ResumeCommand> read = ResumeCommand::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().messages.front().find(reason), std::string::npos) << text;
  }
}

std::shared_ptr<const store::Commit> commit_of(uint64_t seq, size_t changes = 1, size_t bytes = 0) {
  auto out = std::make_shared<store::Commit>();
  out->cursor = {1, seq};
  for (size_t i = 0; i < changes; ++i)
    out->changes.push_back(
        {{"machines", "", fmt::format("{}-{}", seq, i)}, std::nullopt, std::string(bytes, ' ')});
  return out;
}

class Recent : public ::testing::Test {
 protected:
  /// What lies behind `place`: "SEQ+FIRST ..."; the reason when that is not known.
  std::string since(const EventPlace& place) const {
    std::string out;
    const Result<void> known = recent.since(place, now, [&](const auto& commit, size_t first) {
      out += fmt::format("{}+{} ", commit->cursor.seq, first);
    });
    return known ? out : known.error().messages.front().substr(0, 13);
  }
  void add(std::shared_ptr<const store::Commit> commit) {
    now = commit->cursor;
    recent.add(commit);
  }

  store::Cursor now{1, 10};
  RecentCommits recent{{.changes = 4, .bytes = 10'000}};
};

TEST_F(Recent, TellsWhatLiesBehindAPlace) {
  recent.keep(now);
  add(commit_of(11));
  add(commit_of(13, 2));
  const std::pair<EventPlace, std::string> cases[] = {{{{1, 10}}, "11+0 13+0 "},
                                                      {{{1, 11}}, "13+0 "},
                                                      {{{1, 12}}, "13+0 "},
                                                      {{{1, 13}, 0}, "13+0 "},
                                                      {{{1, 13}, 1}, "13+1 "},
                                                      {{{1, 13}, 2}, ""},
                                                      {{{1, 13}}, ""},
                                                      {{{1, 14}}, "the Cursor is"},
                                                      {{{2, 13}}, "the Cursor is"},
                                                      {{{1, 9}}, "what happened"},
                                                      {{{1, 10}, 1}, "what happened"}};
  for (const auto& [place, expected] : cases) EXPECT_EQ(since(place), expected) << place.text();
}

TEST_F(Recent, KeepsNothingBeforeItIsAsked) {
  add(commit_of(11));
  recent.keep(now);
  EXPECT_EQ(since({{1, 10}}), "what happened");
  EXPECT_EQ(since({{1, 11}}), "");
  add(commit_of(12));
  recent.keep(now);
  EXPECT_EQ(since({{1, 11}}), "12+0 ") << "asked twice";
}

TEST_F(Recent, IsBoundedByChangesAndByBytes) {
  recent.keep(now);
  for (uint64_t seq = 11; seq <= 15; ++seq) add(commit_of(seq));
  EXPECT_EQ(since({{1, 10}}), "what happened");
  EXPECT_EQ(since({{1, 11}}), "12+0 13+0 14+0 15+0 ");
  add(commit_of(16, 1, 9000));
  EXPECT_EQ(since({{1, 12}}), "13+0 14+0 15+0 16+0 ");
  add(commit_of(17, 1, 9000));
  EXPECT_EQ(since({{1, 15}}), "what happened");
  EXPECT_EQ(since({{1, 16}}), "17+0 ");
  add(commit_of(18, 5));
  EXPECT_EQ(since({{1, 17}}), "what happened") << "more than may be held at all";
  EXPECT_EQ(since({{1, 18}}), "");
}

TEST_F(Recent, ForgetsWhatStandsBeforeAGap) {
  recent.keep(now);
  add(commit_of(11));
  recent.lost();
  EXPECT_EQ(since({{1, 11}}), "what happened") << "what comes next is not known yet";
  add(commit_of(21));
  EXPECT_EQ(since({{1, 11}}), "what happened");
  EXPECT_EQ(since({{1, 20}}), "21+0 ");
}

class Resume : public ::testing::Test {
 protected:
  std::shared_ptr<EventQueue> open(EventQueueLimit limit = {}) { return bus.open(limit); }

  /// The texts of the next events, `count` of them.
  std::vector<json::value> take(EventQueue& queue, size_t count) {
    std::vector<json::value> out;
    while (out.size() < count) {
      const std::vector<EventPtr> more = env::run(runtime, queue.take());
      if (more.empty()) break;
      for (const EventPtr& event : more) out.push_back(json::parse(queue.text_of(*event)));
    }
    EXPECT_EQ(out.size(), count);
    return out;
  }
  static std::string text(const json::value& event, std::string_view member) {
    const json::value* found = event.as_object().if_contains(member);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
  }
  static std::string said(const json::value& event) {
    return fmt::format("{}.{}.{}", text(event, "Type"), text(event, "Action"), text(event, "Key"));
  }
  /// Place of an acknowledgement.
  static std::string place_in(const json::value& acknowledgement) {
    return std::string(acknowledgement.at("Object").at("Cursor").as_string());
  }

  void write(std::vector<std::pair<std::string, std::string>> objects) {
    store::Batch batch;
    for (auto& [type, key] : objects)
      batch.changes.push_back(
          {{type, "", key}, fmt::format(R"({{"N":{}}})", ++written), store::Expect::kAnything, {}});
    batch.principal = "user:bob";
    ASSERT_TRUE(store->commit_sync(std::move(batch)));
  }

  int written = 0;
  env::Runtime runtime{2};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  EventBus bus{*store, runtime, [](std::string_view) { return std::string("M1"); }, env::system_clock()};
};

TEST_F(Resume, WhatWasMissedIsTheSameAsWhatOthersWereTold) {
  const auto stayed = open(), left = open();
  stayed->resume("\nmachines.*.*\n*.create.*");
  left->resume("\nmachines.*.*\n*.create.*");
  write({{"machines", "a"}});
  take(*stayed, 2);
  const std::string place = text(take(*left, 2).back(), "Cursor");
  left->close();
  write({{"machines", "a"}, {"jobs", "j"}});
  write({{"jobs", "j"}});
  write({{"machines", "b"}});
  const auto back = open();
  back->resume(" " + place + "\nmachines.*.*\n*.create.*");
  const std::vector<json::value> missed = take(*back, 4);
  EXPECT_EQ(take(*stayed, 3), std::vector<json::value>(missed.begin(), missed.begin() + 3));
  EXPECT_EQ(missed[0].at("Original").at("N"), 1);
  EXPECT_EQ(said(missed[1]), "jobs.create.j");
  EXPECT_EQ(said(missed[2]), "machines.create.b");
  EXPECT_EQ(said(missed[3]), "websocket.resume." + place);
  EXPECT_EQ(missed[3].at("Object").at("Missed"), 3);
  write({{"machines", "c"}});
  EXPECT_EQ(said(take(*back, 1).front()), "machines.create.c");
}

/// Whatever event was the last one that arrived, the next one follows.
TEST_F(Resume, EveryEventIsAPlace) {
  const auto first = open();
  first->resume("\n*.*.*");
  write({{"machines", "a"}, {"machines", "b"}, {"jobs", "c"}});
  write({{"machines", "d"}});
  const std::vector<json::value> all = take(*first, 5);
  for (size_t seen = 0; seen < all.size(); ++seen) {
    const std::string place = seen == 0 ? place_in(all[0]) : text(all[seen], "Cursor");
    const auto back = open();
    back->resume(" " + place + "\n*.*.*");
    std::vector<json::value> missed = take(*back, all.size() - seen);
    missed.pop_back();
    EXPECT_EQ(missed, std::vector<json::value>(all.begin() + static_cast<ptrdiff_t>(seen) + 1, all.end()))
        << place;
  }
}

TEST_F(Resume, APlaceOfAcknowledgementsAndOfCursorIsThatOfNow) {
  const auto first = open();
  first->resume("\nprofiles.*.*");
  write({{"machines", "a"}});
  first->tell_place();
  const std::vector<json::value> seen = take(*first, 2);
  EXPECT_EQ(said(seen[1]), "websocket.cursor.");
  EXPECT_NE(place_in(seen[0]), place_in(seen[1]));
  for (const auto& [place, missed] : {std::pair{place_in(seen[0]), 1}, std::pair{place_in(seen[1]), 0}}) {
    const auto back = open();
    back->resume(" " + place + "\nmachines.*.*");
    EXPECT_EQ(take(*back, static_cast<size_t>(missed) + 1).back().at("Object").at("Missed"), missed);
  }
}

/// A refusal registers nothing: whoever reads anew would miss what comes before it registers again.
TEST_F(Resume, WhoCannotIsToldWhyAndRegistersNothing) {
  write({{"machines", "old"}});
  const auto keeper = open();
  keeper->resume("\n*.*.*");
  const std::string now = place_in(take(*keeper, 1).front());
  const std::string epoch = now.substr(0, now.find('-'));
  const std::pair<std::string, std::string> cases[] = {
      {" " + epoch + "-0\nq.r.s", "Cannot resume: what happened since then is not known any more"},
      {" " + epoch + "-999\nq.r.s", "Cannot resume: the Cursor is of another server or of another database"},
      {" 0-1\nq.r.s", "Cannot resume: the Cursor is of another server or of another database"},
      {" soon\nq.r.s", "This is not the Cursor of an event"},
      {" " + now, "Expected: resume CURSOR, and a registration in each line behind it"}};
  for (const auto& [command, reason] : cases) {
    const auto queue = open();
    queue->resume(command);
    const json::value refused = take(*queue, 1).front();
    EXPECT_EQ(text(refused, "Action"), "error");
    EXPECT_EQ(text(refused, "Key"), "resume" + command.substr(0, command.find('\n')));
    EXPECT_EQ(text(refused, "Object"), reason);
    keeper->close();
    EXPECT_FALSE(bus.wanted("q", "s"));
  }
}

TEST_F(Resume, ComesBeforeAnyRegistrationAndWithinTheLimits) {
  const auto registered = open();
  registered->register_pattern("a.b.c");
  registered->resume("\nd.e.f");
  EXPECT_EQ(text(take(*registered, 2).back(), "Object"),
            "Cannot resume: this connection has registrations already");
  EXPECT_FALSE(bus.wanted("d", "f"));
  const auto narrow = open({.registrations = 2});
  narrow->resume("\na.b.1\na.b.2\na.b.3");
  EXPECT_EQ(text(take(*narrow, 1).back(), "Object"), "At most 2 registrations per connection");
  EXPECT_FALSE(bus.wanted("a", "3"));
  const auto slim = open({.registration_bytes = 20});
  slim->resume("\na.b." + std::string(30, 'c'));
  EXPECT_EQ(text(take(*slim, 1).back(), "Object"), "At most 20 bytes of registrations per connection");
  slim->resume("\n" + std::string(1 << 20, 'c'));
  EXPECT_EQ(text(take(*slim, 1).back(), "Object"),
            "Too many registrations at once: wait for their acknowledgements");
}

TEST_F(Resume, WhatIsDeregisteredMakesRoomForOthers) {
  const auto slim = open({.registration_bytes = 20});
  for (const char* pattern : {"first.create.*", "other.create.*", "third.create.*"}) {
    slim->register_pattern(pattern);
    EXPECT_EQ(text(take(*slim, 1).back(), "Action"), "register") << pattern;
    slim->deregister_pattern(pattern);
    EXPECT_EQ(text(take(*slim, 1).back(), "Action"), "deregister") << pattern;
  }
}

TEST_F(Resume, LooksForOnePlaceOnAConnectionAndOnlySoLong) {
  const auto first = open();
  first->resume("\n*.*.*");
  const std::string place = place_in(take(*first, 1).front());
  std::string words = "w";
  while (words.size() < 200'000) words += ",w";
  for (int i = 0; i < 101; ++i) write({{"machines", std::to_string(i)}});
  const auto back = open();
  back->resume(" " + place + "\nq.*." + words);
  EXPECT_EQ(text(take(*back, 1).back(), "Object"),
            "Cannot resume: too much happened since then for so many registrations");
  back->resume(" " + place + "\n*.*.*");
  EXPECT_EQ(text(take(*back, 1).back(), "Object"), "Cannot resume: a connection goes on from a Cursor once");
  back->resume("\na.b.c");
  EXPECT_EQ(text(take(*back, 1).back(), "Action"), "resume") << "from now on it may";
}

TEST_F(Resume, MoreThanMayWaitIsAReasonAndNotTheEndOfTheReader) {
  const auto first = open();
  first->resume("\n*.*.*");
  const std::string place = place_in(take(*first, 1).front());
  for (int i = 0; i < 3; ++i) write({{"machines", std::to_string(i)}});
  const std::pair<EventQueueLimit, std::string> cases[] = {
      {{.events = 4}, ""},
      {{.events = 3}, "Cannot resume: more was missed than may wait for one reader"},
      {{.bytes = 4096}, ""},
      {{.bytes = 1500}, "Cannot resume: more was missed than may wait for one reader"}};
  for (const auto& [limit, reason] : cases) {
    const auto back = open(limit);
    back->resume(" " + place + "\n*.*.*");
    const json::value last = take(*back, reason.empty() ? 4 : 1).back();
    EXPECT_EQ(text(last, "Object"), reason);
    EXPECT_FALSE(back->overflowed());
  }
}

TEST_F(Resume, WhoDoesNotUseItSeesNoPlaces) {
  const auto queue = open();
  queue->register_pattern("*.*.*");
  write({{"machines", "a"}});
  for (const json::value& event : take(*queue, 2)) EXPECT_FALSE(event.as_object().contains("Cursor"));
}

TEST_F(Resume, EventsThatAreNoChangesHaveNoPlace) {
  const auto queue = open();
  queue->resume("\n*.*.*");
  bus.publish("a", "b", "c", "system", "null");
  EXPECT_FALSE(take(*queue, 2).back().as_object().contains("Cursor"));
}

/// While others write, a reader that comes and goes sees everything once and in order.
TEST_F(Resume, NothingIsMissedOrToldTwiceAmongWriters) {
  constexpr int kWrites = 100;
  const auto started = open();
  started->resume("\nmachines.*.*");
  std::string place = place_in(take(*started, 1).front());
  std::thread writer([this] {
    for (int i = 0; i < kWrites; ++i) write({{"machines", "m"}});
  });
  std::vector<int64_t> seen;
  while (seen.size() < kWrites) {
    const auto queue = open();
    queue->resume(" " + place + "\nmachines.*.*");
    for (const EventPtr& event : env::run(runtime, queue->take())) {
      const json::value value = json::parse(queue->text_of(*event));
      if (event->type() == "websocket") {
        place = place_in(value);
        continue;
      }
      place = text(value, "Cursor");
      seen.push_back(value.at("Object").at("N").as_int64());
    }
  }
  writer.join();
  std::vector<int64_t> expected(kWrites);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace mullion::events
