#include "mirror/internal/target.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

struct TargetCase {
  const char* target;
  const char* prefix;
  const char* key;
  const char* shown_by;  // the methods whose answers are the object
};

std::string shown_by(const Target& target) {
  std::string out;
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "GET"}) {
    if (shows_object(method, target)) out += std::string(out.empty() ? "" : " ") + method;
  }
  return out;
}

TEST(Targets, NameCollectionsObjectsAndPartsOfThem) {
  constexpr const char* kObject = "PUT PATCH DELETE";
  for (const TargetCase& one : {
           TargetCase{"/api/v3/machines", "machines", "", "POST"},
           TargetCase{"/api/v3/machines?force=true", "machines", "", "POST"},
           TargetCase{"/api/v3/machines/KEY", "machines", "KEY", kObject},
           TargetCase{"/api/v3/machines/KEY?a=b/c", "machines", "KEY", kObject},
           TargetCase{"/api/v3/profiles/a%20b%2Fc", "profiles", "a b/c", kObject},
           TargetCase{"/api/v3/machines/KEY/params/x?y", "machines", "KEY", ""},
           TargetCase{"/api/v3/machines/KEY/actions/x", "machines", "KEY", ""},
           TargetCase{"/api/v3/meta/machines/KEY", "machines", "KEY", ""},
           TargetCase{"/api/v3/meta/machines", "machines", "", ""},
           TargetCase{"/api/v3/", "", "", "POST"},
       }) {
    const std::optional<Target> target = read_target(one.target);
    ASSERT_TRUE(target) << one.target;
    EXPECT_EQ(target->prefix, one.prefix) << one.target;
    EXPECT_EQ(target->key, one.key) << one.target;
    EXPECT_EQ(shown_by(*target), one.shown_by) << one.target;
  }
  for (const char* other : {"", "/api/v2/machines", "/files/a", "api/v3/machines"})
    EXPECT_FALSE(read_target(other)) << other;
}

}  // namespace
}  // namespace mullion::mirror
