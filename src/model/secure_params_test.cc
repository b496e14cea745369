#include "model/secure_params.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::model {
namespace {

struct SealedCase {
  const char* text;
  bool sealed;
};

TEST(SealedValues, AreObjectsOfExactlyThreeStrings) {
  constexpr SealedCase kCases[] = {
      {R"({"Key":"a","Nonce":"b","Payload":"c"})", true},
      {R"({"Payload":"c","Key":"a","Nonce":"b"})", true},
      {R"({"Key":"","Nonce":"","Payload":""})", true},  // whether it can be opened is another question
      {R"({"Key":"a","Nonce":"b","Payload":"c","More":"d"})", false},
      {R"({"Key":"a","Nonce":"b"})", false},
      {R"({"Key":"a","Nonce":"b","Other":"c"})", false},
      {R"({"Key":1,"Nonce":"b","Payload":"c"})", false},
      {R"({"Key":"a","Nonce":null,"Payload":"c"})", false},
      {R"({"Key":"a","Nonce":"b","Payload":{}})", false},
      {R"({"key":"a","nonce":"b","payload":"c"})", false},
      {R"([{"Key":"a","Nonce":"b","Payload":"c"}])", false},
      {R"({"inner":{"Key":"a","Nonce":"b","Payload":"c"}})", false},
      {R"(["Key","Nonce","Payload"])", false},
      {R"("Key")", false},
      {"{}", false},
      {"null", false},
      {"3", false},
  };
  for (const SealedCase& each : kCases)
    EXPECT_EQ(is_sealed(boost::json::parse(each.text)), each.sealed) << each.text;
}

}  // namespace
}  // namespace mullion::model
