#include "model/object.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "model/model_testing.h"

namespace mullion::model {
namespace {

constexpr std::string_view kUuid = "01234567-89ab-cdef-0123-456789abcdef";

TEST(Descriptors, AreSortedAndFound) {
  std::string_view earlier;
  for (const ObjectType& type : object_types()) {
    EXPECT_LT(earlier, type.prefix);
    earlier = type.prefix;
    EXPECT_EQ(find_object_type(type.prefix), &type);
    EXPECT_NE(type.find_field(type.key_field), nullptr) << type.prefix;
    EXPECT_EQ(type.find_field("Endpoint"), nullptr);
  }
  EXPECT_EQ(object_types().size(), 27u);
  EXPECT_EQ(find_object_type("nonsense"), nullptr);
  EXPECT_EQ(find_object_type(""), nullptr);
  EXPECT_NE(find_nested_type("TemplateInfo"), nullptr);
  EXPECT_EQ(find_nested_type("Nonsense"), nullptr);
}

TEST(Descriptors, OpenApiIsJson) {
  const json::value document = json::parse(openapi_json());
  EXPECT_EQ(document.at("openapi").as_string(), "3.0.3");
}

TEST(ParseJson, GarbageNeverCrashes) {
  uint64_t state = 1;
  const std::string_view alphabet = "{}[]\",:0123456789.eE+-truefalsn\\u \xc3\xa9\x01";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text.push_back(alphabet[(state >> 33) % alphabet.size()]);
    }
    const Result<json::value> parsed = parse_json(text);
    if (!parsed.ok()) continue;
    std::string out;
    append_json(out, *parsed);
    EXPECT_TRUE(parse_json(out).ok()) << text;
  }
}

TEST(AppendJson, WritesNumbersAsPeopleDo) {
  std::string out;
  append_json(
      out,
      json::parse("{\"a\":1.5,\"b\":1,\"c\":[0.1,-3,18446744073709551615,1e+300],\"d\":\"x\\n\\u00e9\"}"));
  EXPECT_EQ(out, "{\"a\":1.5,\"b\":1,\"c\":[0.1,-3,18446744073709551615,1e+300],\"d\":\"x\\n\xc3\xa9\"}");
}

TEST(Normalise, FillsDefaults) {
  const json::object machine = normal("machines", "{\"Name\":\"john\"}");
  EXPECT_EQ(machine.at("Arch"), "amd64");
  EXPECT_EQ(machine.at("Pool"), "default");
  EXPECT_EQ(machine.at("PoolStatus"), "Free");
  EXPECT_EQ(machine.at("Runnable"), true);
  EXPECT_EQ(machine.at("WorkflowComplete"), true);
  EXPECT_EQ(machine.at("Params"), json::value(json::object()));
  EXPECT_EQ(machine.at("Tasks"), json::value(json::array()));
  EXPECT_EQ(machine.at("Fingerprint").as_object().at("CloudInstanceID"), "");
  EXPECT_FALSE(machine.contains("Endpoint"));
  EXPECT_EQ(normal("jobs", "{}").at("StartTime"), "0001-01-01T00:00:00Z");
  EXPECT_EQ(normal("subnets", "{}").at("Strategy"), "MAC");
  EXPECT_EQ(normal("subnets", "{}").at("Pickers").as_array().size(), 3u);
}

TEST(Normalise, EmptyTextsTakeTheDefaultWhereTheSchemaSaysSo) {
  const json::object machine = normal("machines", "{\"Arch\":\"\",\"Pool\":\"\",\"Name\":\"\"}");
  EXPECT_EQ(machine.at("Arch"), "amd64");
  EXPECT_EQ(machine.at("Pool"), "default");
  EXPECT_EQ(machine.at("Name"), "");
}

TEST(Normalise, DropsUnknownMembersAndEndpoint) {
  const json::object machine = normal("machines", "{\"Name\":\"a\",\"Endpoint\":\"x\",\"Colour\":\"red\"}");
  EXPECT_FALSE(machine.contains("Colour"));
  EXPECT_FALSE(machine.contains("Endpoint"));
}

