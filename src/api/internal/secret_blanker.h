// Objects of another endpoint, without the secret that it shows to the account of this server. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mullion::api {

/// Empties the text of one member of an object, or of each object of an array, in JSON that comes in pieces:
/// `"Secret":"x"` becomes `"Secret":""`. Members of members are left alone.
class SecretBlanker {
 public:
  /// `member` has no letter that JSON escapes.
  explicit SecretBlanker(std::string_view member) : member_(member) {}
  /// What becomes of the next piece.
  std::string pass(std::string_view piece);

 private:
  void outside(char c);
  /// Whether `c` is shown.
  bool inside(char c);

  const std::string member_;
  size_t depth_ = 0;
  size_t object_depth_ = 1;  // of the members of an object: 2 when the objects are in an array
  bool in_text_ = false, escaped_ = false;
  bool is_name_ = false;   // the text is, or the next text will be, a member's name
  bool blanking_ = false;  // the text is the member's
  std::string name_;       // the last name at object_depth_
};

}  // namespace mullion::api
