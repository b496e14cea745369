#include "cli/output/output.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/documents/document.h"
#include "cli/output/escaping_stream.h"
#include "model/object.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

constexpr size_t kNarrowest = 6;  // a column is never made narrower to fit the terminal
constexpr std::string_view kGap = "  ";

/// Code points: near enough to columns for names, addresses and western text.
size_t shown_width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cut(std::string_view text, size_t width) {
  if (shown_width(text) <= width) return std::string(text);
  const std::string_view dots = width > 3 ? "..." : "";
  const size_t kept = width - dots.size();
  size_t bytes = 0;
  for (size_t seen = 0; bytes < text.size(); ++bytes) {
    const bool starts = (static_cast<unsigned char>(text[bytes]) & 0xC0U) != 0x80U;
    if (starts && seen++ == kept) break;
  }
  return std::string(text.substr(0, bytes)).append(dots);
}

const json::value* value_at(const json::value& row, std::string_view path) {
  const json::object* object = row.if_object();
  if (object == nullptr) return nullptr;
  if (const json::value* whole = object->if_contains(path)) return whole;
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const json::value* inner = object->if_contains(path.substr(0, dot));
  return inner == nullptr ? nullptr : value_at(*inner, path.substr(dot + 1));
}

std::string painted(const std::string& text, const std::string& color) {
  return "\033[" + color + "m" + text + "\033[0m";
}

using Grid = std::vector<std::vector<std::string>>;

/// Takes from the widest column until everything fits.
void fit(std::vector<size_t>& widths, size_t limit) {
  const size_t gaps = kGap.size() * (widths.size() - 1);
  while (true) {
    size_t total = gaps;
    for (const size_t width : widths) total += width;
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (limit == 0 || total <= limit || *widest <= kNarrowest) return;
    const size_t excess = total - limit;
    std::vector<size_t> others(widths);
    std::sort(others.rbegin(), others.rend());
    const size_t next = std::max(kNarrowest, others.size() > 1 ? others[1] : kNarrowest);
    const size_t step = *widest > next ? std::min(excess, *widest - next) : 1;
    *widest -= step;
  }
}

void append_line(std::string& out, const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string shown = cut(cells[i], widths[i]);
    if (i > 0) line += kGap;
    line += shown;
    line.append(widths[i] - std::min(widths[i], shown_width(shown)), ' ');
  }
  const size_t end = line.find_last_not_of(' ');
  out.append(line, 0, end == std::string::npos ? 0 : end + 1).append("\n");
}

std::vector<Column> named_columns(const std::vector<std::string>& names) {
  std::vector<Column> columns;
  columns.reserve(names.size());
  for (const std::string& name : names) columns.push_back({name, name});
  return columns;
}

/// Columns without a value in any row only take room.
void drop_empty(std::vector<Column>& columns, const json::array& rows) {
  if (rows.empty()) return;
  std::erase_if(columns, [&rows](const Column& column) {
    return std::all_of(rows.begin(), rows.end(), [&column](const json::value& row) {
      const json::value* value = value_at(row, column.path);
      return value == nullptr || cell_text(*value).empty();
    });
  });
}

std::vector<Column> columns_of(const Options& options, std::string_view subject, const json::array& rows) {
  if (!options.print_fields.empty()) return named_columns(options.print_fields);
  std::vector<Column> columns = default_columns(subject);
  if (!columns.empty()) {
    drop_empty(columns, rows);
    return columns;
  }
  if (rows.empty() || !rows[0].is_object()) return columns;
  std::vector<std::string> names;
  for (const auto& member : rows[0].get_object()) names.emplace_back(member.key());
  std::sort(names.begin(), names.end());
  return named_columns(names);
}

/// A single object, or a list of plain values, as rows of Field and Value or of one column.
json::array rows_of(const json::value& value, std::vector<Column>& columns, const Options& options) {
  json::array rows;
  if (const json::array* array = value.if_array()) {
    columns = named_columns({"Value"});
    for (const json::value& item : *array) rows.push_back(json::object{{"Value", item}});
    return rows;
  }
  columns = named_columns({"Field", "Value"});
  std::vector<std::string> names = options.print_fields;
  if (names.empty()) {
    for (const auto& member : value.get_object()) names.emplace_back(member.key());
    std::sort(names.begin(), names.end());
  }
  for (const std::string& name : names) {
    const json::value* found = value_at(value, name);
    rows.push_back(json::object{{"Field", name}, {"Value", found == nullptr ? json::value() : *found}});
  }
  return rows;
}

void print_plain(Terminal& terminal, const std::vector<Column>& columns, const json::array& rows, bool header,
                 size_t longest) {
  std::string out;
  for (size_t i = 0; header && i < columns.size(); ++i)
    out += (i > 0 ? "\t" : "") + escaped(columns[i].title);
  if (header) out += '\n';
  for (const json::value& row : rows) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const json::value* value = value_at(row, columns[i].path);
      out += (i > 0 ? "\t" : "") + cut(value == nullptr ? std::string("<nil>") : go_text(*value), longest);
    }
    out += '\n';
  }
  terminal.out << out;
}

