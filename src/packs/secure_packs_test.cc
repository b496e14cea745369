#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "model/object.h"
#include "packs/features.h"
#include "packs/layers.h"

namespace mullion::packs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPack = R"({"meta":{"Name":"one"},"sections":{
    "params":{"pw":{"Name":"pw","Secure":true,"Schema":{"type":"string"}}},
    "profiles":{"p":{"Name":"p","Params":{"pw":"clear text","other":1}}}}})";

class SecurePacksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(layers_->start()); }
  /// SecureData that anybody can open: what it hides stands in its Payload.
  void set_sealer() {
    layers_->set_sealer([](const std::vector<Layers::SecureValue>& values) {
      std::vector<std::string> out;
      for (const auto& [prefix, key, clear] : values) {
        if (clear.starts_with(R"({"Key")")) {
          out.push_back(clear);
          continue;
        }
        out.push_back(fmt::format(R"({{"Key":"{}","Nonce":"{}","Payload":{}}})", prefix, key, turned(clear)));
      }
      return Result<std::vector<std::string>>(std::move(out));
    });
  }
  static std::string turned(std::string_view clear) { return {clear.rbegin(), clear.rend()}; }
  Result<std::string> post() { return layers_->load(kPack, false, "", false, "user:test"); }
  model::json::object profile() {
    return parse_json(store_->snapshot()->get_local("profiles", "p")->body)->as_object();
  }

  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<Layers> layers_ = make_layers(*store_, kFeatures);
};

/// Opens what set_sealer() made, for profile p only.
std::optional<std::string> open_of_p(std::string_view prefix, std::string_view key, std::string_view sealed) {
  if (prefix != "profiles" || key != "p") return std::nullopt;
  const auto data = parse_json(sealed);
  std::string clear = "\"" + std::string(data->at("Payload").as_string()) + "\"";
  std::reverse(clear.begin(), clear.end());
  return clear;
}

TEST_F(SecurePacksTest, ClearValuesAreSealedAtRest) {
  const auto refused = post();
  ASSERT_FALSE(refused) << "without a way to seal nothing is stored";
  EXPECT_THAT(refused.error().messages.front(), HasSubstr("secure parameter pw must arrive as SecureData"));
  set_sealer();
  ASSERT_TRUE(post());
  EXPECT_EQ(profile().at("Params").at("pw").at("Payload"), "txet raelc");
  EXPECT_EQ(profile().at("Params").at("other"), 1);
  EXPECT_EQ(layers_->components().front().secret_holder, "profiles/p");
  layers_ = make_layers(*store_, kFeatures);
  ASSERT_TRUE(layers_->start());
  EXPECT_EQ(layers_->components().front().secret_holder, "profiles/p") << "after a restart too";
}

TEST_F(SecurePacksTest, PasswordsOfEndpointsAreSecureWhateverIsDeclared) {
  constexpr const char* kEndpoints = R"({"meta":{"Name":"two"},"sections":{
      "params":{"manager/password":{"Name":"manager/password","Secure":false,"Schema":{"type":"string"}}},
      "endpoints":{"e":{"Id":"e","Params":{"manager/password":"clear text"}}},
      "version_sets":{"s":{"Id":"s","Global":{"manager/password":"clear text"},
                           "Plugins":[{"Name":"x","Params":{"manager/password":"clear text"}}]}}}})";
  set_sealer();
  const auto loaded = layers_->load(kEndpoints, false, "", false, "user:test");
  ASSERT_TRUE(loaded) << loaded.error().text();
  for (const auto& [type, key] : {std::pair("endpoints", "e"), std::pair("version_sets", "s")}) {
    const std::string body = store_->snapshot()->get_local(type, key)->body;
    EXPECT_THAT(body, Not(HasSubstr("clear text")));
    EXPECT_THAT(body, HasSubstr("Payload"));
  }
  const auto opens_everything = [](auto...) { return std::optional<std::string>(R"("clear text")"); };
  EXPECT_THAT(*layers_->show("two", opens_everything), Not(HasSubstr("clear text")))
      << "shown in clear to nobody";
}

TEST_F(SecurePacksTest, UrlsWithALoginAreRefused) {
  set_sealer();
  constexpr const char* kPackWithUrl = R"({{"meta":{{"Name":"two"}},"sections":{{
      "endpoints":{{"e":{{"Id":"e","Params":{{"manager/url":"{}"}}}}}}}}}})";
  const auto refused = layers_->load(fmt::format(fmt::runtime(kPackWithUrl), "https://ann:geheim@host"),
                                     false, "", false, "user:test");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("endpoints:e: manager/url"));
  EXPECT_THAT(refused.error().text(), Not(HasSubstr("geheim")));
  EXPECT_TRUE(layers_->load(fmt::format(fmt::runtime(kPackWithUrl), "https://host:1"), false, "", false,
                            "user:test"));
}

TEST_F(SecurePacksTest, ShownAsTheReaderMay) {
  set_sealer();
  ASSERT_TRUE(post());
  EXPECT_THAT(*layers_->show("one"), Not(HasSubstr("clear text"))) << "without opener all stays sealed";
  const auto shown = layers_->show("one", open_of_p);
  EXPECT_THAT(*shown, HasSubstr(R"("pw":"clear text")"));
  EXPECT_THAT(*shown, Not(HasSubstr("Payload")));
  const auto available = [](const std::string& text) {
    return model::json::parse(text).at("sections").at("profiles").at("p").as_object().at("Available");
  };
  EXPECT_EQ(available(*shown), false) << "in clear it is not the object that was judged";
  EXPECT_EQ(available(*layers_->show("one")), true);
  const auto refused = layers_->show("one", [](auto...) { return std::optional<std::string>(); });
  EXPECT_THAT(*refused, HasSubstr("Payload"));
  EXPECT_THAT(*refused, Not(HasSubstr("clear text")));
}