TEST(Normalise, IgnoresCapitalsOfMembers) {
  const json::object machine = normal("machines", "{\"nAme\":\"john\",\"hardwareaddrs\":[\"a\"]}");
  EXPECT_EQ(machine.at("Name"), "john");
  EXPECT_EQ(machine.at("HardwareAddrs").as_array().size(), 1u);
  EXPECT_EQ(normal("machines", "{\"name\":\"other\",\"Name\":\"exact\"}").at("Name"), "exact");
}

TEST(Normalise, KeepsReadOnlyFieldsOfBefore) {
  json::object before = normal("machines", "{\"Name\":\"a\"}");
  before["PoolAllocated"] = true;
  before["Bundle"] = "pack";
  const json::object after = normal(
      "machines", "{\"Name\":\"b\",\"PoolAllocated\":false,\"Bundle\":\"x\",\"ReadOnly\":true}", &before);
  EXPECT_EQ(after.at("Name"), "b");
  EXPECT_EQ(after.at("PoolAllocated"), true);
  EXPECT_EQ(after.at("Bundle"), "pack");
  EXPECT_EQ(after.at("ReadOnly"), false);
  EXPECT_EQ(normal("machines", "{\"PoolAllocated\":true,\"Bundle\":\"x\"}").at("Bundle"), "");
}

struct WrongKind {
  std::string_view prefix, text, message;
};

class NormaliseRefuses : public ::testing::TestWithParam<WrongKind> {};

