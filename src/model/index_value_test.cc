#include "model/index_value.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "env/clock.h"
#include "model/model_testing.h"
#include "model/object.h"

namespace mullion::model {
namespace {

constexpr std::string_view kMachine =
    R"({"Name":"m1","Uuid":"u","Address":"10.0.0.2","HardwareAddrs":["aa","bb"],"Params":{"x":1,"a/b":"p \"q\"","n":null},)"
    R"("Runnable":true,"Profiles":["p1"],"Stage":"st\u00e9","Validated":true})";

std::vector<std::string> values(std::string_view prefix, std::string_view index, std::string_view body,
                                std::string_view key = "k") {
  const ObjectType& type = type_of(prefix);
  const Index* found = type.find_index(index);
  EXPECT_NE(found, nullptr) << index;
  return IndexReader(type).values(key, body)[static_cast<size_t>(found - type.indexes.data())];
}

using List = std::vector<std::string>;

TEST(IndexValues, ReadWhatIsThere) {
  EXPECT_EQ(values("machines", "Name", kMachine), List{"m1"});
  EXPECT_EQ(values("machines", "Key", kMachine, "thekey"), List{"thekey"});
  EXPECT_EQ(values("machines", "Address", kMachine), (List{std::string("\x0a\x00\x00\x02", 4)}));
  EXPECT_EQ(values("machines", "HardwareAddr", kMachine), (List{"aa", "bb"}));
  EXPECT_EQ(values("machines", "HardwareAddrs", kMachine), (List{"aa", "bb"}));
  EXPECT_EQ(values("machines", "Params", kMachine), (List{"x", "a/b", "n"}));
  EXPECT_EQ(values("machines", "Runnable", kMachine), List{"\x01"});
  EXPECT_EQ(values("machines", "Valid", kMachine), List{"\x01"});
  EXPECT_EQ(values("machines", "Stage", kMachine), List{"st\xc3\xa9"});
  EXPECT_EQ(values("bootenvs", "OsName", R"({"OS":{"Family":"x","Name":"ubuntu"}})"), List{"ubuntu"});
  EXPECT_TRUE(values("machines", "Endpoint", kMachine).empty());
}

TEST(IndexValues, MembersNamedLikeSpecialIndexesAreNoValues) {
  EXPECT_EQ(values("machines", "Key", R"({"@key":"other","@endpoint":"x"})", "thekey"), List{"thekey"});
  EXPECT_TRUE(values("machines", "Endpoint", R"({"@endpoint":"x"})").empty());
  EXPECT_TRUE(values("machines", "Params", R"({"@params":["x"]})").empty());
}

TEST(IndexValues, UnsetScalarsHaveOneValue) {
  EXPECT_EQ(values("machines", "Name", "{}"), List{""});
  EXPECT_EQ(values("machines", "Address", R"({"Address":""})"), List{""});
  EXPECT_EQ(values("machines", "Locked", "{}"), List{std::string(1, '\0')});
  EXPECT_TRUE(values("machines", "Profiles", "{}").empty());
  EXPECT_EQ(values("jobs", "StartTime", "{}").front().size(), 8u);
  EXPECT_EQ(values("machines", "Name", "not json"), List{""});
  EXPECT_EQ(values("machines", "Name", ""), List{""});
}

TEST(IndexValues, ElevatedJobsAndTasks) {
  EXPECT_EQ(values("tasks", "Elevated", R"({"ExtraRoles":["a"]})"), List{"\x01"});
  EXPECT_EQ(values("jobs", "Elevated", R"({"ExtraClaims":[{"scope":"*"}]})"), List{"\x01"});
  EXPECT_EQ(values("jobs", "Elevated", R"({"ExtraClaims":[]})"), List{std::string(1, '\0')});
}

std::string encoded(IndexKind kind, std::string_view text) {
  Index index{"I", kind, "", "I", false, false, false};
  const Result<std::string> result = encode_index_argument(index, "machines", text);
  EXPECT_TRUE(result.ok()) << text;
  return result.ok() ? *result : std::string();
}

TEST(Encodings, KeepTheOrderOfAddresses) {
  uint32_t state = 7;
  std::vector<uint32_t> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back(state = state * 1664525u + 1013904223u);
  auto dotted = [](uint32_t a) {
    return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
  };
  for (size_t i = 1; i < addresses.size(); ++i) {
    EXPECT_EQ(addresses[i - 1] < addresses[i], encoded(IndexKind::kIp, dotted(addresses[i - 1])) <
                                                   encoded(IndexKind::kIp, dotted(addresses[i])));
  }
  EXPECT_LT(encoded(IndexKind::kIp, ""), encoded(IndexKind::kIp, "0.0.0.0"));
  EXPECT_LT(encoded(IndexKind::kCidr, "10.0.0.0/8"), encoded(IndexKind::kCidr, "10.0.0.0/16"));
  EXPECT_LT(encoded(IndexKind::kCidr, "9.0.0.0/24"), encoded(IndexKind::kCidr, "10.0.0.0/8"));
}

