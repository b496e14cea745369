// What a write means: one object of this server created, changed or removed, whoever asks for it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "model/budget.h"
#include "objects/context.h"
#include "objects/stored.h"

namespace mullion::objects {

/// The outcome of a write: what is stored now (of a removal: what was) and the commit that holds it.
struct Written {
  Target target;
  store::Cursor cursor;
  std::string secret = {};  // of an object that is gone; see shown_secrets.h
};

/// Turns the object as shown into the wanted one, within a budget of kPatchSteps at most. May run several
/// times: other writers may come first, and what takes longer is done again on another thread.
using Edit = std::function<Result<boost::json::value>(boost::json::object shown, model::Budget& budget)>;
/// Says of an object that may be created that there is none to create after all.
using Unless = std::function<bool(const boost::json::object& object)>;
/// Whether a change is about the object as a whole (event `update`), or about its parameters or its meta data
/// alone (event `save`).
enum class Extent { kObject, kPart };

struct WriteOptions {
  std::string named = {};       // what whoever asks called the object: refusals repeat it
  bool documents_named = true;  // whether refusals of the document that was sent repeat it, too
  bool force = false;           // what may be overridden does not count
};

/// One write. Its steps, in the order of steps(), are what is checked and done; they are tried again when
/// others change the same object in between. For one use, by one coroutine.
class Write {
 public:
  enum class Kind { kCreate, kChange, kRemove, kReseal };
  /// How a step ends that refuses nothing.
  enum class Next { kGoOn, kDone, kAgain };
  struct Step {
    std::string_view name;
    Result<Next> (Write::*now)() = nullptr;
    env::Task<Result<Next>> (Write::*later)() = nullptr;  // of a step that may wait
    bool (Write::*needed)() const = nullptr;              // null: always
  };
  /// The order of checks.
  static std::span<const Step> steps(Kind kind);

  /// What is given must outlive it.
  Write(WriteContext& context, const model::ObjectType& type, const Caller& caller,
        WriteOptions options = {});
  Write(const Write&) = delete;
  Write& operator=(const Write&) = delete;
  ~Write();

  /// Creates an own object; a target without a key: `unless` said that there is none to create.
  env::Task<Result<Written>> create(boost::json::value wanted, Unless unless = nullptr);
  /// Changes the local object of that key; an overwritable object of a layer gets an override.
  env::Task<Result<Written>> change(std::string key, Edit edit, Extent extent);
  /// Removes the local object of that key; `owner`: whose it was found to be, kOwn or kLayered.
  env::Task<Result<Written>> remove(std::string key, std::string owner);
  /// Seals the secure parameters of the own object of that key anew: `pair` becomes its key pair.
  env::Task<Result<Written>> reseal(std::string key, auth::KeyPair pair);

 private:
  using Outcome = Result<Next>;
  struct Attempt;

  env::Task<Result<Written>> run(Kind kind, std::vector<std::string> turns);
  env::Task<Result<Written>> followed(Written written);

  // Steps of several kinds, then of each, in their order. Refused: kNotFound, kInvalid, ...
  Outcome find_stored();
  Outcome check_shape();
  Outcome let_type_write();
  bool holds_params() const;
  env::Task<Outcome> check_params();
  bool works_alone() const;
  env::Task<Outcome> take_exclusive_turn();
  env::Task<Outcome> check_rules();
  Outcome check_unique();
  Outcome refuse_locked();

  Outcome fill_new_object();
  Outcome require_key();
  bool allowed_in_part() const;
  Outcome authorise_creation();
  Outcome refuse_taken_key();
  Outcome ask_whether_needed();
  Outcome make_secrets();
  Outcome join_tenant();
  env::Task<Outcome> commit_draft();

  Outcome begin_override();
  env::Task<Outcome> edit_shown();
  Outcome keep_key();
  Outcome compare_secrets();
  Outcome authorise_fields();
  Outcome authorise_subject();
  Outcome authorise_by_type();
  Outcome stop_without_change();
  env::Task<Outcome> commit_change();

  Outcome check_removable();
  Outcome check_unused();
  Outcome refuse_layered();
  env::Task<Outcome> commit_removal();

  env::Task<Outcome> keep_old_pair();
  Outcome refuse_held_by_pack();
  Outcome reseal_values();
  env::Task<Outcome> commit_resealed();

  std::vector<std::string> broken_rules(model::Budget& budget);
  Error refusal(ErrorCode code, std::vector<std::string> messages) const;
  Error refused_key(ErrorCode code, std::vector<std::string> messages) const;
  Error about_document(Error error) const;
  Error broken(std::vector<std::string> messages) const;
  Error of_store(Error error) const;

  WriteContext& context_;
  const model::ObjectType& type_;
  const Caller& caller_;
  const WriteOptions options_;
  const TypeHooks& hooks_;
  Kind kind_ = Kind::kCreate;
  std::string key_;            // of what is changed or removed
  boost::json::value wanted_;  // of a creation, as it was sent
  Edit edit_;
  Unless unless_;
  Extent extent_ = Extent::kObject;
  auth::KeyPair new_pair_;
  bool layer_below_ = false;          // of a removal: a layer's object shows again
  std::unique_ptr<Attempt> attempt_;  // the one that is made, then the one that succeeded
};

}  // namespace mullion::objects
