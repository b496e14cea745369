// Global flags, RS_* variables and ~/.drpclirc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/terminal.h"

namespace mullion::cli {

/// One flag of a command or of all commands.
struct FlagSpec {
  std::string_view name;
  char letter = 0;              // 0: long form only
  std::string_view value_name;  // "": a switch
  std::string_view help;
};

/// Flags as given, in order.
class FlagValues {
 public:
  void set(std::string_view name, std::string value);
  bool has(std::string_view name) const;
  /// Last value, or "".
  std::string get(std::string_view name) const;
  /// Every value, in order.
  std::vector<std::string> all(std::string_view name) const;
  /// True when a switch was given, unless as --name=false.
  bool on(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// Attributes of terminal colours, such as "34;1", for each kind of text.
struct Palette {
  std::string null = "90";
  std::string boolean = "33";
  std::string number = "36";
  std::string text = "32";
  std::string key = "34;1";
  std::string header = "1";
};
/// Changes by "0=90;1=33": 0 null, 1 boolean, 2 number, 3 text, 4 key, 5 header of tables; several attributes
/// are separated by commas. kBadRequest when it is written otherwise.
Result<void> set_palette(Palette& palette, std::string_view text);

/// Which servers are talked to. By default one shows its certificate at the first call and must show the same
/// ever after; kStrict demands that it is known or verified from the first call on; kNone checks nothing.
enum class Verify { kRemember, kStrict, kNone };

enum class Format { kJson, kYaml, kTable, kText, kGo };

/// What every command obeys.
struct Options {
  std::vector<std::string> endpoints;
  std::string username;
  std::string password;
  std::string token;
  Format format = Format::kJson;
  bool format_given = false;
  std::vector<std::string> print_fields;
  bool no_header = false;
  size_t truncate_length = 40;
  bool colors = false;
  Palette palette;
  bool force = false;
  std::string reference;  // --ref
  std::string trace;
  std::string trace_token;
  std::string url_proxy;
  bool no_token = false;
  bool debug = false;
  bool exit_early = false;
  std::string token_cache;  // directory
  Verify verify = Verify::kRemember;
  std::string ca_file;                // PEM; verifies the server of the command
  std::string fingerprint;            // as parse_fingerprint(); the only certificate it may show
  std::string known_servers;          // file
  std::vector<std::string> catalogs;  // URLs or files; of two items with one id the first one counts
  std::string local_proxy;            // Unix socket to talk through
  std::string download_proxy;         // "http://host:port" for what does not come from the server
};

std::span<const FlagSpec> global_flags();

/// Defaults, then the environment, then the rc file, then `flags`; later wins. kBadRequest names what is
/// wrong.
Result<Options> resolve_options(const Terminal& terminal, const FlagValues& flags);

}  // namespace mullion::cli
