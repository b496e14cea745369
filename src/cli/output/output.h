// How answers look on stdout.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/terminal.h"
#include "cli/tree/options.h"

namespace mullion::cli {

namespace json = boost::json;

/// One column of a table: its title and where its value lives ("OS.Name" looks inside).
struct Column {
  std::string title;
  std::string path;
};

/// The columns of `--format table` for a collection when -J does not say otherwise; empty: none are set down.
std::vector<Column> default_columns(std::string_view subject);

struct TableStyle {
  size_t width = 0;     // columns of the terminal; 0: unlimited
  size_t longest = 40;  // longest value
  bool header = true;
  std::string header_color;  // attributes such as "1"; "": none
};

/// Aligned columns, fitted to the style's width by shortening the widest ones.
std::string table_text(const std::vector<Column>& columns, std::span<const json::value> rows,
                       const TableStyle& style);

/// A value on one line: text as it is, lists joined with commas, maps as JSON, nothing for null; escaped().
std::string cell_text(const json::value& value);

/// A value as Go programs print it: map[a:1 b:[x y]], <nil>; sorted keys; escaped().
std::string go_text(const json::value& value);

/// pretty_json() for terminals: the same value, with everything that could steer one as \uNNNN.
std::string terminal_json(const json::value& value);

/// terminal_json() with colours.
std::string colored_json(const json::value& value, const Palette& palette);

/// Prints `value` in the chosen format. `subject` is the collection it belongs to, or "".
void print_value(Terminal& terminal, const Options& options, std::string_view subject,
                 const json::value& value);

/// "Error: ..." in the shape of the contract, without newline; every message is escaped() and one line.
std::string error_text(const Error& error);

}  // namespace mullion::cli
