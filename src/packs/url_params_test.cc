#include "packs/url_params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace mullion::packs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
namespace json = boost::json;

TEST(UrlParams, OnlyKnownParametersAreJudged) {
  EXPECT_THAT(url_param_problems("other", "ftp://x:y@z"), IsEmpty());
  EXPECT_THAT(url_param_problems(kEndpointUrl, "https://host:8092"), IsEmpty());
  EXPECT_THAT(url_param_problems(kEndpointUrl, ""), IsEmpty()) << "not said yet";
}

TEST(UrlParams, AnEndpointIsOneServerOverHttps) {
  for (const char* text : {"http://host", "https://host/path", "https://host?x", "https://u:p@host", "host"})
    EXPECT_THAT(url_param_problems(kEndpointUrl, text), ElementsAre(StartsWith("manager/url: "))) << text;
  EXPECT_THAT(url_param_problems(kEndpointUrl, 5), ElementsAre("manager/url: expected a string"));
}

TEST(UrlParams, EachCatalogOfAListIsJudged) {
  const json::value list = json::parse(
      R"(["https://a/c.json","self://c.json","https://u:p@b/c.json","https://c/#sha256=ab","file:///x"])");
  EXPECT_THAT(url_param_problems(kCatalogUrls, list),
              ElementsAre(StartsWith("manager_catalog_urls: entry 3: a URL must not hold"),
                          StartsWith("manager_catalog_urls: entry 5: this is no http(s) URL")));
  EXPECT_THAT(url_param_problems(kCatalogUrls, "http://a,ftp://b"),
              ElementsAre(StartsWith("manager_catalog_urls: entry 2: ")));
}

TEST(UrlParams, SourcesAtAnyDepthHoldNoLogin) {
  const json::value object = json::parse(
      R"({"Source":"https://u:p@h/x","OS":{"IsoUrl":"ftp://u@h/i","List":[{"IsoUrl":"https://h/u@x"}]},)"
      R"("NOJQSource":"id:::https://u:p@h","Description":"https://u:p@h"})");
  EXPECT_THAT(logins_in_sources(object.as_object()),
              ElementsAre(StartsWith("Source: "), StartsWith("IsoUrl: "), StartsWith("NOJQSource: ")));
}

}  // namespace
}  // namespace mullion::packs
