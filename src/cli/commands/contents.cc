// Content packs on the server.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/sealing.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "env/file.h"
#include "model/secure_params.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

client::Request replacing(const client::Request& request, bool writable) {
  return writable ? request.with("replaceWritable", "true") : request;
}

/// Servers with this feature show and take secure values of packs in clear: whoever keeps such a pack in a
/// file wants them sealed there.
constexpr std::string_view kClearPacks = "secure-params-in-content-packs";

Result<bool> server_has_feature(Invocation& call, std::string_view feature) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  const std::vector<std::string> features = texts_member(*info, "features");
  return std::find(features.begin(), features.end(), feature) != features.end();
}

using ValueChange = std::function<Result<json::value>(const std::string& name, const json::value& value)>;

Result<void> change_params(json::value& object, const ValueChange& change) {
  json::value* params = object.is_object() ? object.get_object().if_contains("Params") : nullptr;
  if (params == nullptr || !params->is_object()) return {};
  for (auto& entry : params->get_object()) {
    Result<json::value> changed = change(std::string(entry.key()), entry.value());
    if (!changed) return changed.error();
    entry.value() = std::move(*changed);
  }
  return {};
}

/// Every parameter value that objects of a pack carry.
Result<void> change_pack_params(json::value& pack, const ValueChange& change) {
  json::value* sections = pack.is_object() ? pack.get_object().if_contains("sections") : nullptr;
  if (sections == nullptr || !sections->is_object()) return {};
  for (auto& section : sections->get_object()) {
    if (!section.value().is_object()) continue;
    for (auto& object : section.value().get_object()) {
      Result<void> changed = change_params(object.value(), change);
      if (!changed) return changed;
    }
  }
  return {};
}

Result<SealingKeys> read_keys(const std::string& path) {
  Result<std::string> text = env::read_file(path);
  if (!text) return Error(ErrorCode::kBadRequest, "cannot read the key file " + path);
  Result<json::value> document = yaml::read(*text);
  if (!document) return document.error();
  return SealingKeys{text_member(*document, "PublicKey"), text_member(*document, "PrivateKey")};
}

/// Keys of a file; made and kept there when there is none yet.
Result<SealingKeys> keep_keys(const std::string& path) {
  if (Result<SealingKeys> known = read_keys(path)) return known;
  const SealingKeys keys = make_sealing_keys();
  const json::value document = json::object{{"PublicKey", keys.public_key}, {"PrivateKey", keys.private_key}};
  Result<void> written = env::write_file_atomic(path, pretty_json(document) + "\n", 0600);
  if (!written) return Error(ErrorCode::kInsufficientStorage, "cannot write the key file " + path);
  return keys;
}

Result<std::vector<std::string>> secure_param_names(Invocation& call) {
  Result<json::value> params = call.session.get(client::get_collection("params").with("Secure", "Eq(true)"));
  if (!params) return params.error();
  std::vector<std::string> names;
  if (!params->is_array()) return names;
  for (const json::value& param : params->get_array()) names.push_back(text_member(param, "Name"));
  return names;
}

Result<void> seal_pack(Invocation& call, json::value& pack) {
  Result<bool> clear = server_has_feature(call, kClearPacks);
  if (!clear || !*clear) return clear ? Result<void>() : Result<void>(clear.error());
  Result<std::vector<std::string>> secure = secure_param_names(call);
  if (!secure) return secure.error();
  Result<SealingKeys> keys = keep_keys(call.flags.get("key"));
  if (!keys) return keys.error();
  return change_pack_params(
      pack, [&](const std::string& name, const json::value& value) -> Result<json::value> {
        const bool is_secure = std::find(secure->begin(), secure->end(), name) != secure->end();
        return is_secure && !model::is_sealed(value) ? seal(keys->public_key, value)
                                                     : Result<json::value>(value);
      });
}

