#include "plugins/internal/provider_intake.h"

#include <fmt/format.h>

#include <cctype>

#include "base/text.h"
#include "plugins/providers.h"
#include "prefs/preferences.h"

namespace mullion::plugins {

namespace {

constexpr size_t kLargestDefinition = size_t{16} << 20;
constexpr size_t kLongestWords = 1000;
constexpr size_t kLargestUnpackOutput = size_t{1} << 20;

/// Says which call of the program failed.
Error in_call(Error error, std::string_view call) {
  error.messages.front() = fmt::format("{}: {}", call, error.messages.front());
  if (error.code == ErrorCode::kTimeout || error.code == ErrorCode::kTooLarge ||
      error.code == ErrorCode::kCancelled)
    return error;
  error.code = ErrorCode::kInvalid;  // a program that cannot be started is no provider
  return error;
}

/// ": " and what a program wrote to its standard error, in one line and without its token; "" when that is
/// nothing.
std::string own_words(std::string errors, const std::string& token) {
  for (size_t at = errors.find(token); at != std::string::npos; at = errors.find(token, at))
    errors.replace(at, token.size(), prefs::kMaskedPreference);
  std::string_view words = trimmed(errors);
  // The reason stands at the end, behind what was told on the way.
  if (words.size() > kLongestWords) words.remove_prefix(words.size() - kLongestWords);
  return words.empty() ? std::string() : ": " + escaped(words);
}

/// Runs the program as `call`, which must end well, with a token that does not outlive the call by much.
Task<Result<std::string>> run(const PluginHost& host, const std::string& name, const env::Path& program,
                              std::vector<std::string> call, std::optional<TokenScope> scope,
                              size_t max_output) {
  const std::string word = call.front();
  auto temporary = host.make_temporary();
  if (!temporary) co_return temporary.error();
  auto token = host.services.make_token(scope, host.options.start_limit + std::chrono::seconds(1));
  if (!token) co_return token.error();
  auto options = host.call(name, program, std::move(call), *token, (*temporary)->path());
  if (!options) co_return options.error();
  Result<env::ProgramOutput> output =
      co_await env::run_program(std::move(*options), host.options.start_limit, max_output);
  co_await env::run_blocking([&] { temporary->reset(); });
  if (!output) co_return in_call(output.error(), word);
  if (output->end.good()) co_return std::move(output->output);
  co_return Error(ErrorCode::kInvalid, fmt::format("{}: ended with {}{}", word, output->end.text(),
                                                   own_words(std::move(output->errors), *token)));
}

}  // namespace

Intake::~Intake() {
  if (!placed_) files_.discard(program);
  if (!unpacked.empty()) (void)env::remove_tree(unpacked);
}

Result<void> Intake::place() {
  placed_ = true;
  if (auto done = files_.place(name_, program); !done) return done;
  return files_.place_unpacked(name_, std::exchange(unpacked, {}));
}

Task<Result<std::unique_ptr<Intake>>> take_in(const PluginHost& host, const ProviderFiles& files,
                                              std::string name, net::BodySource& body, uint64_t max_bytes) {
  Result<StagedProgram> received = co_await files.receive(name, body, max_bytes);
  if (!received) co_return received.error();
  auto intake = std::make_unique<Intake>(files, name, std::move(*received));
  std::vector<std::string> define(1, "define");
  Result<std::string> printed =
      co_await run(host, name, intake->program.path, std::move(define), std::nullopt, kLargestDefinition);
  if (!printed) co_return printed.error();
  auto definition = read_definition(*printed, name);
  if (!definition) co_return definition.error();
  intake->definition = std::move(*definition);
  auto folder = files.make_unpack_folder();
  if (!folder) co_return folder.error();
  intake->unpacked = *folder;
  std::vector<std::string> unpack(1, "unpack");
  unpack.push_back(folder->string());
  Result<std::string> unpacked = co_await run(host, name, intake->program.path, std::move(unpack),
                                              intake->definition.token, kLargestUnpackOutput);
  if (!unpacked) co_return unpacked.error();
  co_return intake;
}

}  // namespace mullion::plugins
