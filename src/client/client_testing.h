// A server in memory, for tests of what asks one.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "client/api.h"

namespace mullion::client {

/// Answers by a script, and remembers what it was asked. Set it up before the first request.
class ScriptedApi : public Api {
 public:
  env::Task<Result<Answer>> send(net::ClientRequest request) override {
    std::string line = request.method + " " + request.target;
    const auto found = answers.find(line);
    const std::string* body = std::get_if<std::string>(&request.body);
    if (body != nullptr && !body->empty()) line += " " + *body;
    {
      Lock lock(mutex_);
      sent_.push_back(std::move(line));
    }
    if (is_cut) co_return broken;
    if (found == answers.end()) co_return Answer{404, {}, R"({"Messages":["not in the script"]})"};
    co_return found->second;
  }

  /// "PUT /api/v3/prefs {...}", in order.
  std::vector<std::string> sent() const {
    Lock lock(mutex_);
    return sent_;
  }

  std::map<std::string, Answer> answers;  // by "GET /api/v3/info"; what is not here is not there (404)
  bool is_cut = false;                    // every request ends with `broken`
  Error broken = Error(ErrorCode::kUnreachable, "cut");

 private:
  mutable Mutex mutex_;
  std::vector<std::string> sent_ GUARDED_BY(mutex_);
};

}  // namespace mullion::client