TEST_P(NormaliseRefuses, WithFieldAndReason) {
  const Result<json::object> object =
      normalise(type_of(GetParam().prefix), json::parse(GetParam().text), nullptr);
  ASSERT_FALSE(object.ok());
  EXPECT_EQ(object.error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(object.error().messages.front(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, NormaliseRefuses,
    ::testing::Values(
        WrongKind{"machines", "{\"Name\":5}", "Field Name: expected string, got number"},
        WrongKind{"machines", "{\"Runnable\":\"yes\"}", "Field Runnable: expected boolean, got string"},
        WrongKind{"machines", "{\"CurrentTask\":1.5}", "Field CurrentTask: expected integer, got number"},
        WrongKind{"machines", "{\"Profiles\":{}}", "Field Profiles: expected array, got object"},
        WrongKind{"machines", "{\"Profiles\":[\"a\",1]}", "Field Profiles[1]: expected string, got number"},
        WrongKind{"machines", "{\"Params\":[]}", "Field Params: expected object, got array"},
        WrongKind{"machines", "{\"Meta\":{\"a\":1}}", "Field Meta.a: expected string, got number"},
        WrongKind{"machines", "{\"Address\":\"fred\"}",
                  "Field Address: expected an IPv4 address, got `fred`"},
        WrongKind{"machines", "{\"Uuid\":\"fred\"}", "Field Uuid: expected a UUID, got `fred`"},
        WrongKind{"jobs", "{\"StartTime\":\"now\"}", "Field StartTime: expected an RFC 3339 time, got `now`"},
        WrongKind{"tasks", "{\"Templates\":[{\"Name\":1}]}",
                  "Field Templates[0].Name: expected string, got number"},
        WrongKind{"tenants", "{\"Members\":{\"machines\":{}}}",
                  "Field Members.machines: expected array, got object"},
        WrongKind{"machines", "[]", "expected an object of machines, got array"}));

TEST(Normalise, NullMeansUnset) {
  const json::object machine =
      normal("machines", "{\"Profiles\":null,\"Name\":null,\"Params\":{\"a\":null}}");
  EXPECT_EQ(machine.at("Profiles"), json::value(json::array()));
  EXPECT_EQ(machine.at("Name"), "");
  EXPECT_TRUE(machine.at("Params").as_object().at("a").is_null());
}

TEST(Normalise, AcceptsTenantMembers) {
  const json::object tenant = normal("tenants", "{\"Name\":\"t1\",\"Members\":{\"machines\":[\"a\"]}}");
  EXPECT_EQ(tenant.at("Members").as_object().at("machines").as_array().size(), 1u);
}

TEST(Normalise, IsIdempotent) {
  for (const ObjectType& type : object_types()) {
    const Result<json::object> once = normalise(type, json::object(), nullptr);
    ASSERT_TRUE(once.ok()) << type.prefix;
    const Result<json::object> twice = normalise(type, *once, nullptr);
    ASSERT_TRUE(twice.ok()) << type.prefix;
    EXPECT_EQ(canonical_body(type, *once), canonical_body(type, *twice)) << type.prefix;
  }
}

TEST(CanonicalBody, DoesNotDependOnTheOrderOfMembers) {
  const json::object a = normal(
      "machines", "{\"Name\":\"a\",\"Params\":{\"x\":1,\"y\":2.5},\"Meta\":{\"b\":\"1\",\"a\":\"2\"}}");
  const json::object b = normal(
      "machines", "{\"Meta\":{\"a\":\"2\",\"b\":\"1\"},\"Params\":{\"y\":2.5,\"x\":1},\"name\":\"a\"}");
  EXPECT_EQ(canonical_body(type_of("machines"), a), canonical_body(type_of("machines"), b));
}

TEST(CanonicalBody, LeavesOutEmptyFieldsWhereTheContractDoes) {
  EXPECT_EQ(canonical_body(type_of("pools"), normal("pools", "{\"Id\":\"p1\",\"Description\":\"\"}"))
                .find("Description"),
            std::string::npos);
  EXPECT_NE(canonical_body(type_of("machines"), normal("machines", "{}")).find("\"Description\":\"\""),
            std::string::npos);
}

TEST(CanonicalBody, IntegersHaveNoFraction) {
  const std::string body = canonical_body(type_of("machines"), normal("machines", "{\"CurrentTask\":3.0}"));
  EXPECT_NE(body.find("\"CurrentTask\":3,"), std::string::npos);
}

TEST(CanonicalBody, NeverHoldsSecrets) {
  const json::object user = normal("users", "{\"Name\":\"u1\",\"PasswordHash\":\"aaaa\",\"Secret\":\"bb\"}");
  const std::string body = canonical_body(type_of("users"), user);
  EXPECT_EQ(body.find("aaaa"), std::string::npos);
  EXPECT_EQ(body.find("bb"), std::string::npos);
  EXPECT_EQ(body.find("PasswordHash"), std::string::npos);
  EXPECT_NE(body.find("\"Secret\":\"\""), std::string::npos);
}

TEST(TakeSecrets, TakesWhatIsSet) {
  json::object user = json::parse("{\"Name\":\"u1\",\"PasswordHash\":\"aa\",\"Secret\":\"\"}").as_object();
  const json::object secrets = take_secrets(type_of("users"), user);
  EXPECT_EQ(secrets, (json::object{{"PasswordHash", "aa"}}));
  EXPECT_EQ(user.at("PasswordHash"), "");
}

TEST(Keys, AreCanonical) {
  EXPECT_EQ(canonical_key(type_of("leases"), "192.168.100.100"), "C0A86464");
  EXPECT_EQ(canonical_key(type_of("leases"), "c0a86464"), "C0A86464");
  EXPECT_EQ(canonical_key(type_of("machines"), "ABCDEF67-89AB-CDEF-0123-456789ABCDEF"),
            "abcdef67-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(canonical_key(type_of("profiles"), "MiXed"), "MiXed");
  EXPECT_EQ(object_key(type_of("reservations"), normal("reservations", "{\"Addr\":\"10.0.0.1\"}")),
            "0A000001");
  EXPECT_EQ(object_key(type_of("machines"), normal("machines", fmt::format("{{\"Uuid\":\"{}\"}}", kUuid))),
            kUuid);
  EXPECT_EQ(object_key(type_of("machines"), normal("machines", "{}")), "");
}

TEST(AppendWithEndpoint, Splices) {
  std::string out;
  append_with_endpoint(out, "{\"Name\":\"a\"}", "site\"1");
  EXPECT_EQ(out, "{\"Endpoint\":\"site\\\"1\",\"Name\":\"a\"}");
  out.clear();
  append_with_endpoint(out, "{}", "");
  EXPECT_EQ(out, "{\"Endpoint\":\"\"}");
}

TEST(Json, NumbersKeepTheirBytesOverManyReadings) {
  for (const char* text :
       {"1000000000000000000000000000000016.0", "1000000000300000000000000000000016.0",
        "90070770000000003685472233202018427389041842738904.0", "0.1", "123456.789e300", "5e-324",
        "2.2250738585072011e-308", "9007199254740993.5", "0.30000000000000004"}) {
    std::string first, second;
    append_json(first, *parse_json(text));
    append_json(second, *parse_json(first));
    EXPECT_EQ(first, second) << text;
  }
}

}  // namespace
}  // namespace mullion::model
