// The newest lines of the log: GET /logs.
#include <boost/json.hpp>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"

namespace mullion::api::handlers {

env::Task<Result<net::Response>> list_logs(Call&) {
  boost::json::array lines;
  for (const LogLine& line : recent_log_lines()) lines.push_back(events::log_line_object(line));
  co_return json_response(200, boost::json::value(std::move(lines)));
}

}  // namespace mullion::api::handlers
