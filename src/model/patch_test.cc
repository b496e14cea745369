#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "model/model_testing.h"

namespace mullion::model {
namespace {

Result<json::value> patched(std::string_view document, std::string_view patch) {
  return apply_patch(json::parse(document), json::parse(patch));
}

void expect_patched(std::string_view document, std::string_view patch, std::string_view expected) {
  const Result<json::value> result = patched(document, patch);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(*result, json::parse(expected));
}

TEST(Patch, DoesTheSixOperations) {
  expect_patched("{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[2]}]", "{\"a\":1,\"b\":[2]}");
  expect_patched("{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}");
  expect_patched("{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}");
  expect_patched("{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2}");
  expect_patched("{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{}}]", "{\"a\":{}}");
  expect_patched("{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}");
  expect_patched("{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":1}");
  expect_patched("{\"a\":1.0}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1.0}");
  expect_patched("{\"a/b\":{\"c~d\":1}}", "[{\"op\":\"replace\",\"path\":\"/a~1b/c~0d\",\"value\":2}]",
                 "{\"a/b\":{\"c~d\":2}}");
  expect_patched("{\"a\":1}", "[]", "{\"a\":1}");
  expect_patched("{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1}}]", "{\"a\":1}");
}

TEST(Patch, NothingMovesIntoItself) {
  for (const auto& [document, from, path] :
       {std::tuple("[[1],2]", "/0", "/0/x"), std::tuple("[[1],2]", "/0", "/0/0"),
        std::tuple("[[1],2]", "", "/0"), std::tuple(R"({"a":{"b":1}})", "/a", "/a/b"),
        std::tuple(R"({"a":{"b":1}})", "/a", "/a/b/c")}) {
    const std::string patch = fmt::format(R"([{{"op":"move","from":"{}","path":"{}"}}])", from, path);
    const Result<json::value> result = patched(document, patch);
    ASSERT_FALSE(result.ok()) << patch;
    EXPECT_NE(result.error().text().find("cannot move a value into itself"), std::string::npos)
        << result.error().text();
  }
  expect_patched("[[1],2]", R"([{"op":"move","from":"/0","path":"/1"}])", "[2,[1]]");
  expect_patched(R"({"a":1,"ab":{}})", R"([{"op":"move","from":"/a","path":"/ab/c"}])", R"({"ab":{"c":1}})");
}

TEST(Patch, FailedTestHasTheShapeOfTheContract) {
  const Result<json::value> result =
      patched("{\"Name\":\"a\"}",
              "[{\"op\":\"test\",\"path\":\"/Name\",\"from\":\"\",\"value\":\"a\"},"
              "{\"value\":{\"x\":[1]},\"path\":\"/Name\",\"op\":\"test\"}]");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kConflict);
  ASSERT_EQ(result.error().messages.size(), 2u);
  EXPECT_EQ(result.error().messages[0], "Patch error at line 1: Test op failed.");
  EXPECT_EQ(result.error().messages[1],
            "Patch: [\n"
            "  {\n    \"op\": \"test\",\n    \"path\": \"/Name\",\n    \"from\": \"\",\n    \"value\": "
            "\"a\"\n  },\n"
            "  {\n    \"op\": \"test\",\n    \"path\": \"/Name\",\n    \"from\": \"\",\n    \"value\": {\n"
            "      \"x\": [\n        1\n      ]\n    }\n  }\n]");
}

TEST(Patch, MissingPathIsAConflict) {
  for (std::string_view operation :
       {"{\"op\":\"remove\",\"path\":\"/foo\"}", "{\"op\":\"replace\",\"path\":\"/foo\",\"value\":1}",
        "{\"op\":\"add\",\"path\":\"/foo/bar\",\"value\":1}",
        "{\"op\":\"test\",\"path\":\"/foo\",\"value\":1}",
        "{\"op\":\"copy\",\"from\":\"/foo\",\"path\":\"/a\"}",
        "{\"op\":\"move\",\"from\":\"/foo\",\"path\":\"/a\"}",
        "{\"op\":\"add\",\"path\":\"/list/5\",\"value\":1}",
        "{\"op\":\"add\",\"path\":\"/list/01\",\"value\":1}", "{\"op\":\"remove\",\"path\":\"/list/-\"}",
        "{\"op\":\"remove\",\"path\":\"/list/99999999999999999999\"}"}) {
    const Result<json::value> result = patched("{\"a\":1,\"list\":[1]}", fmt::format("[{}]", operation));
    ASSERT_FALSE(result.ok()) << operation;
    EXPECT_EQ(result.error().code, ErrorCode::kConflict) << operation;
    EXPECT_TRUE(result.error().messages[0].starts_with("Patch error at line 0: "));
  }
}

TEST(Patch, UndecodableIsNotAcceptable) {
  for (std::string_view patch :
       {"{}", "5", "[5]", "[{}]", "[{\"op\":\"fly\",\"path\":\"/a\"}]", "[{\"op\":\"add\",\"value\":1}]",
        "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", "[{\"op\":\"add\",\"path\":\"/a~2\",\"value\":1}]",
        "[{\"op\":\"copy\",\"path\":\"/a\",\"from\":\"x\"}]"}) {
    const Result<json::value> result = patched("{\"a\":1}", patch);
    ASSERT_FALSE(result.ok()) << patch;
    EXPECT_EQ(result.error().code, ErrorCode::kNotAcceptable) << patch;
  }
}

TEST(Patch, IsAllOrNothing) {
  const json::value document = json::parse("{\"a\":1}");
  const Result<json::value> result = apply_patch(
      document,
      json::parse("[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]"));
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(document, json::parse("{\"a\":1}"));
}

TEST(Patch, CopiesCannotExplode) {
  json::array patch;
  for (int i = 0; i < 100; ++i) {
    patch.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/a/" + std::to_string(i)}});
  }
  EXPECT_FALSE(apply_patch(json::parse("{\"a\":{}}"), patch).ok());
  json::array wide;
  for (int i = 0; i < 100; ++i) {
    wide.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/b"}});
    wide.push_back({{"op", "add"}, {"path", "/a/-"}, {"value", json::array(5000, json::value(1))}});
  }
  EXPECT_FALSE(apply_patch(json::parse("{\"a\":[]}"), wide).ok());
}

json::value operation(std::string_view name, std::string_view from, std::string_view path) {
  return {{"op", name}, {"from", from}, {"path", path}};
}

/// 300 MB from a request of one: the number of values says nothing about their size.
TEST(Patch, CountsBytes) {
  json::array patch{{{"op", "add"}, {"path", "/text"}, {"value", std::string(1'000'000, 'x')}}};
  for (int i = 0; i < 300; ++i) patch.push_back(operation("copy", "/text", fmt::format("/copy-{}", i)));
  const Result<json::value> result = apply_patch(json::object(), patch);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(result.error().messages[0], "Patch error at line 67: the result is larger than 67108864 bytes");
}

TEST(Patch, LimitsCountWhatIsThereInTheEnd) {
  const std::string text(1'000, 'x');
  const json::value document{{"a", text}, {"list", {text}}};
  const PatchLimits limits{.bytes = 4'000, .depth = 128};
  const auto fits = [&](const json::array& patch) {
    Budget budget(kPatchSteps);
    return apply_patch(document, patch, budget, limits).ok();
  };
  json::array turns;
  for (int i = 0; i < 50; ++i) {
    turns.push_back(operation("copy", "/a", "/b"));
    turns.push_back(operation("move", "/b", "/list/0"));
    turns.push_back({{"op", "replace"}, {"path", "/list/0"}, {"value", text}});
    turns.push_back({{"op", "remove"}, {"path", "/list/0"}});
  }
  EXPECT_TRUE(fits(turns));
  EXPECT_FALSE(fits({operation("copy", "/a", "/b"), operation("copy", "/a", "/c")}));
  EXPECT_FALSE(fits({operation("copy", "/list", "/list/-"), operation("copy", "/list", "/list/-")}));
  EXPECT_FALSE(fits({{{"op", "replace"}, {"path", "/a"}, {"value", std::string(4'000, 'x')}}}));
  EXPECT_FALSE(fits({{{"op", "replace"}, {"path", ""}, {"value", std::string(4'000, 'x')}}}));
}

TEST(Patch, WhatIsTooLargeMayBecomeSmaller) {
  const json::value document{{"a", std::string(1'000, 'x')}, {"b", std::string(1'000, 'x')}};
  const PatchLimits limits{.bytes = 1'200, .depth = 128};
  Budget budget(kPatchSteps);
  EXPECT_TRUE(apply_patch(document, json::array{{{"op", "replace"}, {"path", "/a"}, {"value", "y"}}}, budget,
                          limits));
  EXPECT_FALSE(
      apply_patch(document, json::array{{{"op", "add"}, {"path", "/c"}, {"value", "y"}}}, budget, limits));
}

/// Each of these takes time in proportion to operations times size.
TEST(Patch, WorkIsBounded) {
  const json::value document{{"list", json::array(200'000, json::value(1))}};
  json::array shifts, moves, replaced;
  for (int i = 0; i < 5'000; ++i) {
    shifts.push_back({{"op", "add"}, {"path", "/list/0"}, {"value", 1}});
    moves.push_back(operation("move", i % 2 == 0 ? "/list" : "/other", i % 2 == 0 ? "/other" : "/list"));
    replaced.push_back({{"op", "remove"}, {"path", "/list/0"}});
  }
  for (const json::array& patch : {shifts, moves, replaced}) {
    Budget budget(kPatchSteps);
    const Result<json::value> result = apply_patch(document, patch, budget);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
    EXPECT_NE(result.error().messages[0].find(": the patch takes more than 20000000 steps"),
              std::string::npos);
  }
}

TEST(Patch, ErrorsRepeatNoMoreThanTheyCanShow) {
  json::value deep = json::array(100'000, json::value(0));
  for (int i = 0; i < 60; ++i) deep = json::array{std::move(deep)};
  const json::array patch{{{"op", "test"}, {"path", "/a"}, {"value", deep}}};
  const Result<json::value> result = apply_patch(json::object(), patch);
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.error().messages[1].starts_with("Patch: ["));
  EXPECT_TRUE(result.error().messages[1].ends_with("..."));
  EXPECT_LT(result.error().messages[1].size(), 70'000u);
}

/// A part takes more memory than the slash that begins it.
TEST(Patch, PointersHaveSoManyParts) {
  const std::string longest(1000, '/');
  for (const char* operation : {"test", "remove", "add", "replace"}) {
    const auto refusal = [&](const std::string& path) {
      return patched("{}", fmt::format(R"([{{"op":"{}","path":"{}","value":1}}])", operation, path)).error();
    };
    EXPECT_EQ(refusal(longest).code, ErrorCode::kConflict) << "leads nowhere";
    EXPECT_EQ(refusal(longest + "/").code, ErrorCode::kNotAcceptable);
    EXPECT_NE(refusal(longest + "/").text().find("of at most 1000 parts"), std::string::npos);
  }
  const Result<json::value> moved =
      patched("{}", fmt::format(R"([{{"op":"move","from":"{}/","path":"/a"}}])", longest));
  EXPECT_EQ(moved.error().code, ErrorCode::kNotAcceptable);
}

TEST(Patch, NestingIsLimited) {
  json::array patch;
  std::string path;
  for (int i = 0; i < 500; ++i) {
    path += "/a";
    patch.push_back({{"op", "add"}, {"path", path}, {"value", json::object()}});
  }
  EXPECT_FALSE(apply_patch(json::object(), patch).ok());
}

TEST(Patch, NullStandsForAMemberThatIsNotThere) {
  const auto test = [](std::string_view path, std::string_view value) {
    return fmt::format(R"([{{"op":"test","path":"{}","value":{}}}])", path, value);
  };
  const std::string document = R"({"a":null,"b":1,"c":[1],"d":{},"e":false,"f":[]})";
  for (const std::string_view path : {"/a", "/none", "/d/none"})
    expect_patched(document, test(path, "null"), document);
  // What is there is no null, and nothing else stands for what is not there.
  for (const std::string_view path : {"", "/b", "/c", "/c/0", "/d", "/e", "/f"})
    EXPECT_FALSE(patched(document, test(path, "null"))) << path;
  for (const std::string_view path : {"/none/none", "/b/none", "/c/1", "/c/-", "/c/x", "/a/none"})
    EXPECT_FALSE(patched(document, test(path, "null"))) << path;
  for (const std::string_view value : {"false", "[]", "{}", "0", R"("")"})
    EXPECT_FALSE(patched(document, test("/none", value))) << value;
}

/// Random documents and patches; nlohmann's implementation says what is right.
class Oracle {
 public:
  nlohmann::json document(int depth) {
    switch (pick(depth > 0 ? 6 : 4)) {
      case 0:
        return pick(5);
      case 1:
        return std::string(1, static_cast<char>('a' + pick(4)));
      case 2:
        return pick(2) == 0;
      case 3:
        return nullptr;
      case 4: {
        nlohmann::json list = nlohmann::json::array();
        for (int i = pick(4); i > 0; --i) list.push_back(document(depth - 1));
        return list;
      }
      default: {
        nlohmann::json object = nlohmann::json::object();
        for (int i = pick(4); i > 0; --i) object[name()] = document(depth - 1);
        return object;
      }
    }
  }

  nlohmann::json patch(const nlohmann::json& document) {
    nlohmann::json out = nlohmann::json::array();
    for (int i = pick(3) + 1; i > 0; --i) {
      static constexpr const char* kNames[] = {"add", "remove", "replace", "move", "copy", "test"};
      const std::string operation = kNames[pick(6)];
      nlohmann::json entry = {{"op", operation}, {"path", path(document)}};
      if (operation == "move" || operation == "copy") entry["from"] = path(document);
      if (operation == "add" || operation == "replace" || operation == "test")
        entry["value"] = this->document(1);
      out.push_back(entry);
    }
    return out;
  }

 private:
  int pick(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  std::string name() { return std::string(1, static_cast<char>('p' + pick(3))); }

  /// Mostly a place that exists.
  std::string path(const nlohmann::json& document) {
    std::string out;
    const nlohmann::json* here = &document;
    while (true) {
      if (here->is_object() && pick(5) != 0) {
        const std::string key = name();
        out += "/" + key;
        if (!here->contains(key)) return out;
        here = &(*here)[key];
      } else if (here->is_array() && pick(5) != 0) {
        const int position = pick(4);
        out += "/" + (position == 3 ? std::string("-") : std::to_string(position));
        if (position >= static_cast<int>(here->size())) return out;
        here = &(*here)[static_cast<size_t>(position)];
      } else {
        return out.empty() ? "/p" : out;
      }
    }
  }

  std::mt19937 random_{42};
};

/// Below a plain value the oracle does nothing or stops the program, where RFC 6902 wants a refusal.
bool below_plain(const nlohmann::json& document, const std::string& path) {
  const nlohmann::json::json_pointer parent = nlohmann::json::json_pointer(path).parent_pointer();
  return document.contains(parent) && document.at(parent).is_primitive();
}

nlohmann::json move_by_two_steps(const nlohmann::json& document, const std::string& from,
                                 const std::string& path) {
  const nlohmann::json value = document.at(nlohmann::json::json_pointer(from));
  if (path.starts_with(from + "/") || below_plain(document, from)) throw std::invalid_argument(path);
  const nlohmann::json removed = document.patch(nlohmann::json::array({{{"op", "remove"}, {"path", from}}}));
  if (below_plain(removed, path)) throw std::invalid_argument(path);
  return removed.patch(nlohmann::json::array({{{"op", "add"}, {"path", path}, {"value", value}}}));
}

/// Our extension: a test for null holds for a member that is not there.
bool tests_for_nothing(const nlohmann::json& document, const nlohmann::json& operation) {
  if (operation.at("op") != "test" || !operation.at("value").is_null()) return false;
  const nlohmann::json::json_pointer path(operation.at("path").get<std::string>());
  const nlohmann::json::json_pointer parent = path.parent_pointer();
  return !path.empty() && document.contains(parent) && document.at(parent).is_object() &&
         !document.contains(path);
}

std::optional<nlohmann::json> expected_of(nlohmann::json document, const nlohmann::json& patch) {
  try {
    for (const nlohmann::json& operation : patch) {
      if (tests_for_nothing(document, operation)) continue;
      if (operation.at("op") == "move") {
        document = move_by_two_steps(document, operation.at("from"), operation.at("path"));
      } else if (below_plain(document, operation.at("path"))) {
        return std::nullopt;
      } else {
        document = document.patch(nlohmann::json::array({operation}));
      }
    }
  } catch (const std::exception&) {
    return std::nullopt;
  }
  return document;
}

TEST(Patch, AgreesWithTheOracle) {
  Oracle oracle;
  int applied = 0;
  for (int round = 0; round < 5000; ++round) {
    nlohmann::json document = oracle.document(3);
    if (!document.is_object()) document = {{"p", document}};
    const nlohmann::json patch = oracle.patch(document);
    const std::optional<nlohmann::json> expected = expected_of(document, patch);
    const Result<json::value> got = apply_patch(json::parse(document.dump()), json::parse(patch.dump()));
    ASSERT_EQ(got.ok(), expected.has_value()) << document.dump() << " " << patch.dump();
    if (!expected) continue;
    ++applied;
    ASSERT_EQ(nlohmann::json::parse(json::serialize(*got)), *expected)
        << document.dump() << " " << patch.dump();
  }
  EXPECT_GT(applied, 500);
}

}  // namespace
}  // namespace mullion::model
