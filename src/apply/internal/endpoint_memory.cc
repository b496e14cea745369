#include "apply/internal/endpoint_memory.h"

#include "auth/auth.h"
#include "base/mutex.h"
#include "model/members.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "store/commit_async.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kMemorySpace = "configured";
constexpr std::string_view kSecrets = "secrets";
constexpr std::string_view kUploads = "uploads";
constexpr int kMemoryAttempts = 16;

/// The same text for the same value, however its members are ordered where it is shown.
std::string text_of(const json::value& value) {
  std::string text;
  if (!model::is_sealed(value)) {
    model::append_json(text, value);
    return text;
  }
  for (const char* name : {"Key", "Nonce", "Payload"})
    text += std::string(value.at(name).get_string()) + "\n";
  return text;
}

json::object& member(json::object& record, std::string_view name) {
  json::value& value = record[name];
  if (!value.is_object()) value = json::object();
  return value.get_object();
}

}  // namespace

std::shared_ptr<const json::object> EndpointMemory::record(const std::string& endpoint) const {
  std::string text = store_.snapshot()->secret(kMemorySpace, endpoint).value_or("");
  const Lock lock(mutex_);
  if (text != parsed_text_) {
    parsed_ = std::make_shared<const json::object>(model::parse_object(text));
    parsed_text_ = std::move(text);
  }
  return parsed_;
}

env::Task<Result<void>> EndpointMemory::change(std::string endpoint,
                                               std::function<void(json::object&)> change) {
  Error last;
  for (int attempt = 0; attempt < kMemoryAttempts; ++attempt) {
    const std::optional<std::string> before = store_.snapshot()->secret(kMemorySpace, endpoint);
    json::object record = model::parse_object(before.value_or(""));
    change(record);
    std::string after = json::serialize(record);
    if (before && *before == after) co_return Result<void>{};
    store::Batch batch;
    batch.secret_guards.push_back({std::string(kMemorySpace), endpoint, before});
    batch.secrets.push_back({std::string(kMemorySpace), endpoint, std::move(after)});
    batch.principal = "system";
    Result<store::Cursor> done = co_await store::commit_async(store_, std::move(batch));
    if (done) co_return Result<void>{};
    last = done.error();
    if (last.code != ErrorCode::kConflict) break;
  }
  co_return last;
}

bool EndpointMemory::same_secret(const std::string& endpoint, const std::string& place,
                                 const json::value& wanted, const json::value& shown) const {
  const std::shared_ptr<const json::object> record = this->record(endpoint);
  const json::object& secret = model::object_member(model::object_member(*record, kSecrets), place);
  const std::string salt = model::text_member(secret, "salt");
  return !salt.empty() && model::text_member(secret, "shown") == auth::salted_digest(salt, text_of(shown)) &&
         model::text_member(secret, "wanted") == auth::salted_digest(salt, text_of(wanted));
}

env::Task<Result<void>> EndpointMemory::remember_secret(std::string endpoint, std::string place,
                                                        json::value wanted, json::value shown) {
  const std::string salt = auth::make_secret();
  json::object secret{{"salt", salt},
                      {"wanted", auth::salted_digest(salt, text_of(wanted))},
                      {"shown", auth::salted_digest(salt, text_of(shown))}};
  co_return co_await change(std::move(endpoint), [&place, &secret](json::object& record) {
    member(record, kSecrets)[place] = secret;
  });
}

std::string EndpointMemory::unfinished(const std::string& endpoint, const std::string& target) const {
  const std::shared_ptr<const json::object> record = this->record(endpoint);
  return model::text_member(model::object_member(*record, kUploads), target);
}

env::Task<Result<void>> EndpointMemory::remember_unfinished(std::string endpoint, std::string target,
                                                            std::string sha256) {
  co_return co_await change(std::move(endpoint), [&target, &sha256](json::object& record) {
    json::object& uploads = member(record, kUploads);
    if (sha256.empty()) {
      uploads.erase(target);
    } else {
      uploads[target] = sha256;
    }
  });
}

env::Task<Result<void>> EndpointMemory::forget(std::string endpoint) {
  if (!store_.snapshot()->secret(kMemorySpace, endpoint)) co_return Result<void>{};
  store::Batch batch;
  batch.secrets.push_back({std::string(kMemorySpace), std::move(endpoint), std::nullopt});
  batch.principal = "system";
  Result<store::Cursor> done = co_await store::commit_async(store_, std::move(batch));
  if (!done) co_return done.error();
  co_return Result<void>{};
}

}  // namespace mullion::apply
