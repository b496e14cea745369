// The model endpoint's answers.
#include <sodium.h>

#include "apply/internal/apply_testing.h"
#include "base/mutex.h"
#include "base/percent.h"
#include "model/members.h"
#include "model/secure_params.h"

namespace mullion::apply {
namespace {

std::string after(const std::string& text, std::string_view prefix) { return text.substr(prefix.size()); }

}  // namespace

json::value PretendedEndpoint::stored(const std::string& param, const json::value& value) const {
  if (!secure.contains(param) || model::is_sealed(value)) return value;
  return json::parse(auth::seal(keys.public_key, json::serialize(value)));
}

json::object PretendedEndpoint::report() const {
  Lock lock(mutex);
  json::object out{
      {"Id", "E"}, {"Arch", "amd64"}, {"Os", "linux"}, {"DRPVersion", version}, {"DRPUXVersion", ux_version}};
  json::array elements;
  for (const auto& [name, one] : components)
    elements.push_back(json::object{
        {"Type", versionset::kind_name(one.first)}, {"Name", name}, {"ActualVersion", one.second}});
  out["Components"] = elements;
  json::array list;
  for (const auto& [name, plugin] : plugins) list.push_back(plugin);
  out["Plugins"] = list;
  json::object shown_prefs;
  for (const auto& [name, value] : prefs) shown_prefs[name] = value;
  out["Prefs"] = shown_prefs;
  out["Global"] = global;
  return out;
}

Result<client::Answer> PretendedEndpoint::answer(const std::string& method, const std::string& target,
                                                 const net::Headers& headers, const std::string& body) {
  std::function<void()> tell;
  Result<client::Answer> out = client::Answer{};
  {
    Lock lock(mutex);
    const std::string plain = percent_decode(target);
    const size_t mark = plain.find('?');
    const std::string path = after(plain.substr(0, mark), "/api/v3/");
    const std::string query = mark == std::string::npos ? "" : plain.substr(mark + 1);
    asked.push_back(method + " " + path);
    const int number = requests++;
    const bool fails = failure.at >= 0 && (number == failure.at || (failure.every && number > failure.at));
    if (restarting > 0) {
      --restarting;
      return Error(ErrorCode::kUnreachable, "it restarts");
    }
    if (fails && failure.kind == Failure::Kind::kBrokenBefore)
      return Error(ErrorCode::kUnreachable, "broke before");
    if (fails && failure.kind == Failure::Kind::kRefused) return refusal(500, "injected");
    if (const auto found = refused.find(method + " " + path); found != refused.end()) {
      if (found->second == 0) return Error(ErrorCode::kUnreachable, "the connection broke");
      return refusal(found->second, "not this one");
    }
    const bool writes = method != "GET" && method != "HEAD" && path != "configuration_lease";
    out = serve(method, path, query, headers, body);
    if (writes && out->status < 300) {
      changes.push_back(method + " " + path);
      tell = changed;
    }
    if (fails) out = Error(ErrorCode::kUnreachable, "broke after");
  }
  if (tell) tell();
  return out;
}

client::Answer PretendedEndpoint::serve(const std::string& method, const std::string& path,
                                        const std::string& query, const net::Headers& headers,
                                        const std::string& body) {
  if (path == "configuration_lease") return serve_lease(method, query, body);
  if (path == "info") return shown(200, json::object{{"version", version}});
  if (path == "system/upgrade" && method == "GET") return shown(200, json::object{{"State", "none"}});
  if (path == "system/upgrade") {
    version = after(files.at(after(query, "force=true&file=")), "drp ");
    restarting = 3;
    return {201, {}, "{}"};
  }
  if (path == "prefs" && method == "GET") {
    json::object all;
    for (const auto& [name, value] : prefs) all[name] = value;
    return shown(200, all);
  }
  if (path == "prefs") {
    const json::value all = json::parse(body);
    for (const auto& [name, value] : all.as_object()) prefs[name] = std::string(value.as_string());
    return {201, {}, "{}"};
  }
  if (path.ends_with("/pubkey")) {
    char text[64];
    sodium_bin2base64(text, sizeof(text), reinterpret_cast<const unsigned char*>(keys.public_key.data()),
                      keys.public_key.size(), sodium_base64_VARIANT_ORIGINAL);
    return shown(200, json::value(text));
  }
  if (path.starts_with("profiles/global/params/")) {
    const std::string name = after(path, "profiles/global/params/");
    if (method == "POST") global[name] = stored(name, json::parse(body));
    const json::value* value = global.if_contains(name);
    return shown(200, value == nullptr ? json::value() : *value);
  }
  if (path.starts_with("params/")) {
    if (!secure.contains(after(path, "params/"))) return refusal(404, "Not Found");
    return shown(200, json::object{{"Secure", true}});
  }
  if (path == "contents" || path.starts_with("contents/"))
    return serve_contents(method, path == "contents" ? "" : after(path, "contents/"), body);
  if (path.starts_with("plugin_providers/")) {
    const std::string name = after(path, "plugin_providers/");
    const auto found = components.find(name);
    if (method == "POST") {
      components[name] = {Kind::kPluginProvider, body.substr(body.find(' ') + 1)};
      return {201, {}, "{}"};
    }
    if (found == components.end()) return refusal(404, "Not Found");
    if (method == "DELETE") components.erase(found);
    return shown(200, json::object{{"Version", method == "DELETE" ? "" : found->second.second}});
  }
  if (path.starts_with("plugins")) return serve_plugins(method, path, body);
  if (path.starts_with("version_sets") || path.starts_with("catalog_items"))
    return serve_object(method, path, body);
  if (path == "files" && method == "GET") return list_files(query);
  return serve_file(method, path, query, headers, body);
}

client::Answer PretendedEndpoint::serve_contents(const std::string& method, const std::string& name,
                                                 const std::string& body) {
  if (method == "GET") {
    json::array out;
    for (const auto& [pack, one] : components)
      out.push_back(json::object{{"meta", json::object{{"Name", pack}, {"Version", one.second}}}});
    return shown(200, out);
  }
  if (method == "DELETE") {
    for (const auto& [pack, need] : needs) {
      if (need == name && components.contains(pack)) return refusal(409, pack + " needs it");
    }
    return components.erase(name) > 0 ? client::Answer{204, {}, ""} : refusal(404, "No such content store");
  }
  const std::string pack = body.substr(0, body.find(' '));
  if (method == "POST" && components.contains(pack)) return refusal(409, "already exists");
  const auto need = needs.find(pack);
  if (need != needs.end() && !components.contains(need->second)) return refusal(422, "lacks " + need->second);
  components[pack] = {Kind::kContentPackage, body.substr(body.find(' ') + 1)};
  return {method == "POST" ? 201 : 200, {}, "{}"};
}

client::Answer PretendedEndpoint::serve_object(const std::string& method, const std::string& path,
                                               const std::string& body) {
  const size_t slash = path.find('/');
  std::map<std::string, json::object>& here = objects[path.substr(0, slash)];
  if (method == "POST") {
    json::object object = json::parse(body).as_object();
    const std::string id = model::text_member(object, "Id");
    if (here.contains(id)) return refusal(409, "already exists");
    here[id] = object;
    return shown(201, object);
  }
  const auto found = here.find(path.substr(slash + 1));
  if (found == here.end()) return refusal(404, "Not Found");
  if (method == "PUT") found->second = json::parse(body).as_object();
  json::object object = found->second;
  if (method == "DELETE") here.erase(found);
  return shown(200, object);
}

/// Names in a directory, relative to it; with "all" also of what is below the directories in it.
client::Answer PretendedEndpoint::list_files(const std::string& query) const {
  const bool all = query.ends_with("&all=true");
  const std::string tree = "files/" + after(query.substr(0, query.find('&')), "path=");
  std::set<std::string> names;
  for (const auto& [path, content] : files) {
    if (!path.starts_with(tree)) continue;
    const std::string name = after(path, tree);
    for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
      names.insert(name.substr(0, at + 1));
      if (!all) break;
    }
    if (all || name.find('/') == std::string::npos) names.insert(name);
  }
  if (names.empty()) return refusal(404, "Not Found");
  return shown(200, json::array(names.begin(), names.end()));
}