TEST_F(SecurePacksTest, WhatIsShownCanBeLoadedAgain) {
  set_sealer();
  ASSERT_TRUE(post());
  const auto before = profile();
  for (const auto& text : {*layers_->show("one", open_of_p), *layers_->show("one")}) {
    const auto again = layers_->load(text, true, "one", false, "user:test");
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(profile(), before);
  }
}

TEST_F(SecurePacksTest, TheWritableLayerToo) {
  store::Batch batch;
  batch.changes.push_back({{"profiles", "", "p"},
                           R"({"Name":"p","Params":{"pw":{"Key":"k","Nonce":"n","Payload":"txet nwo"}}})"});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  EXPECT_THAT(*layers_->show("BackingStore", open_of_p), HasSubstr(R"("pw":"own text")"));
  EXPECT_THAT(*layers_->show("BackingStore"), HasSubstr("txet nwo"));
}

TEST_F(SecurePacksTest, WhatLiesClearWhenItsParameterBecomesSecureIsSealed) {
  set_sealer();
  const auto load = [this](const char* pack, bool replace = false) {
    const auto loaded = layers_->load(pack, replace, replace ? "defines" : "", false, "user:test");
    ASSERT_TRUE(loaded) << loaded.error().text();
  };
  load(R"({"meta":{"Name":"defines"},"sections":{"params":{"pw":{"Name":"pw"}}}})");
  load(
      R"({"meta":{"Name":"upper"},"sections":{"profiles":{"p":{"Name":"p","Params":{"pw":"clear text","n":1}}}}})");
  load(
      R"({"meta":{"Name":"lower","Type":"default"},"sections":{"profiles":{"p":{"Name":"p","Params":{"pw":"clear text"}}},
           "version_sets":{"s":{"Id":"s","Global":{"pw":"clear text"},"Plugins":[{"Name":"x","Params":{"pw":"clear text"}}]}}}})");
  EXPECT_TRUE(layers_->seal_clear_values());
  EXPECT_EQ(profile().at("Params").at("pw"), "clear text") << "nothing is secure yet";
  load(R"({"meta":{"Name":"defines"},"sections":{"params":{"pw":{"Name":"pw","Secure":true}}}})", true);
  std::vector<std::string> told;
  layers_->on_change([&told](std::string_view action, std::string_view pack, std::string_view principal) {
    told.push_back(fmt::format("{} {} {}", action, pack, principal));
  });
  const Result<void> sealed = layers_->seal_clear_values();
  ASSERT_TRUE(sealed) << sealed.error().text();
  EXPECT_EQ(profile().at("Params").at("pw").at("Payload"), "txet raelc");
  EXPECT_EQ(profile().at("Params").at("n"), 1);
  EXPECT_EQ(told, (std::vector<std::string>{"update upper system", "update lower system"}));
  const auto at_rest = [this] {
    for (const char* name : {"upper", "lower"})
      EXPECT_THAT(*layers_->show(name), Not(HasSubstr("clear text"))) << "also where another layer hides it";
    for (const auto& component : layers_->components())
      EXPECT_EQ(component.secret_holder.empty(), component.name == "defines") << component.name;
  };
  at_rest();
  const auto before = store_->newest();
  EXPECT_TRUE(layers_->seal_clear_values());
  EXPECT_EQ(store_->newest(), before) << "nothing is left to do";
  layers_ = make_layers(*store_, kFeatures);
  ASSERT_TRUE(layers_->start());
  at_rest();
}

TEST_F(SecurePacksTest, NothingClearIsWrittenToTheStore) {
  set_sealer();
  const auto feed = store::attach_feed(*store_, "test", {.everything = true});
  ASSERT_TRUE(post());
  std::string seen;
  for (const auto& commit : feed->take().commits) {
    for (const store::AppliedChange& change : commit->changes) seen += change.body.value_or("");
  }
  EXPECT_THAT(seen, HasSubstr("txet raelc"));
  EXPECT_THAT(seen, Not(HasSubstr("clear text"))) << "events are made of commits";
}

// It may be sealed for a key that was only told so far: whoever keeps the keys has to know of it.
TEST_F(SecurePacksTest, WhatComesSealedIsShownToTheSealerAndStaysAsItIs) {
  constexpr const char* kSealed = R"({"meta":{"Name":"sealed"},"sections":{
      "profiles":{"p":{"Name":"p","Params":{"any":{"Key":"a","Nonce":"b","Payload":"c"}}}}}})";
  ASSERT_TRUE(layers_->load(kSealed, false, "", false, "user:test")) << "needs no sealer";
  std::vector<std::string> seen;
  layers_->set_sealer([&seen](const std::vector<Layers::SecureValue>& values) {
    std::vector<std::string> out;
    for (const auto& [prefix, key, value] : values) {
      seen.push_back(prefix + "/" + key);
      out.push_back(value);
    }
    return Result<std::vector<std::string>>(std::move(out));
  });
  ASSERT_TRUE(layers_->load(kSealed, true, "sealed", false, "user:test"));
  EXPECT_EQ(seen, std::vector<std::string>{"profiles/p"});
  EXPECT_EQ(profile().at("Params").at("any").at("Payload"), "c");
}

}  // namespace
}  // namespace mullion::packs
