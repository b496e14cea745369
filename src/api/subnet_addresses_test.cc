// Addresses that the server chooses: which one, for whom, and with whose rights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;

constexpr const char* kAddressed = "11111111-2222-4333-8444-555555555555";

class SubnetAddresses : public ::testing::Test {
 protected:
  Fixture fixture;

  SubnetAddresses() { fixture.put_first_stage(); }
  void create(const std::string& collection, const std::string& body) {
    const Answer made = fixture.call("POST", "/api/v3/" + collection, body);
    ASSERT_EQ(made.status, 201) << made.body;
  }
  /// 10.1.2.0/29 leaves .1 to .6, of which .1 is the router's.
  void create_subnet(const std::string& more = "") {
    create("subnets", R"({"Name":"net","Subnet":"10.1.2.0/29","OnlyReservations":true,
                          "Options":[{"Code":3,"Value":"10.1.2.1"}])" +
                          more + "}");
  }
  void create_machine() {
    create("machines", fmt::format(R"({{"Uuid":"{}","Name":"here","Address":"10.1.2.3"}})", kAddressed));
  }
  Answer allocate(const std::string& body = "", const std::string& user = "root") {
    return fixture.call("POST", "/api/v3/subnets/net/allocate", body, user);
  }
  std::string address(const std::string& body = "") {
    const Answer answer = allocate(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.status == 200 ? std::string(answer.json().at("Addr").as_string()) : answer.message();
  }
  Answer release(const std::string& address, const std::string& user = "root") {
    return fixture.call("DELETE", "/api/v3/subnets/net/release/" + address, "", user);
  }
  int status(const std::string& path) { return fixture.call("GET", "/api/v3/" + path).status; }
};

TEST_F(SubnetAddresses, AFreeOneIsReserved) {
  create_subnet();
  const Answer first = allocate();
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.json().at("Addr"), "10.1.2.2") << "the first is the router's";
  EXPECT_EQ(first.json().at("Allocated"), true);
  EXPECT_EQ(first.json().at("Scoped"), true);
  EXPECT_EQ(first.json().at("Subnet"), "net");
  EXPECT_EQ(first.json().at("Strategy"), "MAC");
  EXPECT_EQ(first.json().at("Token"), "10.1.2.2") << "of no device";
  EXPECT_NE(first.header("X-Mullion-Commit"), "");
  EXPECT_EQ(status("reservations/10.1.2.2"), 200);
  const Answer device = allocate(R"({"Token":"52:54:00:00:00:01","Description":"kept"})");
  EXPECT_EQ(device.json().at("Addr"), "10.1.2.3");
  EXPECT_EQ(device.json().at("Token"), "52:54:00:00:00:01");
  EXPECT_EQ(device.json().at("Description"), "kept") << "nothing that was said is dropped";
  EXPECT_EQ(allocate(R"({"Token":"52:54:00:00:00:01"})").status, 422) << "it has one already";
}

TEST_F(SubnetAddresses, OthersReservationsLeasesAndMachinesAreLeftAlone) {
  create_subnet();
  create_machine();  // .3
  create("reservations", R"({"Addr":"10.1.2.2","Token":"a","Strategy":"MAC"})");
  create("leases", R"({"Addr":"10.1.2.4","Token":"b","Strategy":"MAC","ExpireTime":"2999-01-02T03:04:05Z"})");
  create("leases", R"({"Addr":"10.1.2.5","Token":"c","Strategy":"MAC","ExpireTime":"1999-01-02T03:04:05Z"})");
  EXPECT_EQ(address(), "10.1.2.5") << "its lease is over";
  EXPECT_EQ(address(), "10.1.2.6");
  const Answer full = allocate();
  EXPECT_EQ(full.status, 409);
  EXPECT_EQ(full.message(), "Subnet net has no free address");
  EXPECT_EQ(full.json().at("Model"), "subnets");
  EXPECT_EQ(full.json().at("Key"), "net");
  EXPECT_EQ(release("10.1.2.6").status, 200);
  EXPECT_EQ(address(), "10.1.2.6");
}

TEST_F(SubnetAddresses, TheRangeIsTheSubnets) {
  create_subnet(R"(,"AllocateStart":"10.1.2.5","AllocateEnd":"10.1.2.5")");
  EXPECT_EQ(address(), "10.1.2.5");
  EXPECT_EQ(allocate().status, 409);
  EXPECT_EQ(address(R"({"Addr":"10.1.2.2"})"), "10.1.2.2") << "who names one may go beyond";
}

