// The process of one plugin and the two sockets between it and this server.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "env/process.h"
#include "env/scratch_directory.h"
#include "plugins/internal/log_lines.h"
#include "plugins/providers.h"

namespace mullion::plugins {

/// What all plugins share. Lives as long as the providers.
struct PluginHost {
  PluginHost(env::Runtime& on, const env::Clock& time, std::function<double()> dice)
      : runtime(on), clock(time), chance(std::move(dice)), tasks(on.executor(), "plugins") {}
  env::Runtime& runtime;
  const env::Clock& clock;
  const std::function<double()> chance;  // in [0, 1)
  ProviderServices services;
  ProviderOptions options;
  env::TaskGroup tasks;
  std::atomic<uint64_t> starts{0}, failures{0}, missed_events{0};

  std::atomic<bool> stopping{false};  // the whole server: nothing is started any more

  /// A call of a program of the provider or plugin `name`: in a folder that stays, made anew when absent,
  /// with `token` and `temporary` in its environment.
  Result<env::ProcessOptions> call(const std::string& name, env::Path program,
                                   std::vector<std::string> arguments, const std::string& token,
                                   const env::Path& temporary) const;
  /// A new folder for the temporary files of one call; nobody else may look into it. kInsufficientStorage.
  Result<std::unique_ptr<env::ScratchDirectory>> make_temporary() const;
  /// Where those folders lie: what is there when the server starts was left by an earlier process.
  env::Path temporary_root() const { return options.base_root / "plugin-tmp"; }
};

/// Thread-safe. stop() must have returned before the last owner lets go.
class PluginChild : public std::enable_shared_from_this<PluginChild> {
 public:
  /// `changed` is told whenever failure() may have become something else.
  PluginChild(PluginHost& host, std::string plugin, env::Signal& changed)
      : host_(host), plugin_(std::move(plugin)), changed_(changed) {}
  ~PluginChild();

  /// Starts the program, with a token of `scope`, and waits for its READY!. After a failure stop() is still
  /// to be called.
  Task<Result<void>> start(env::Path program, std::optional<TokenScope> scope,
                           const std::function<bool()>& give_up);
  /// POST to the plugin: its JSON answer, or its error with the code it gave. kTimeout makes it a hanging
  /// plugin: failure() says so.
  Task<Result<std::string>> ask(std::string path, std::string body, env::Duration limit);
  /// Why this process is of no use any more; empty while it is.
  std::string failure() const;
  /// Politely for a moment when it is still of use, then at once.
  Task<void> stop();
  /// Queues an event, or counts it as missed.
  void tell_event(EventText event);

 private:
  Result<void> open_sockets();
  Result<env::ProcessOptions> prepare(env::Path program, const std::optional<TokenScope>& scope);
  Task<void> read_output(env::Process::Output which);
  Task<void> watch();
  Task<void> send_events();
  void take_lines(const std::vector<std::string>& lines, bool awaits_ready);
  void take_errors(const std::vector<std::string>& lines);
  Task<void> errors_are_read();
  std::string last_words() const;
  void fail(std::string reason);
  Task<net::Response> answer(net::Request& request);
  Task<Result<std::string>> serve(net::Request& request, std::string_view what);
  bool is_over() const;

  PluginHost& host_;
  const std::string plugin_;
  env::Signal& changed_;
  std::string token_;
  env::Path to_plugin_, from_plugin_;
  std::unique_ptr<env::ScratchDirectory> temporary_;
  std::unique_ptr<env::Process> process_;
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<net::Server> server_;
  env::Signal events_changed_;
  env::Signal errors_end_;
  mutable Mutex mutex_;  // guards everything below
  bool ready_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::string failure_ GUARDED_BY(mutex_);
  LastWords last_words_ GUARDED_BY(mutex_);  // of its errors while it starts: later it knows secrets
  bool errors_read_ GUARDED_BY(mutex_) = false;
  std::deque<EventText> events_ GUARDED_BY(mutex_);
};

}  // namespace mullion::plugins