client::Answer PretendedEndpoint::serve_plugins(const std::string& method, const std::string& path,
                                                const std::string& body) {
  if (path == "plugins") {
    json::object plugin = json::parse(body).as_object();
    const std::string name = model::text_member(plugin, "Name");
    if (plugins.contains(name)) return refusal(409, "already exists");
    plugins[name] = plugin;
    return shown(201, plugin);
  }
  const std::string rest = after(path, "plugins/");
  const std::string name = rest.substr(0, rest.find('/'));
  const auto found = plugins.find(name);
  if (found == plugins.end()) return refusal(404, "Not Found");
  if (rest.ends_with("/params")) {
    json::object params;
    const json::value all = json::parse(body);
    for (const auto& [param, value] : all.as_object()) params[param] = stored(param, value);
    found->second["Params"] = params;
  } else if (method == "PATCH") {
    const json::value steps = json::parse(body);
    for (const json::value& step : steps.as_array()) {
      const std::string at(step.at("path").as_string());
      if (at == "/Meta") found->second["Meta"] = step.at("value");
      if (at.starts_with("/Meta/")) found->second["Meta"].as_object()[after(at, "/Meta/")] = step.at("value");
    }
  }
  const json::object plugin = found->second;
  if (method == "DELETE") plugins.erase(found);
  return shown(200, plugin);
}

