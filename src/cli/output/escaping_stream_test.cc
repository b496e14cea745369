// Texts of strangers on their way to a terminal.
#include "cli/output/escaping_stream.h"

#include <gtest/gtest.h>

#include <sstream>

namespace mullion::cli {
namespace {

TEST(EscapingStream, EscapesWhateverTheSizeOfItsPieces) {
  const std::string text = "a\tb\n\x1b[2J\xc2\x9b\xe2\x80\xae \xe2\x82\xac \xf0\x9f\x98\x80 \xff \xe2\x82";
  const std::string shown = "a\tb\n\\x1b[2J\\u009b\\u202e \xe2\x82\xac \xf0\x9f\x98\x80 \\xff \\xe2\\x82";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    std::ostringstream target;
    {
      EscapingStream out(target);
      for (size_t i = 0; i < text.size(); i += piece) out << text.substr(i, piece) << std::flush;
    }
    EXPECT_EQ(target.str(), shown) << piece;
  }
}

TEST(EscapingStream, WhatTheProgramPaintsStaysAsItIs) {
  std::ostringstream target;
  EscapingStream out(target);
  out << "\xc2";
  write_styled(out, "\033[1mbold\033[0m");
  out << 'x' << std::flush;
  EXPECT_EQ(target.str(), "\\xc2\033[1mbold\033[0mx");
  std::ostringstream plain;
  write_styled(plain, "\033[1m");
  EXPECT_EQ(plain.str(), "\033[1m");
}

TEST(EscapingStream, FailsWithItsTarget) {
  std::ostringstream target;
  EscapingStream out(target);
  target.setstate(std::ios::badbit);
  out << "text";
  EXPECT_FALSE(out.good());
  EscapingStream styled(target);
  write_styled(styled, "text");
  EXPECT_FALSE(styled.good());
}

}  // namespace
}  // namespace mullion::cli