Result<void> open_pack(Invocation& call, json::value& pack) {
  Result<bool> clear = server_has_feature(call, kClearPacks);
  if (!clear) return clear.error();
  if (!*clear) {
    return Error(ErrorCode::kUnavailable,
                 "this server does not take secure values of packs in clear; --key is of no use here");
  }
  Result<SealingKeys> keys = read_keys(call.flags.get("key"));
  if (!keys) return keys.error();
  return change_pack_params(pack, [&](const std::string&, const json::value& value) -> Result<json::value> {
    return model::is_sealed(value) ? open_sealed(*keys, value) : Result<json::value>(value);
  });
}

Result<json::value> pack_to_send(Invocation& call, const std::string& argument) {
  Result<json::value> pack = read_pack(call, argument);
  if (!pack || !call.flags.has("key")) return pack;
  Result<void> opened = open_pack(call, *pack);
  return opened ? std::move(pack) : Result<json::value>(opened.error());
}

}  // namespace

Result<json::value> read_pack(Invocation& call, const std::string& argument) {
  Result<json::value> pack = read_document(call, argument);
  if (!pack) return pack;
  const json::value* meta = member(*pack, "meta");
  if (meta != nullptr && !text_member(*meta, "Name").empty()) return pack;
  if (pack->is_string()) return Error(ErrorCode::kBadRequest, "there is no file " + argument);
  return Error(ErrorCode::kBadRequest, "this is no content pack: meta.Name is missing");
}

Result<json::value> upload_pack(Invocation& call, const json::value& pack, bool replace_writable) {
  const std::string name = text_member(*member(pack, "meta"), "Name");
  Result<json::value> known = call.session.get(client::get_contents(name));
  if (!known && known.error().status_override != 404) return known.error();
  const client::Request request = known ? client::put_contents(name) : client::post_contents();
  return call.session.send_value(replacing(request, replace_writable), pack);
}

Result<void> contents_list(Invocation& call) {
  Result<json::value> packs = call.session.get(client::get_contents());
  if (!packs) return packs.error();
  print_value(call.terminal, call.options, "contents", *packs);
  return {};
}

Result<void> contents_show(Invocation& call) {
  Result<json::value> pack = call.session.get(client::get_contents(call.argument(0)));
  if (!pack) return pack.error();
  if (call.flags.has("key")) {
    Result<void> sealed = seal_pack(call, *pack);
    if (!sealed) return sealed;
  }
  return print_answer(call, pack);
}

Result<void> contents_exists(Invocation& call) {
  Result<json::value> pack = call.session.get(client::get_contents(call.argument(0)));
  if (pack) return {};
  if (pack.error().status_override != 404) return pack.error();
  return Error(ErrorCode::kNotFound, "content:" + call.argument(0) + " does not exist");
}

Result<void> contents_create(Invocation& call) {
  Result<json::value> pack = pack_to_send(call, call.argument(0));
  if (!pack) return pack.error();
  const client::Request request = replacing(client::post_contents(), call.flags.on("replace-writable"));
  return print_answer(call, call.session.send_value(request, *pack));
}

Result<void> contents_update(Invocation& call) {
  Result<json::value> pack = pack_to_send(call, call.argument(1));
  if (!pack) return pack.error();
  const client::Request request =
      replacing(client::put_contents(call.argument(0)), call.flags.on("replace-writable"));
  return print_answer(call, call.session.send_value(request, *pack));
}

Result<void> contents_upload(Invocation& call) {
  Result<json::value> pack = pack_to_send(call, call.argument(0));
  if (!pack) return pack.error();
  return print_answer(call, upload_pack(call, *pack, call.flags.on("replace-writable")));
}

Result<void> contents_destroy(Invocation& call) {
  Result<json::value> gone = call.session.send_json({client::delete_contents(call.argument(0))});
  if (!gone) return gone.error();
  call.terminal.out << "Deleted content " << call.argument(0);
  return {};
}

}  // namespace mullion::cli
