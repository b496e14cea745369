// Parameters of objects: schemas, sealing of secure values, aggregation.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "env/pools.h"
#include "model/budget.h"
#include "objects/context.h"
#include "objects/stored.h"

namespace mullion::objects {

/// A member that is an object; null for everything else, and for null.
const boost::json::object* object_member(const boost::json::object* object, std::string_view name);

/// Whether prepare_params() can have something to do.
bool may_hold_secure_values(const model::ObjectType& type);
/// Checks every changed parameter of `object` against its Param schema and seals clear values of secure ones.
/// kInvalid with one message per bad value; what takes long is done on the account of `caller`.
/// `pair` becomes the key pair that sealed: the batch that stores the values must guard it (box_guard).
env::Task<Result<void>> prepare_params(Context& context, env::Caller caller, const store::Snapshot& snapshot,
                                       const model::ObjectType& type, std::string key,
                                       boost::json::object& object, const boost::json::object* before,
                                       std::optional<auth::KeyPair>& pair);

/// Where key pairs of objects are kept: space and key of the store's secrets.
inline constexpr std::string_view kBoxSpace = "box-keys";
std::string box_name(const model::ObjectType& type, std::string_view key);
/// The object's key pair is still this one when the batch is committed.
store::SecretGuard box_guard(const model::ObjectType& type, std::string_view key, const auth::KeyPair& pair);

/// The default that the schema of an owner's Param gives; null when there is none.
boost::json::value param_default(const store::Snapshot& snapshot, std::string_view name,
                                 std::string_view owner = store::kOwn);
/// What the schema of the Param has against `value`; empty when it fits, or there is no such Param. Once the
/// budget has ended the answer is of no use beyond saying so.
std::vector<std::string> param_problems(const store::Snapshot& snapshot, std::string_view name,
                                        const boost::json::value& value, model::Budget& budget);

/// Leaves only `names`; all when empty.
void keep_params(boost::json::object& params, const std::vector<std::string>& names);
/// Opens every sealed value with the object's key; values that cannot be opened stay sealed.
void decode_params(Context& context, std::string_view prefix, const std::string& key,
                   boost::json::object& params);

/// How parameters of several levels become one map.
struct Aggregation {
  /// Maps are merged and lists joined over all levels; otherwise the nearest value stands alone.
  bool compose = false;
  /// Opens sealed values, each with the key of the object that holds it; they stay sealed when absent.
  Context* decoder = nullptr;
};
/// Params of `object`, which is `target`, and of everything it takes parameters from, nearest first wins.
/// Objects of a remote owner take that owner's profiles, then local ones.
boost::json::object aggregated_params(const model::ObjectType& type, const store::Snapshot& snapshot,
                                      const boost::json::object& object, const Target& target,
                                      Aggregation how);
/// The stored body with aggregated Params.
std::string with_aggregated_params(const model::ObjectType& type, const store::Snapshot& snapshot,
                                   const Target& target, Aggregation how);
/// Where aggregated values come from beside the object, so that they are as old as these.
std::vector<std::string> aggregated_collections();
/// For filters: the aggregated value, or the default of the Param.
store::ParamResolver aggregate_resolver(std::shared_ptr<const store::Snapshot> snapshot);

}  // namespace mullion::objects
