// The secret of objects that pass through.
#include "api/internal/secret_blanker.h"

#include <gtest/gtest.h>

namespace mullion::api {
namespace {

struct Blanking {
  const char* shown;
  const char* wanted;
};
constexpr Blanking kSecretCases[] = {
    {R"({"Secret":"abc","Name":"x"})", R"({"Secret":"","Name":"x"})"},
    {R"({"Name":"Secret","Secret" : "a\"b\\","Z":"abc"})", R"({"Name":"Secret","Secret" : "","Z":"abc"})"},
    {R"([{"Secret":"a"},{"A":["Secret","b"],"Secret":"c"}])",
     R"([{"Secret":""},{"A":["Secret","b"],"Secret":""}])"},
    {R"({"Params":{"Secret":"kept"},"Secret":"gone"})", R"({"Params":{"Secret":"kept"},"Secret":""})"},
    {R"({"Params":[{"Secret":"kept"}],"Secrets":"kept","Secre":"kept"})",
     R"({"Params":[{"Secret":"kept"}],"Secrets":"kept","Secre":"kept"})"},
    {R"({"Secret":null,"A":"kept"})", R"({"Secret":null,"A":"kept"})"},
    {R"({"Secret":{"A":"kept"},"B":"kept"})", R"({"Secret":{"A":"kept"},"B":"kept"})"},
    {R"({"\"Secret":"kept","A":"\\","Secret":"gone"})", R"({"\"Secret":"kept","A":"\\","Secret":""})"},
    {R"("Secret")", R"("Secret")"},
    {"", ""}};

/// Wherever the pieces end.
TEST(SecretBlanker, TheTextOfOneMemberIsEmptied) {
  for (const auto& [shown, wanted] : kSecretCases) {
    const std::string_view text = shown;
    for (size_t size = 1; size <= text.size() + 1; ++size) {
      SecretBlanker blanker("Secret");
      std::string out;
      for (size_t at = 0; at < text.size(); at += size) out += blanker.pass(text.substr(at, size));
      EXPECT_EQ(out, wanted) << "pieces of " << size;
    }
  }
}

}  // namespace
}  // namespace mullion::api
