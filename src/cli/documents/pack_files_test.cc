// Packs as directories and back.
#include "cli/documents/pack_files.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/documents/document.h"

namespace mullion::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const json::value kPack = json::parse(R"({
  "meta": {"Name": "demo", "Version": "v1.2.3", "Documentation": "Two\n\nlines\n", "Writable": false},
  "sections": {
    "params": {"a/b": {"Name": "a/b", "Schema": {"type": "string"}}},
    "profiles": {"global": {"Name": "global", "Params": {"num": 1, "text": "yes"}}},
    "templates": {
      "plain.tmpl": {"ID": "plain.tmpl", "Contents": "text {{.}}\n", "Available": true, "Description": ""},
      "told.tmpl": {"ID": "told.tmpl", "Contents": "x", "Description": "more"},
      "data.yaml": {"ID": "data.yaml", "Contents": "a: b"}},
    "machines_of_a_plugin": {"one": {"Id": "one"}}
  }})");

std::vector<std::string> paths(const std::vector<PackFile>& files) {
  std::vector<std::string> names;
  for (const PackFile& file : files) names.push_back(file.path);
  return names;
}

TEST(PackFiles, OneForEachObjectAndMetaField) {
  Result<std::vector<PackFile>> files = files_of_pack(kPack, "yaml");
  ASSERT_TRUE(files);
  EXPECT_THAT(paths(*files),
              ElementsAre("._Documentation.meta", "._Name.meta", "._Version.meta",
                          "machines_of_a_plugin/one.yaml", "params/a.b.yaml", "profiles/global.yaml",
                          "templates/data.yaml.yaml", "templates/plain.tmpl", "templates/told.tmpl.yaml"));
  EXPECT_EQ((*files)[7].text, "text {{.}}\n");
  EXPECT_EQ((*files)[5].text, "Name: global\nParams:\n  num: 1\n  text: \"yes\"\n");
}

TEST(PackFiles, AreThePackAgain) {
  for (const char* extension : {"yaml", "json"}) {
    Result<std::vector<PackFile>> files = files_of_pack(kPack, extension);
    ASSERT_TRUE(files);
    PackRemarks remarks;
    Result<json::value> pack = pack_of_files(*files, remarks);
    ASSERT_TRUE(pack);
    json::value expected = kPack;
    expected.at("meta").as_object().erase("Writable");
    expected.at("meta").as_object()["Type"] = "dynamic";
    expected.at("sections").at("templates").at("plain.tmpl").as_object().erase("Available");
    expected.at("sections").at("templates").at("plain.tmpl").as_object().erase("Description");
    EXPECT_EQ(pretty_json(*pack), pretty_json(expected)) << extension;
    EXPECT_THAT(remarks.skipped, IsEmpty());
  }
}

Result<json::value> bundle(std::vector<PackFile> files) {
  PackRemarks remarks;
  return pack_of_files(files, remarks);
}

TEST(PackFiles, HaveDefaultsAndSkipStrangers) {
  PackRemarks remarks;
  Result<json::value> pack = pack_of_files(
      {{"README.md", "x"}, {"tasks/.swp", "x"}, {"tasks/note.txt", "x"}, {"a/b/c.yaml", "x"}}, remarks);
  ASSERT_TRUE(pack);
  EXPECT_EQ(pack->at("meta"), json::parse(R"({"Name":"Unspecified","Version":"v0.0.0","Type":"dynamic"})"));
  EXPECT_THAT(remarks.skipped, ElementsAre("README.md", "tasks/.swp", "tasks/note.txt", "a/b/c.yaml"));
}

TEST(PackFiles, NameWhatIsWrong) {
  EXPECT_THAT(bundle({{"tasks/x.yaml", "a: b: c"}}).error().messages[0], HasSubstr("tasks/x.yaml: "));
  EXPECT_EQ(bundle({{"tasks/x.yaml", "Description: d"}}).error().messages[0],
            "tasks/x.yaml holds no object with a key");
}

