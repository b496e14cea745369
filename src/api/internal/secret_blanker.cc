#include "api/internal/secret_blanker.h"

namespace mullion::api {

std::string SecretBlanker::pass(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  for (const char c : piece) {
    if (!in_text_) {
      outside(c);
      out += c;
    } else if (inside(c)) {
      out += c;
    }
  }
  return out;
}

void SecretBlanker::outside(char c) {
  switch (c) {
    case '[':
      if (depth_ == 0) object_depth_ = 2;
      [[fallthrough]];
    case '{':
      ++depth_;
      is_name_ = c == '{' && depth_ == object_depth_;
      return;
    case '}':
    case ']':
      if (depth_ > 0) --depth_;
      return;
    case ',':
      is_name_ = depth_ == object_depth_;
      return;
    case ':':
      is_name_ = false;
      return;
    case '"':
      in_text_ = true;
      if (is_name_) name_.clear();
      blanking_ = !is_name_ && depth_ == object_depth_ && name_ == member_;
      return;
    default:
      return;
  }
}

bool SecretBlanker::inside(char c) {
  const bool ends = c == '"' && !escaped_;
  escaped_ = c == '\\' && !escaped_;
  if (ends) in_text_ = false;
  if (is_name_ && !ends && depth_ == object_depth_ && name_.size() <= member_.size()) name_ += c;
  return ends || !blanking_;
}

}  // namespace mullion::api