client::Answer PretendedEndpoint::serve_file(const std::string& method, const std::string& path,
                                             const std::string& query, const net::Headers& headers,
                                             const std::string& body) {
  client::Answer out{200, {}, ""};
  const bool partial = query == "partial=true";
  if (method == "HEAD") {
    const std::map<std::string, std::string>& where = partial ? pieces : files;
    const auto found = where.find(path);
    if (found == where.end()) return {404, {}, ""};
    out.headers.set(partial ? "Upload-Offset" : "X-DRP-SHA256SUM",
                    partial ? std::to_string(found->second.size()) : model_sum(found->second));
    return out;
  }
  if (method == "DELETE")
    return (partial ? pieces : files).erase(path) > 0 ? client::Answer{204, {}, ""}
                                                      : client::Answer{404, {}, ""};
  const auto header = headers.get("Content-Range");
  if (!header) {
    files[path] = body;
    return {201, {}, "{}"};
  }
  const auto range = net::parse_content_range(*header);
  std::string& piece = pieces[path];
  if (range->bytes.first == 0) piece.clear();
  out.headers.set("Upload-Offset", std::to_string(piece.size()));
  if (range->bytes.first != piece.size()) {
    out.status = 409;
    return out;
  }
  if (const uint64_t arrives = std::exchange(cut_piece_at, 0); arrives > 0) {
    piece += body.substr(0, arrives);
    out.status = 503;
    return out;
  }
  if (piece.size() + body.size() > full_at) return refusal(507, "the disk is full");
  piece += body;
  out.headers.set("Upload-Offset", std::to_string(piece.size()));
  out.status = range->last() ? 201 : 202;
  if (range->last()) {
    if (path == "files/ux/drp-ux.zip") ux_version = after(piece, "drp-ux ");
    files[path] = damaging.contains(path) ? piece + "!" : piece;
    pieces.erase(path);
  }
  return out;
}

client::Answer PretendedEndpoint::serve_lease(const std::string& method, const std::string& query,
                                              const std::string& body) {
  if (method == "POST") {
    const std::string wanted = model::text_member(json::object(json::parse(body).as_object()), "holder");
    if (!holder.empty() && holder != wanted) return refusal(409, "configured by " + holder);
    holder = wanted;
  }
  if (method == "DELETE" && query == "holder=" + holder) holder.clear();
  return shown(200, json::object{{"holder", holder}, {"seconds", 60}});
}

}  // namespace mullion::apply
