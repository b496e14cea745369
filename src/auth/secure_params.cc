// Secure parameters: NaCl boxes with one key pair per object.
#include "model/secure_params.h"

#include <fmt/format.h>
#include <sodium.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <unordered_map>

#include "auth/auth.h"
#include "auth/internal/codec.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/letters.h"
#include "base/mutex.h"
#include "model/object.h"

namespace mullion::auth {

namespace {

namespace json = boost::json;
constexpr std::string_view kSpace = "box-keys";
constexpr size_t kPairBytes = crypto_box_PUBLICKEYBYTES + crypto_box_SECRETKEYBYTES;
constexpr size_t kLongestName = 500;  // of "prefix/key": a longer one cannot be stored

unsigned char* writable(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
std::string random_bytes(size_t count) {
  ensure_sodium();
  std::string out(count, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

std::optional<KeyPair> stored_pair(const store::Snapshot& snapshot, const std::string& name) {
  const auto value = snapshot.secret(kSpace, name);
  if (!value || value->size() != kPairBytes) return std::nullopt;
  return KeyPair{value->substr(0, crypto_box_PUBLICKEYBYTES), value->substr(crypto_box_PUBLICKEYBYTES)};
}

/// Makes the pairs that are told before they are stored, the same one for the same name each time. What they
/// are made of is in memory alone and ends with the process: whoever reads the database learns nothing of
/// pairs that will be stored later. Thread-safe.
class ToldPairs {
 public:
  KeyPair pair(const std::string& name) {
    std::string seed(crypto_box_SEEDBYTES, '\0');
    {
      const Lock lock(mutex_);
      const auto found = forgotten_.find(name);
      const std::string text = fmt::format("{} {}", found == forgotten_.end() ? 0 : found->second, name);
      crypto_generichash(writable(seed), seed.size(), bytes_of(text), text.size(), bytes_of(secret_),
                         secret_.size());
    }
    KeyPair pair{std::string(crypto_box_PUBLICKEYBYTES, '\0'), std::string(crypto_box_SECRETKEYBYTES, '\0')};
    crypto_box_seed_keypair(writable(pair.public_key), writable(pair.private_key), bytes_of(seed));
    sodium_memzero(seed.data(), seed.size());
    return pair;
  }

  /// The next pair of this name is another one. Once too many names are remembered, those of all are: whoever
  /// was told one and has not used it asks again.
  void forget(std::string name) {
    const Lock lock(mutex_);
    ++forgotten_[std::move(name)];
    if (forgotten_.size() <= kMostForgotten) return;
    forgotten_.clear();
    secret_ = random_bytes(crypto_generichash_KEYBYTES);
  }

 private:
  static constexpr size_t kMostForgotten = 100'000;

  Mutex mutex_;
  std::string secret_ GUARDED_BY(mutex_) = random_bytes(crypto_generichash_KEYBYTES);
  std::unordered_map<std::string, uint64_t> forgotten_ GUARDED_BY(mutex_);  // how often
};

ToldPairs& told_pairs() {
  static ToldPairs made;
  return made;
}

/// The three parts of a SecureData value, still base64; absent when `text` is something else.
std::optional<json::object> parse_secure_data(std::string_view text) {
  auto parsed = parse_json(text, 8);
  if (!parsed || !model::is_sealed(*parsed)) return std::nullopt;
  return std::move(parsed->get_object());
}

std::optional<std::string> part(const json::object& data, const char* name) {
  return base64_decode(std::string_view(data.at(name).get_string()));
}

std::string pair_name(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + "/" + std::string(key);
}

Error corrupted() { return Error(ErrorCode::kInvalid, "SecureData corrupted"); }

}  // namespace

KeyPair make_key_pair() {
  ensure_sodium();
  KeyPair pair{std::string(crypto_box_PUBLICKEYBYTES, '\0'), std::string(crypto_box_SECRETKEYBYTES, '\0')};
  crypto_box_keypair(writable(pair.public_key), writable(pair.private_key));
  return pair;
}

Result<KeyPair> object_key_pair(const store::Store& store, std::string_view prefix, std::string_view key) {
  if (auto pair = stored_pair(*store.snapshot(), pair_name(prefix, key))) return *pair;
  return Error(ErrorCode::kNotFound, "GET", std::string(prefix), std::string(key), {"Not Found"});
}

Result<KeyPair> told_key_pair(const store::Store& store, std::string_view prefix, std::string_view key) {
  std::string name = pair_name(prefix, key);
  if (name.size() > kLongestName)
    return Error(ErrorCode::kInvalid, "GET", std::string(prefix), "", {"The key is too long"});
  if (auto pair = stored_pair(*store.snapshot(), name)) return *pair;
  return told_pairs().pair(name);
}

void forget_told_key_pair(std::string_view prefix, std::string_view key) {
  told_pairs().forget(pair_name(prefix, key));
}

Result<KeyPair> kept_key_pair(store::Store& store, std::string_view prefix, std::string_view key) {
  if (auto pair = object_key_pair(store, prefix, key)) return pair;
  auto made = kept_key_pairs(store, {{std::string(prefix), std::string(key)}});
  if (!made) return made.error();
  return std::move(made->front());
}

Result<std::vector<KeyPair>> kept_key_pairs(store::Store& store,
                                            const std::vector<std::pair<std::string, std::string>>& objects) {
  static Mutex making;  // two first users of one object must agree on its pair
  const Lock lock(making);
  std::vector<KeyPair> pairs;
  std::map<std::string, KeyPair> fresh;
  const std::shared_ptr<const store::Snapshot> snapshot = store.snapshot();
  for (const auto& [prefix, key] : objects) {
    const std::string name = pair_name(prefix, key);
    if (const auto stored = stored_pair(*snapshot, name)) {
      pairs.push_back(*stored);
      continue;
    }
    // Somebody may have sealed for it already.
    pairs.push_back(fresh.try_emplace(name, told_pairs().pair(name)).first->second);
  }
  if (fresh.empty()) return pairs;
  store::Batch batch;
  batch.principal = "system";
  for (const auto& [name, pair] : fresh) {
    batch.secrets.push_back({std::string(kSpace), name, pair.public_key + pair.private_key});
  }
  if (auto committed = store.commit_sync(std::move(batch)); !committed) return committed.error();
  return pairs;
}

std::string seal(std::string_view public_key, std::string_view clear_json) {
  const KeyPair sender = make_key_pair();
  const std::string nonce = random_bytes(crypto_box_NONCEBYTES);
  std::string payload(clear_json.size() + crypto_box_MACBYTES, '\0');
  if (public_key.size() != crypto_box_PUBLICKEYBYTES ||
      crypto_box_easy(writable(payload), bytes_of(clear_json), clear_json.size(), bytes_of(nonce),
                      bytes_of(public_key), bytes_of(sender.private_key)) != 0) {
    return {};
  }
  return json::serialize(json::object{{"Key", base64_encode(sender.public_key)},
                                      {"Nonce", base64_encode(nonce)},
                                      {"Payload", base64_encode(payload)}});
}

Result<std::string> seal_for(std::string_view public_key_base64, std::string_view clear_json) {
  const auto key = base64_decode(public_key_base64);
  std::string sealed = key ? seal(*key, clear_json) : std::string();
  if (sealed.empty()) return Error(ErrorCode::kInvalid, "Key must be 32 bytes long");
  return sealed;
}

std::string salted_digest(std::string_view salt, std::string_view text) {
  ensure_sodium();
  constexpr size_t kBytes = crypto_generichash_BYTES;
  std::string digest(kBytes, '\0');
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, kBytes);
  const std::string length = std::to_string(salt.size()) + ":";
  for (const std::string_view part : {std::string_view(length), salt, text})
    crypto_generichash_update(&state, bytes_of(part), part.size());
  crypto_generichash_final(&state, writable(digest), kBytes);
  return hex_text(digest);
}

Result<std::string> open_sealed(const KeyPair& pair, std::string_view secure_data_json) {
  const auto data = parse_secure_data(secure_data_json);
  if (!data) return corrupted();
  const auto key = part(*data, "Key");
  const auto nonce = part(*data, "Nonce");
  const auto payload = part(*data, "Payload");
  if (!key || key->size() != crypto_box_PUBLICKEYBYTES) {
    return Error(ErrorCode::kInvalid, "Key must be 32 bytes long");
  }
  if (!nonce || nonce->size() != crypto_box_NONCEBYTES) {
    return Error(ErrorCode::kInvalid, "Nonce must be 24 bytes long");
  }
  if (!payload || payload->size() < crypto_box_MACBYTES) return corrupted();
  std::string clear(payload->size() - crypto_box_MACBYTES, '\0');
  if (pair.private_key.size() != crypto_box_SECRETKEYBYTES ||
      crypto_box_open_easy(writable(clear), bytes_of(*payload), payload->size(), bytes_of(*nonce),
                           bytes_of(*key), bytes_of(pair.private_key)) != 0) {
    return corrupted();
  }
  return clear;
}

bool is_secure_data(std::string_view json_text) { return parse_secure_data(json_text).has_value(); }

}  // namespace mullion::auth
