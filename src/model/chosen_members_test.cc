#include "model/chosen_members.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace mullion::model {
namespace {

namespace json = boost::json;

constexpr std::string_view kChooseFrom = R"({
  "Name": "one", "OS": {"Name": "debian", "Family": "linux"}, "Meta": {"a": "1", "a.b": "2"},
  "Params": {"rack/row": {"n": 7}, "x": null}, "Tasks": ["t1", "t2"],
  "Components": [{"Name": "c1", "Version": "v1"}, {"Name": "c2", "Version": "v2"}, "odd"]})";

std::string left(std::string_view fields) {
  const Result<ChosenMembers> choice = ChosenMembers::parse(fields);
  if (!choice) return choice.error().messages.front();
  return json::serialize(choice->of(json::parse(kChooseFrom).as_object()));
}

struct ChoiceCase {
  std::string_view fields, left;
};

TEST(ChosenMembers, KeepsWhatIsNamed) {
  const ChoiceCase cases[] = {
      {"", "{}"},
      {"Name", R"({"Name":"one"})"},
      {" OS.Name , Name,", R"({"Name":"one","OS":{"Name":"debian"}})"},
      {"OS,OS.Name", R"({"OS":{"Name":"debian","Family":"linux"}})"},
      {"OS.Name,OS.Family", R"({"OS":{"Name":"debian","Family":"linux"}})"},
      {"OS.Nowhere", R"({"OS":{}})"},
      {"Nowhere,name", "{}"},
      {"Name.Deeper", "{}"},
      {"Meta.a.b", R"({"Meta":{"a.b":"2"}})"},
      {"Params.rack/row.n,Params.x", R"({"Params":{"rack/row":{"n":7},"x":null}})"},
      {"Tasks.a", R"({"Tasks":[]})"},
      {"Components.Name", R"({"Components":[{"Name":"c1"},{"Name":"c2"}]})"},
      {"OS..Name", "fields: a name is missing beside a dot: OS..Name"},
      {".Name", "fields: a name is missing beside a dot: .Name"},
      {"OS.", "fields: a name is missing beside a dot: OS."},
  };
  for (const ChoiceCase& row : cases) EXPECT_EQ(left(row.fields), row.left) << row.fields;
}

TEST(ChosenMembers, TakesSoManyNamesAndNoMore) {
  std::string fields = "Name";
  for (size_t i = 1; i < ChosenMembers::kMostNames; ++i) fields += fmt::format(",n{}", i);
  EXPECT_EQ(left(fields), R"({"Name":"one"})");
  EXPECT_EQ(left(fields + ",more"), "fields: at most 100 names");
}

}  // namespace
}  // namespace mullion::model
