#include "replication/wire.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

namespace mullion::replication {
namespace {

std::vector<Record> read_all(const std::string& frame) {
  std::vector<Record> out;
  Result<FrameReader> reader = FrameReader::open(frame);
  EXPECT_TRUE(reader);
  while (reader) {
    Result<std::optional<Record>> record = reader->next();
    if (!record || !*record) break;
    out.push_back(std::move(**record));
  }
  return out;
}

std::string frame_of(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

std::string text_in(std::string_view frame) {
  std::string out(ZSTD_getFrameContentSize(frame.data(), frame.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size()), out.size());
  return out;
}

Error error_of(std::string_view text) {
  Result<FrameReader> reader = FrameReader::open(frame_of(text));
  if (!reader) return reader.error();
  while (true) {
    Result<std::optional<Record>> record = reader->next();
    if (!record) return record.error();
    if (!*record) return Error(ErrorCode::kInternal, "no error");
  }
}

TEST(Wire, EveryRecordComesBackAsItWent) {
  Digest digest;
  ASSERT_TRUE(Digest::from_hex("0123456789abcdef0123456789abcdef", digest));
  const std::vector<store::TypeDigest> digests{{"machines", "A", digest, 7}};
  FrameWriter writer;
  writer.add(Hello{1, "A", "v1", 0xfedcba9876543210, 42, {"x", "y"}});
  const std::string certificate(64, 'c');
  const std::vector<HeldUpCollection> held_up{{"stages", 3600.5, "stages answers 500"}, {"pools", 7, ""}};
  writer.add(Owners{{{"A", {"R1"}, false, 2.5, "cut", certificate, "F", held_up}, {"R1", {}}}});
  writer.add(Subscribe{{{"A", true, store::Cursor{3, 4}}, {"B", false, std::nullopt}}});
  writer.add(SnapshotBegin{"A", {5, 6}});
  writer.add(Object{"machines", "k\"1\n", R"({"Name":"x","N":1.50})"});
  writer.add(SnapshotEnd{"A", 8, digests});
  writer.add(Change{"machines", "gone", std::nullopt});
  writer.add(Change{"machines", "there", R"({"body":{"body":1}})"});
  writer.add(Commit{9, "A", {10, 11}, digests});
  writer.add(At{12, true});
  writer.add(State{R"({"info":{}})"});
  writer.add(Ping{13, -14, 15, 1.5, {{"B", 75.25}}, {{"A", held_up[0]}, {"B", held_up[1]}}});
  writer.add(Ranges{"A", "machines", {{"", "m", digest}, {"m", "", {}}}});
  writer.add(RangeEnd{"A", "machines", 15, digests});
  EXPECT_FALSE(writer.empty());
  const std::string frame = writer.take();
  EXPECT_TRUE(writer.empty());

  Result<FrameReader> reader = FrameReader::open(frame);
  ASSERT_TRUE(reader);
  const auto next = [&] { return std::move(**reader->next()); };
  const auto hello = std::get<Hello>(next());
  EXPECT_EQ(hello.epoch, 0xfedcba9876543210);
  EXPECT_EQ(hello.features.size(), 2U);
  const auto owners = std::get<Owners>(next());
  EXPECT_EQ(owners.owners.front(), (Announcement{"A", {"R1"}, false, 2.5, "cut", certificate, "F", held_up}));
  EXPECT_EQ(owners.owners.back(), (Announcement{"R1", {}}));
  const auto wanted = std::get<Subscribe>(next());
  EXPECT_TRUE(wanted.owners[0].follows);
  EXPECT_EQ(wanted.owners[0].replica, (store::Cursor{3, 4}));
  EXPECT_FALSE(wanted.owners[1].replica);
  EXPECT_EQ(std::get<SnapshotBegin>(next()).origin, (store::Cursor{5, 6}));
  const auto object = std::get<Object>(next());
  EXPECT_EQ(object.key, "k\"1\n");
  EXPECT_EQ(object.body, R"({"Name":"x","N":1.50})") << "the same bytes, numbers included";
  EXPECT_EQ(std::get<SnapshotEnd>(next()).digests, digests);
  EXPECT_FALSE(std::get<Change>(next()).body);
  EXPECT_EQ(*std::get<Change>(next()).body, R"({"body":{"body":1}})");
  const auto commit = std::get<Commit>(next());
  EXPECT_EQ(commit.origin, (store::Cursor{10, 11}));
  EXPECT_EQ(commit.digests, digests);
  EXPECT_TRUE(std::get<At>(next()).restart);
  EXPECT_EQ(std::get<State>(next()).json, R"({"info":{}})");
  const Ping ping = std::get<Ping>(next());
  EXPECT_EQ(ping.clock, -14);
  EXPECT_EQ(ping.stamp, 15U);
  EXPECT_EQ(ping.age, 1.5);
  EXPECT_EQ(ping.ages, (std::vector<OwnerAge>{{"B", 75.25}}));
  EXPECT_EQ(ping.held_up, (std::vector<OwnerHeldUp>{{"A", held_up[0]}, {"B", held_up[1]}}));
  EXPECT_EQ(std::get<Ranges>(next()).ranges.size(), 2U);
  EXPECT_EQ(std::get<RangeEnd>(next()).seq, 15U);
  EXPECT_FALSE(*reader->next());
}

TEST(Wire, RecordsOfNewerPeersAreSkipped) {
  const std::vector<Record> records =
      read_all(frame_of("{\"t\":\"from-the-future\",\"x\":1}\n{\"t\":\"ack\",\"seq\":3,\"new\":{}}\n"));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Unknown>(records[0]));
  EXPECT_TRUE(std::holds_alternative<Ack>(records[1]));
}

std::string owners_with(std::string_view held_up) {
  return fmt::format(R"({{"t":"owners","owners":[{{"owner":"A","via":[]{}}}]}})"
                     "\n",
                     held_up);
}

TEST(Wire, APeerThatKnowsOfNoCollectionsThatAreHeldUpTellsOfNone) {
  std::vector<Record> records = read_all(frame_of(owners_with("")));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(std::get<Owners>(records[0]).owners.front().held_up.empty());
  records = read_all(frame_of("{\"t\":\"ping\",\"newest\":1,\"clock\":2,\"age\":0,\"ages\":[]}\n"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(std::get<Ping>(records[0]).held_up.empty());
  FrameWriter writer;
  writer.add(Owners{{{"A", {"R1"}}}});
  writer.add(Ping{1, 2, 3, 0, {}});
  EXPECT_EQ(text_in(writer.take()).find("held_up"), std::string::npos) << "what earlier versions said";
}

TEST(Wire, WhatAPeerMaySayOfCollectionsThatAreHeldUpHasLimits) {
  const auto list = [](size_t count, const std::string& name) {
    std::string out;
    for (size_t i = 0; i < count; ++i)
      out += fmt::format(R"({}{{"collection":"{}{}","age":1}})", i == 0 ? "" : ",", name, i);
    return R"(,"held_up":[)" + out + "]";
  };
  EXPECT_EQ(error_of(owners_with(list(kMostHeldUp, "c"))).text(), "internal: no error");
  EXPECT_EQ(error_of(owners_with(list(kMostHeldUp + 1, "c"))).text(),
            "corrupt: replication stream: record owners: member held_up names more than 500 collections of "
            "one owner");
  EXPECT_EQ(error_of(owners_with(list(1, std::string(255, 'c')))).text(),
            "corrupt: replication stream: record owners: member collection has more than 255 bytes");
  EXPECT_EQ(error_of(owners_with(R"(,"held_up":[{"collection":"","age":1}])")).text(),
            "corrupt: replication stream: record owners: member collection is empty");
  EXPECT_EQ(error_of(owners_with(R"(,"held_up":[{"age":1}])")).text(),
            "corrupt: replication stream: record owners: member collection is missing or malformed");
  EXPECT_EQ(error_of(owners_with(R"(,"held_up":5)")).text(),
            "corrupt: replication stream: record owners: member held_up is missing or malformed");
  Ping ping{1, 2, 3, 0, {}};
  for (size_t i = 0; i <= kMostHeldUpOfAll; ++i) ping.held_up.push_back({"A", {"c", 1, ""}});
  FrameWriter writer;
  writer.add(ping);
  Result<FrameReader> reader = FrameReader::open(writer.take());
  ASSERT_TRUE(reader);
  const Result<std::optional<Record>> record = reader->next();
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().text(),
            "corrupt: replication stream: record ping: member held_up names more than 20000 collections");
}

TEST(Wire, ALongReasonIsCutBetweenCharacters) {
  std::string reason = std::string(kLongestHeldUpReason - 1, 'x') + "\u00e9 and more";
  FrameWriter writer;
  writer.add(Owners{{{"A", {"R1"}, true, 0, "", "", "", {{"stages", 1, reason}}}}});
  Result<FrameReader> reader = FrameReader::open(writer.take());
  ASSERT_TRUE(reader);
  const Result<std::optional<Record>> record = reader->next();
  ASSERT_TRUE(record && *record);
  EXPECT_EQ(std::get<Owners>(**record).owners.front().held_up.front().reason,
            std::string(kLongestHeldUpReason - 1, 'x'));
}

TEST(Wire, MoreThanPeersTakeMakesTheWholeOwnerOld) {
  std::vector<Announcement> announced{{"A", {"R"}, true, 1}, {"B", {"R"}, true, 2}, {"C", {"R"}, true, 3}};
  for (size_t i = 0; i <= kMostHeldUp; ++i)
    announced[0].held_up.push_back({std::to_string(i), static_cast<double>(i), ""});
  announced[1].held_up = {{std::string(kLongestCollection + 1, 'c'), 70, ""}, {"stages", 90, ""}};
  announced[2].held_up = {{"stages", 80, "answers 500"}};
  keep_within_limits(announced);
  EXPECT_TRUE(announced[0].held_up.empty());
  EXPECT_EQ(announced[0].age_seconds, static_cast<double>(kMostHeldUp));
  EXPECT_TRUE(announced[1].held_up.empty());
  EXPECT_EQ(announced[1].age_seconds, 90);
  EXPECT_EQ(announced[2].held_up.size(), 1U);
  EXPECT_EQ(announced[2].age_seconds, 3);

  announced.assign(kMostHeldUpOfAll / 100 + 1, announced[2]);
  for (Announcement& one : announced) one.held_up.assign(100, {"stages", 80, ""});
  keep_within_limits(announced);
  EXPECT_EQ(announced.front().age_seconds, 3);
  EXPECT_EQ(announced.back().age_seconds, 80) << "one more than peers take of all owners";
  EXPECT_TRUE(announced.back().held_up.empty());
}

TEST(Wire, WhatBreaksTheRulesIsRefused) {
  EXPECT_EQ(FrameReader::open("garbage").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(FrameReader::open("").error().code, ErrorCode::kCorrupt);
  std::string damaged = frame_of(std::string(1000, 'x'));
  damaged.resize(damaged.size() / 2);
  EXPECT_EQ(FrameReader::open(damaged).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(FrameReader::open(frame_of(std::string(kMaxFrame + 1, ' '))).error().text(),
            "corrupt: replication stream: a frame is too large");
  for (const char* text : {
           "not json\n",
           "[1]\n",
           "{}\n",
           "{\"t\":5}\n",
           "{\"t\":\"ack\"}\n",
           "{\"t\":\"ack\",\"seq\":-1}\n",
           "{\"t\":\"ack\",\"seq\":1}x\n",
           "{\"t\":\"commit\",\"seq\":1,\"owner\":\"A\"}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"body\":5}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"body\":{\"a\":}}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"body\":{},\"key\":\"k\"}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"x\":{\"body\":{}},\"body\":{}}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"body\":{},\"body\":{}}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"body\": {}}\n",
           "{\"t\":\"object\",\"type\":\"m\",\"key\":\"k\",\"body\":{\"Endpoint\":\"me\"}}\n",
           "{\"t\":\"hello\",\"protocol\":1,\"id\":\"A\",\"epoch\":\"xyz\",\"newest\":1,\"features\":[]}\n",
           "{\"t\":\"owners\",\"owners\":[5]}\n",
           "{\"t\":\"owners\",\"owners\":[{\"owner\":\"A\",\"via\":[5]}]}\n",
       }) {
    EXPECT_EQ(error_of(text).code, ErrorCode::kCorrupt) << text;
  }
}

TEST(Wire, RandomDamageIsNeverWorseThanAnError) {
  std::mt19937 random(7);
  FrameWriter writer;
  for (int i = 0; i < 50; ++i)
    writer.add(Object{"machines", std::to_string(i), R"({"Name":"n","Params":{"a":[1]}})"});
  writer.add(Commit{9, "A", {10, 11}, {{"machines", "A", {1, 2}, 3}}});
  const std::string frame = writer.take();
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = frame;
    for (int i = 0; i < 1 + round % 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    Result<FrameReader> reader = FrameReader::open(damaged);
    while (reader) {
      Result<std::optional<Record>> record = reader->next();
      if (!record || !*record) break;
    }
  }
}

}  // namespace
}  // namespace mullion::replication
