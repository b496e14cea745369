// What strangers wrote, on its way to a terminal.
#pragma once

#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>

namespace mullion::cli {

/// Passes everything on to another stream, escaped as by escaped_lines(): no text can move the cursor, paint,
/// or pretend to be another line, whoever wrote it. What this program itself paints goes through
/// write_styled().
class EscapingStream final : public std::ostream {
 public:
  /// `target` must outlive this stream. Its failures are failures of this one.
  explicit EscapingStream(std::ostream& target);
  ~EscapingStream() override;

 private:
  friend void write_styled(std::ostream& out, std::string_view text);

  class Buffer final : public std::streambuf {
   public:
    explicit Buffer(std::ostream& target) : target_(target) {}
    /// Writes what waits for its other bytes, too.
    bool finish();
    bool pass(std::string_view text);

   protected:
    int_type overflow(int_type character) override;
    std::streamsize xsputn(const char* text, std::streamsize size) override;
    int sync() override;

   private:
    bool add(std::string_view text);

    std::ostream& target_;
    std::string pending_;  // the beginning of a UTF-8 sequence
  };

  Buffer buffer_;
};

/// Writes `text`, which holds attributes or movements of the cursor, as it is. Texts of others in it must
/// have been escaped.
void write_styled(std::ostream& out, std::string_view text);

}  // namespace mullion::cli
