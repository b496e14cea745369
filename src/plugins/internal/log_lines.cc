#include "plugins/internal/log_lines.h"

#include <fmt/format.h>

#include "base/text.h"

namespace mullion::plugins {

namespace {

/// Control characters could pretend to be other log lines.
std::string printable(std::string text, const std::string& secret) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = ' ';
  }
  for (size_t at = secret.empty() ? std::string::npos : text.find(secret); at != std::string::npos;
       at = text.find(secret)) {
    text.replace(at, secret.size(), "********");
  }
  return text;
}

}  // namespace

void LastWords::add(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    if (trimmed(line).empty()) continue;
    lines_.push_back(escaped(trimmed(line).substr(0, kLongestLine)));
    if (lines_.size() > kLines) lines_.pop_front();
  }
}

std::string LastWords::text() const {
  return lines_.empty() ? std::string() : fmt::format("; it said: {}", fmt::join(lines_, " / "));
}

void LogLines::begin_period(env::SteadyTime now, std::vector<std::string>& out) {
  if (now - period_begin_ < kPeriod) return;
  if (dropped_ > 0) out.push_back(fmt::format("({} lines left out)", dropped_));
  period_begin_ = now;
  lines_ = dropped_ = 0;
}

void LogLines::end_line(std::vector<std::string>& out) {
  std::string line = std::exchange(line_, {});
  if (line.empty()) return;
  if (++lines_ > kMostLines) {
    ++dropped_;
    return;
  }
  out.push_back(printable(std::move(line), secret_));
}

std::vector<std::string> LogLines::add(std::string_view bytes, env::SteadyTime now) {
  std::vector<std::string> out;
  begin_period(now, out);
  for (const char c : bytes) {
    if (c == '\n') {
      end_line(out);
    } else if (c != '\r' && line_.size() < kLongestLine) {
      line_ += c;
    }
  }
  return out;
}

std::vector<std::string> LogLines::finish() {
  std::vector<std::string> out;
  end_line(out);
  return out;
}

}  // namespace mullion::plugins