TEST(Encodings, KeepTheOrderOfTimes) {
  const std::string_view sorted[] = {"0001-01-01T00:00:00Z",           "1969-12-31T23:59:59Z",
                                     "1970-01-01T00:00:00Z",           "2026-01-01T00:00:00Z",
                                     "2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00+00:00",
                                     "2026-01-01T00:00:01Z",           "2026-01-01T01:00:00Z"};
  for (size_t i = 1; i < std::size(sorted); ++i) {
    if (i == 5) {
      EXPECT_EQ(encoded(IndexKind::kTime, sorted[5]), encoded(IndexKind::kTime, sorted[3]));
    } else {
      EXPECT_LT(encoded(IndexKind::kTime, sorted[i - 1]), encoded(IndexKind::kTime, sorted[i])) << sorted[i];
    }
  }
  EXPECT_EQ(encoded(IndexKind::kTime, "2026-01-01T02:00:00+02:00"), encoded(IndexKind::kTime, sorted[3]));
  EXPECT_LT(encoded(IndexKind::kBoolean, "false"), encoded(IndexKind::kBoolean, "true"));
}

struct BadArgument {
  std::string_view prefix, index, text, message;
};

class ArgumentErrors : public ::testing::TestWithParam<BadArgument> {};

TEST_P(ArgumentErrors, HaveTheTextsOfTheContract) {
  const Index* index = type_of(GetParam().prefix).find_index(GetParam().index);
  ASSERT_NE(index, nullptr);
  const Result<std::string> result = encode_index_argument(*index, GetParam().prefix, GetParam().text);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kNotAcceptable);
  EXPECT_EQ(result.error().model, GetParam().prefix);
  EXPECT_EQ(result.error().messages.front(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ArgumentErrors,
    ::testing::Values(
        BadArgument{"machines", "Runnable", "fred", "Runnable must be true or false"},
        BadArgument{"machines", "Uuid", "false", "Invalid UUID: false"},
        BadArgument{"machines", "Address", "fred", "Invalid address: fred"},
        BadArgument{"subnets", "NextServer", "fred", "Invalid Address: fred"},
        BadArgument{"reservations", "Addr", "1.2.3", "Invalid Address: 1.2.3"},
        BadArgument{"leases", "Addr", "fred", "Addr must be an IP address"},
        BadArgument{"subnets", "Subnet", "false", "Invalid subnet CIDR: false"},
        BadArgument{
            "jobs", "StartTime", "fred",
            "parsing time \"fred\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"fred\" as \"2006\""},
        BadArgument{
            "leases", "ExpireTime", "fred",
            "ExpireTime is not valid: parsing time \"fred\" as \"2006-01-02T15:04:05Z07:00\": cannot parse "
            "\"fred\" as \"2006\""}));

TEST(RawText, IsAPartOfTheBody) {
  EXPECT_EQ(raw_member(kMachine, "Name"), "\"m1\"");
  EXPECT_EQ(raw_member(kMachine, "HardwareAddrs"), "[\"aa\",\"bb\"]");
  EXPECT_EQ(raw_member(kMachine, "Validated"), "true");
  EXPECT_EQ(raw_member(kMachine, "Nothing"), "");
  EXPECT_EQ(raw_member("garbage", "Name"), "");
  EXPECT_EQ(raw_param(kMachine, "x"), "1");
  EXPECT_EQ(raw_param(kMachine, "a/b"), "\"p \\\"q\\\"\"");
  EXPECT_EQ(raw_param(kMachine, "n"), "null");
  EXPECT_EQ(raw_param(kMachine, "none"), "");
  EXPECT_EQ(raw_param("{\"Params\":[]}", "x"), "");
  for (const char* name :
       {"a&b", "<tag>", "quo\"te", "back\\slash", "z\xc3\xbcrich", "tab\t", "u\xe2\x80\xa8"}) {
    const boost::json::object object{{"Params", {{"other", 1}, {name, "found"}, {"zzz", 2}}}};
    std::string text;
    append_json(text, object);
    EXPECT_EQ(raw_param(text, name), "\"found\"") << text;
    EXPECT_EQ(raw_param(text, std::string(name) + "x"), "");
  }
  const std::string body(kMachine);
  const std::string_view raw = raw_member(body, "Params");
  EXPECT_GE(raw.data(), body.data());
  EXPECT_LE(raw.data() + raw.size(), body.data() + body.size());
}

}  // namespace
}  // namespace mullion::model