TEST(PackFiles, TheLastOfTwoObjectsWithOneKeyCounts) {
  PackRemarks remarks;
  Result<json::value> pack = pack_of_files(
      {{"tasks/x.yaml", "Name: tt\nDescription: first"}, {"tasks/y.yaml", "Name: tt\nDescription: last"}},
      remarks);
  ASSERT_TRUE(pack);
  EXPECT_EQ(pack->at("sections").at("tasks").at("tt").at("Description"), "last");
  EXPECT_THAT(remarks.repeated,
              ElementsAre("tasks tt stands in tasks/x.yaml and in tasks/y.yaml: the last one counts"));
}

TEST(PackFiles, ScalarsBecomeWhatTheirFieldsAreFor) {
  const Result<json::value> pack =
      bundle({{"bootenvs/e.yaml", "Name: 7\nOS: {Version: 0}\nMeta: {a: yes, b: 1.5, c: }"},
              {"profiles/p.yaml", "Name: p\nParams: {a: yes, b: 1.5, c: }"}});
  ASSERT_TRUE(pack);
  const json::value& environment = pack->at("sections").at("bootenvs").at("7");
  EXPECT_EQ(environment.at("OS").at("Version"), "0");
  EXPECT_EQ(environment.at("Meta"), json::parse(R"({"a":"true","b":"1.5","c":""})"));
  EXPECT_EQ(pack->at("sections").at("profiles").at("p").at("Params"),
            json::parse(R"({"a":true,"b":1.5,"c":null})"));
}

TEST(PackFiles, NeverLeaveTheirDirectory) {
  for (const char* text : {R"({"meta":{},"sections":{"..":{"x":{"Id":"x"}}}})",
                           R"({"meta":{},"sections":{"a/../../b":{"x":{"Id":"x"}}}})",
                           R"({"meta":{},"sections":{"":{"x":{"Id":"x"}}}})"}) {
    EXPECT_FALSE(files_of_pack(json::parse(text), "yaml")) << text;
  }
  const json::value hostile =
      json::parse(R"({"meta":{"../x":"y"},"sections":{"tasks":{"../../x":{"Name":"../../x"}},
      "templates":{"..":{"ID":"..","Contents":"c"}}}})");
  EXPECT_FALSE(files_of_pack(hostile, "yaml"));
  const json::value slashes =
      json::parse(R"({"meta":{"../x":"y"},"sections":{"tasks":{"../../x":{"Name":"../../x"}}}})");
  Result<std::vector<PackFile>> files = files_of_pack(slashes, "yaml");
  ASSERT_TRUE(files);
  EXPECT_THAT(paths(*files), ElementsAre("tasks/......x.yaml"));
}

TEST(PackFiles, RefuseWhatWouldShareAFile) {
  const json::value pack =
      json::parse(R"({"meta":{},"sections":{"params":{"a/b":{"Name":"a/b"},"a.b":{"Name":"a.b"}}}})");
  Result<std::vector<PackFile>> files = files_of_pack(pack, "yaml");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().messages[0], "two objects would become the file params/a.b.yaml");
  EXPECT_FALSE(files_of_pack(json::parse(R"({"sections":{}})"), "yaml"));
}

TEST(PackDocument, HoldsWhatPacksSayAboutThemselves) {
  const json::value pack =
      json::parse(R"({"meta":{"Name":"demo","DisplayName":"Demo","Version":"v1","Documentation":"All."},
      "sections":{"tasks":{"t":{"Name":"t","Description":"Does.","Documentation":"At length.\n"}},"stages":{}}})");
  EXPECT_EQ(pack_document(pack),
            "Demo (demo)\n===========\n\n:Version: v1\n\nAll.\n\ntasks\n-----\n\nt\n~~~\n\nDoes.\n\nAt "
            "length.\n\n");
}

}  // namespace
}  // namespace mullion::cli