void print_rows(Terminal& terminal, const Options& options, std::string_view subject,
                const json::value& value) {
  const bool is_list = value.is_array();
  const bool of_objects = is_list && (value.get_array().empty() || value.get_array()[0].is_object());
  std::vector<Column> columns;
  const json::array rows = of_objects ? value.get_array() : rows_of(value, columns, options);
  if (of_objects) columns = columns_of(options, subject, rows);
  if (options.format == Format::kText)
    return print_plain(terminal, columns, rows, !options.no_header, options.truncate_length);
  TableStyle style{terminal.width, options.truncate_length, !options.no_header,
                   options.colors ? options.palette.header : std::string()};
  if (!is_list) style.longest = 100000;  // one object is shown whole where the terminal is wide enough
  if (!columns.empty()) write_styled(terminal.out, table_text(columns, {rows.data(), rows.size()}, style));
  if (!of_objects || options.no_header || !terminal.err_is_terminal) return;
  terminal.out.flush();
  std::string noun = subject.empty() ? "rows" : std::string(subject);
  if (rows.size() == 1 && noun.ends_with('s')) noun.pop_back();
  terminal.err << rows.size() << " " << noun << "\n";
}

}  // namespace

std::string cell_text(const json::value& value) {
  if (value.is_null()) return {};
  if (const json::string* plain = value.if_string()) return escaped(std::string_view(*plain));
  std::string text;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) text += (text.empty() ? "" : ",") + cell_text(item);
    return text;
  }
  if (!value.is_object() || !value.get_object().empty()) model::append_json(text, value);
  return escaped(text);
}

std::string go_text(const json::value& value) {
  if (value.is_null()) return "<nil>";
  if (const json::string* plain = value.if_string()) return escaped(std::string_view(*plain));
  std::string text;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) text += (text.empty() ? "" : " ") + go_text(item);
    return "[" + text + "]";
  }
  if (const json::object* object = value.if_object()) {
    std::vector<std::string> members;
    for (const auto& entry : *object)
      members.push_back(escaped(std::string_view(entry.key())) + ":" + go_text(entry.value()));
    std::sort(members.begin(), members.end());
    for (const std::string& entry : members) text += (text.empty() ? "" : " ") + entry;
    return "map[" + text + "]";
  }
  model::append_json(text, value);
  return text;
}

namespace {

/// End of the JSON string that begins at `begin`.
size_t string_end(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return std::min(text.size(), end + 1);
}

const std::string& color_of_word(char first, const Palette& palette) {
  if (first == 'n') return palette.null;
  return first == 't' || first == 'f' ? palette.boolean : palette.number;
}

}  // namespace

std::string terminal_json(const json::value& value) {
  const std::string plain = pretty_json(value);
  std::string text;
  for (const char c : plain) text += c == '\x7f' ? std::string_view("\\u007f") : std::string_view(&c, 1);
  return escaped_lines(text);
}

std::string colored_json(const json::value& value, const Palette& palette) {
  const std::string text = terminal_json(value);
  std::string out;
  size_t next = 0;
  while (next < text.size()) {
    if (text[next] == '"') {
      const size_t end = string_end(text, next);
      const bool is_key = end < text.size() && text[end] == ':';
      out += painted(text.substr(next, end - next), is_key ? palette.key : palette.text);
      next = end;
    } else if (std::string_view("{}[],: \n").find(text[next]) != std::string_view::npos) {
      out += text[next++];
    } else {
      const size_t end = std::min(text.size(), text.find_first_of(",\n", next));
      out += painted(text.substr(next, end - next), color_of_word(text[next], palette));
      next = end;
    }
  }
  return out;
}

std::string table_text(const std::vector<Column>& columns, std::span<const json::value> rows,
                       const TableStyle& style) {
  Grid grid;
  std::vector<size_t> widths;
  std::vector<std::string> titles;
  for (const Column& column : columns) {
    titles.push_back(escaped(column.title));
    widths.push_back(style.header ? shown_width(titles.back()) : 1);
  }
  for (const json::value& row : rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < columns.size(); ++i) {
      const json::value* value = value_at(row, columns[i].path);
      cells.push_back(value == nullptr ? std::string() : cut(cell_text(*value), style.longest));
      widths[i] = std::max(widths[i], shown_width(cells.back()));
    }
    grid.push_back(std::move(cells));
  }
  if (columns.empty()) return {};
  fit(widths, style.width);
  std::string out;
  if (style.header) {
    std::string line;
    append_line(line, titles, widths);
    out += style.header_color.empty() ? line
                                      : painted(line.substr(0, line.size() - 1), style.header_color) + "\n";
  }
  for (const std::vector<std::string>& cells : grid) append_line(out, cells, widths);
  return out;
}

namespace {

void print_json(Terminal& terminal, const Options& options, const json::value& value) {
  if (options.colors) {
    write_styled(terminal.out, colored_json(value, options.palette) + "\n");
  } else {
    terminal.out << (terminal.out_is_terminal ? terminal_json(value) : pretty_json(value)) << "\n";
  }
}

}  // namespace

void print_value(Terminal& terminal, const Options& options, std::string_view subject,
                 const json::value& value) {
  const bool tabular = options.format == Format::kTable || options.format == Format::kText;
  if (tabular && (value.is_array() || value.is_object()))
    return print_rows(terminal, options, subject, value);
  if (tabular) {
    terminal.out << cell_text(value) << "\n";
  } else if (options.format == Format::kGo) {
    terminal.out << go_text(value) << "\n";
  } else if (options.format == Format::kYaml) {
    terminal.out << yaml::write(value);
  } else {
    print_json(terminal, options, value);
  }
}

std::string error_text(const Error& error) {
  std::string head = escaped(error.type);
  if (!error.model.empty()) head += ": " + escaped(error.model);
  if (!error.model.empty() && !error.key.empty()) head += "/" + escaped(error.key);
  std::string text = "Error: " + head;
  if (error.messages.size() == 1) return text + (head.empty() ? "" : ": ") + escaped(error.messages[0]);
  for (size_t i = 0; i < error.messages.size(); ++i) {
    text += (i == 0 && head.empty() ? "" : "\n  ") + escaped(error.messages[i]);
  }
  return text;
}

}  // namespace mullion::cli
