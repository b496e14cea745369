#include "api/internal/whoami_score.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::api {
namespace {

namespace json = boost::json;

struct Case {
  const char* what;
  const char* machine;
  const char* asked;
  int score;
};

constexpr Case kCases[] = {
    {"nothing known", "{}", "{}", 0},
    {"empty on the machine never counts", R"({"Uuid":"","Fingerprint":{"SSNHash":"","MemoryIds":[]}})",
     R"({"OnDiskUUID":"","Fingerprint":{"SSNHash":"","MemoryIds":[]}})", 0},
    {"chassis, system and memory together",
     R"({"Fingerprint":{"SSNHash":"a","CSNHash":"b","SystemUUID":"c"}})",
     R"({"Fingerprint":{"SSNHash":"a","CSNHash":"b","SystemUUID":"c"}})", 100},
    {"below 100 is nothing", R"({"Fingerprint":{"SSNHash":"a","SystemUUID":"c"}})",
     R"({"Fingerprint":{"SSNHash":"a","SystemUUID":"c"}})", 0},
    {"a cloud instance", R"({"Fingerprint":{"CloudInstanceID":"i-1"}})",
     R"({"Fingerprint":{"CloudInstanceID":"i-1"}})", 500},
    {"another cloud instance", R"({"Fingerprint":{"CloudInstanceID":"i-1"}})",
     R"({"Fingerprint":{"CloudInstanceID":"i-2"}})", 0},
    {"all addresses", R"({"HardwareAddrs":["AA:BB","cc:dd"]})", R"({"MacAddrs":["cc:dd","aa:bb","ee:ff"]})",
     100},
    {"half of the addresses is not enough", R"({"HardwareAddrs":["aa","bb"]})", R"({"MacAddrs":["aa"]})", 0},
    {"a third of memory and all addresses",
     R"({"HardwareAddrs":["aa"],"Fingerprint":{"MemoryIds":["1","2","3"]}})",
     R"({"MacAddrs":["aa"],"Fingerprint":{"MemoryIds":["3"]}})", 133},
    {"repeated entries count once", R"({"HardwareAddrs":["aa","aa","bb"]})", R"({"MacAddrs":["aa","AA"]})",
     0},
    {"the UUID on disk", R"({"Uuid":"11111111-2222-4333-8444-555555555555"})",
     R"({"OnDiskUUID":"11111111-2222-4333-8444-555555555555"})", 1000},
    {"everything",
     R"({"Uuid":"u","HardwareAddrs":["aa"],"Fingerprint":{"SSNHash":"a","CSNHash":"b","SystemUUID":"c","CloudInstanceID":"d","MemoryIds":["1"]}})",
     R"({"OnDiskUUID":"u","MacAddrs":["aa"],"Fingerprint":{"SSNHash":"a","CSNHash":"b","SystemUUID":"c","CloudInstanceID":"d","MemoryIds":["1"]}})",
     1800},
    {"wrong kinds are nothing", R"({"HardwareAddrs":["aa"],"Fingerprint":[]})",
     R"({"MacAddrs":{},"Fingerprint":7})", 0},
};

TEST(WhoamiScore, Table) {
  for (const Case& one : kCases) {
    EXPECT_EQ(whoami_score(json::parse(one.machine).as_object(), json::parse(one.asked).as_object()),
              one.score)
        << one.what;
  }
}

}  // namespace
}  // namespace mullion::api
