#include "base/json.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/error_object.h"

namespace mullion {
namespace {

namespace json = boost::json;

TEST(ParseJson, RefusesWhatIsNotOneValue) {
  for (std::string_view text : {"", " ", "{", "{}x", "{} {}", "[1,]", "nul", "\"\xff\"", "'a'", "{\"a\" 1}",
                                "\"\\ud800\"", "01", "[1 2]"}) {
    const Result<json::value> parsed = parse_json(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadRequest);
    EXPECT_NE(parsed.error().messages.front().find("byte"), std::string::npos);
  }
  for (std::string_view text : {"1e999", "{\"a\":1e999}", "[[-1e999]]"}) {
    const Result<json::value> parsed = parse_json(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadRequest);
    EXPECT_NE(parsed.error().messages.front().find("number out of range"), std::string::npos);
  }
  EXPECT_TRUE(parse_json("[1e300,-1e-999]").ok());
  EXPECT_TRUE(parse_json(" {\"a\":[1,2.5,null,true]} \n").ok());
  EXPECT_TRUE(parse_json("null").ok());
}

TEST(ParseJson, LimitsNesting) {
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).ok());
  EXPECT_TRUE(parse_json("[[1]]", 2).ok());
  EXPECT_FALSE(parse_json("[[[1]]]", 2).ok());
}

TEST(ParseJson, SaysWhatIsNoObject) {
  EXPECT_TRUE(parse_json_object("{}").ok());
  for (const std::string_view text : {"", "[]", "null", "{", "1"})
    EXPECT_EQ(parse_json_object(text).error().code, ErrorCode::kBadRequest) << text;
  EXPECT_THROW(own_json("{"), std::logic_error);
}

TEST(ReadJson, WhatThrowsIsCorrupt) {
  const auto number = [](const json::object& object) { return object.at("n").to_number<int>(); };
  EXPECT_EQ(read_json(R"({"n":7})", "the note", number).value(), 7);
  for (const std::string_view text : {"", "[]", "{", "{}", R"({"n":"7"})", R"({"n":1e99})"}) {
    const Result<int> read = read_json(text, "the note", number);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(read.error().messages.front().starts_with("the note cannot be read: ")) << text;
  }
  const auto refusing = [](const json::object&) -> Result<int> { return Error(ErrorCode::kInvalid, "no"); };
  EXPECT_EQ(read_json("{}", "the note", refusing).error().code, ErrorCode::kInvalid);
}

TEST(ErrorObject, IsReadAsItWasWritten) {
  Error error(ErrorCode::kConflict, "ValidationError", "profiles", "p", {"one", "two"});
  error.field = "Params.x";
  const json::object object = error_object(error);
  EXPECT_EQ(json::serialize(object), R"({"Model":"profiles","Key":"p","Type":"ValidationError",)"
                                     R"("Messages":["one","two"],"Code":409,"Field":"Params.x"})");
  const std::optional<Error> read = read_error_object(json::serialize(object));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->text(), error.text());
  EXPECT_EQ(read->status_override, 409);
}

TEST(ErrorObject, RepeatsNoMoreThanItsBound) {
  const std::string megabyte(size_t{1} << 20, 'x');
  std::string umlauts = "x";
  while (umlauts.size() < (size_t{256} << 10)) umlauts += "ü";
  Error error(ErrorCode::kInvalid, megabyte, megabyte, megabyte, {umlauts});
  error.messages.insert(error.messages.end(), 1000, megabyte);
  const json::object object = error_object(error);
  EXPECT_LT(json::serialize(object).size(), size_t{1500} << 10);
  const std::string_view first = object.at("Messages").at(0).get_string();
  EXPECT_TRUE(first.ends_with("ü...")) << "cut between characters";
  EXPECT_EQ(object.at("Messages").as_array().back().as_string(), "and 997 more");
  error.messages = {std::string(size_t{64} << 10, 'x')};
  EXPECT_EQ(error_object(error).at("Messages").at(0).as_string().size(), size_t{64} << 10) << "this is whole";
}

TEST(ErrorObject, HoldsUtf8WhateverWasSent) {
  EXPECT_EQ(error_object(Error(ErrorCode::kInvalid, "no \xff")).at("Messages").at(0).as_string(), "no \\xff");
}

TEST(ErrorObject, IsAbsentWithoutMessages) {
  struct Case {
    std::string_view text;
    bool there;
    int status;
    size_t messages;
  };
  const Case cases[] = {{"", false, 0, 0},
                        {"[]", false, 0, 0},
                        {"{}", false, 0, 0},
                        {R"({"Code":404})", false, 0, 0},
                        {R"({"Messages":[]})", true, 0, 0},
                        {R"({"Messages":"none"})", true, 0, 0},
                        {R"({"Messages":["a",1],"Code":404})", true, 404, 2},
                        {R"({"Messages":["a"],"Code":200})", true, 0, 1},
                        {R"({"Messages":["a"],"Code":"404","Model":7})", true, 0, 1}};
  for (const Case& row : cases) {
    const std::optional<Error> read = read_error_object(row.text);
    ASSERT_EQ(read.has_value(), row.there) << row.text;
    if (!read) continue;
    EXPECT_EQ(read->status_override, row.status) << row.text;
    EXPECT_EQ(read->messages.size(), row.messages) << row.text;
  }
}

}  // namespace
}  // namespace mullion