TEST_F(SubnetAddresses, ANamedOneIsThatOne) {
  create_subnet();
  EXPECT_EQ(address(R"({"Addr":"10.1.2.6"})"), "10.1.2.6");
  EXPECT_EQ(allocate(R"({"Addr":"10.1.2.6"})").status, 409);
  create("leases", R"({"Addr":"10.1.2.4","Token":"b","Strategy":"MAC","ExpireTime":"2999-01-02T03:04:05Z"})");
  EXPECT_EQ(allocate(R"({"Addr":"10.1.2.4"})").message(), "Address 10.1.2.4 is leased to another device");
  EXPECT_EQ(address(R"({"Addr":"10.1.2.4","Token":"b"})"), "10.1.2.4");
  const std::pair<const char*, int> bad[] = {{R"({"Addr":"10.1.3.1"})", 422},
                                             {R"({"Addr":"10.1.2.0"})", 422},
                                             {R"({"Addr":"fred"})", 422},
                                             {R"({"Addr":7})", 400},
                                             {"[]", 400},
                                             {R"({"Parameter":"a"})", 422}};
  for (const auto& [body, wanted] : bad) EXPECT_EQ(allocate(body).status, wanted) << body;
  EXPECT_EQ(fixture.call("POST", "/api/v3/subnets/none/allocate", "").status, 404);
}

TEST_F(SubnetAddresses, AMachinesParameterBecomesTheAddress) {
  create_subnet();
  create_machine();
  const std::string param = fmt::format("/api/v3/machines/{}/params/net/vip", kAddressed);
  EXPECT_EQ(allocate(R"({"Machine":"Name:nobody"})").message(), "Machine Name:nobody does not exist");
  const Answer made = allocate(R"({"Machine":"Name:here","Parameter":"net/vip"})");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.json().at("Machine"), kAddressed);
  EXPECT_EQ(fixture.call("GET", param).json(), "10.1.2.2");
  EXPECT_EQ(release("10.1.2.2").json().at("Addr"), "10.1.2.2");
  EXPECT_EQ(fixture.call("GET", param).body, "null");
  ASSERT_EQ(allocate(R"({"Machine":"Name:here","Parameter":"net/vip"})").status, 200);
  fixture.call("POST", param, R"("mine")");
  EXPECT_EQ(release("10.1.2.2").status, 200);
  EXPECT_EQ(fixture.call("GET", param).json(), "mine") << "it was something else meanwhile";
}

TEST_F(SubnetAddresses, AParameterThatDoesNotTakeItLeavesNothing) {
  create_subnet();
  create_machine();
  create("params", R"({"Name":"net/number","Schema":{"type":"integer"}})");
  const Answer refused = allocate(fmt::format(R"({{"Machine":"{}","Parameter":"net/number"}})", kAddressed));
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(status("reservations/10.1.2.2"), 404);
}

TEST_F(SubnetAddresses, OnlyWhatWasAllocatedIsReleased) {
  create_subnet();
  create("subnets", R"({"Name":"other","Subnet":"10.9.0.0/24","OnlyReservations":true})");
  create("reservations", R"({"Addr":"10.1.2.2","Token":"a","Strategy":"MAC"})");
  EXPECT_EQ(release("10.1.2.2").message(),
            "Address 10.1.2.2 was reserved, not allocated: delete the reservation");
  EXPECT_EQ(release("10.1.2.2").status, 409);
  EXPECT_EQ(release("10.1.2.3").status, 404);
  EXPECT_EQ(release("10.1.2.3").message(), "Address 10.1.2.3 is not reserved");
  EXPECT_EQ(release("fred").status, 422);
  ASSERT_EQ(fixture.call("POST", "/api/v3/subnets/other/allocate", "").status, 200);
  EXPECT_EQ(release("10.9.0.1").status, 404) << "of another subnet";
  EXPECT_EQ(status("reservations/10.9.0.1"), 200);
}

TEST_F(SubnetAddresses, NobodyGainsRightsByIt) {
  create_subnet();
  create_machine();
  auto& users = fixture.authenticator.users;
  users["subnets"] = {{"subnets", "get,update", "*"}};
  users["clerk"] = {{"subnets", "get,update", "*"}, {"reservations", "*", "*"}};
  users["maker"] = {
      {"subnets", "get,update", "*"}, {"reservations", "create", "*"}, {"machines", "get", "*"}};
  users["reader"] = {{"subnets", "get", "*"}, {"reservations", "*", "*"}};
  EXPECT_EQ(allocate("", "subnets").status, 403) << "no reservations";
  EXPECT_EQ(allocate("", "reader").status, 403);
  EXPECT_EQ(allocate("", "clerk").status, 200);
  const std::string body = fmt::format(R"({{"Machine":"{}","Parameter":"net/vip"}})", kAddressed);
  EXPECT_EQ(allocate(body, "clerk").message(), fmt::format("Machine {} does not exist", kAddressed))
      << "hidden from them";
  EXPECT_EQ(release("10.1.2.2", "subnets").status, 404) << "hidden from them";
  EXPECT_EQ(release("10.1.2.2", "reader").status, 403);
  const Answer half = allocate(body, "maker");
  EXPECT_EQ(half.status, 409);
  EXPECT_THAT(half.body, ::testing::HasSubstr("stays reserved")) << "they may not take it back";
  EXPECT_EQ(release("10.1.2.2", "clerk").status, 200);
}

}  // namespace
}  // namespace mullion::api
