// Write a plugin provider for Mullion (or any server of the DRP plugin protocol, version 4) in one small
// file.
//
//   #include "mullion_plugin.h"
//
//   int main(int argc, char** argv) {
//     mullion::plugin::Provider provider("greeter", "v1.0.0");
//     provider.action("machines", "greet", {}, {"greeter/greeting"}, [](const mullion::plugin::Call& call) {
//       return mullion::plugin::json("Hello " + call.object["Name"].get<std::string>());
//     });
//     return provider.run(argc, argv);
//   }
//
// This header is all there is: C++17, POSIX, and nlohmann/json, which every distribution packages as one
// header. The protocol itself is HTTP over two unix sockets; none of it shows here.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mullion::plugin {

using json = nlohmann::json;

/// Thrown by handlers to answer with an error: the HTTP status and what the caller reads.
class Refusal : public std::runtime_error {
 public:
  explicit Refusal(const std::string& message, int code = 400) : std::runtime_error(message), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

namespace detail {

/// One HTTP message: the request or status line, and the body.
struct Message {
  std::string first_line, content_type, body;
};

inline int connect_to(const std::string& path, bool listen) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (listen) ::unlink(path.c_str());
  const bool good =
      socket >= 0 && (listen ? ::bind(socket, generic, sizeof(address)) == 0 && ::listen(socket, 64) == 0
                             : ::connect(socket, generic, sizeof(address)) == 0);
  if (good) return socket;
  const std::string reason = std::strerror(errno);
  if (socket >= 0) ::close(socket);
  throw std::runtime_error(path + ": " + reason);
}

inline bool send_all(int socket, const std::string& text) {
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<size_t>(count);
  }
  return true;
}

inline std::string header_value(const std::string& head, const std::string& name) {
  for (size_t line = head.find("\r\n"); line != std::string::npos; line = head.find("\r\n", line + 2)) {
    if (::strncasecmp(head.c_str() + line + 2, (name + ":").c_str(), name.size() + 1) != 0) continue;
    const size_t begin = head.find_first_not_of(' ', line + 3 + name.size());
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

/// Reads one message; false at the end of the connection. `buffer` keeps what came beyond it.
inline bool read_message(int socket, std::string& buffer, Message& message) {
  size_t head_end = std::string::npos;
  size_t size = 0;
  while (true) {
    if (head_end == std::string::npos && (head_end = buffer.find("\r\n\r\n")) != std::string::npos) {
      const std::string head = buffer.substr(0, head_end + 2);
      message.first_line = head.substr(0, head.find("\r\n"));
      message.content_type = header_value(head, "Content-Type");
      size = std::strtoul(header_value(head, "Content-Length").c_str(), nullptr, 10);
      buffer.erase(0, head_end + 4);
    }
    if (head_end != std::string::npos && buffer.size() >= size) break;
    char bytes[16384];
    const ssize_t count = ::recv(socket, bytes, sizeof(bytes), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer.append(bytes, static_cast<size_t>(count));
  }
  message.body = buffer.substr(0, size);
  buffer.erase(0, size);
  return true;
}

inline json error_object(int code, const std::string& message) {
  json messages = json::array();
  if (!message.empty()) messages.push_back(message);
  return {{"Model", "plugins"}, {"Key", ""}, {"Type", "INVOKE"}, {"Messages", messages}, {"Code", code}};
}

inline std::string answer(int code, const json& body) {
  const std::string text = body.dump();
  return "HTTP/1.1 " + std::to_string(code) + (code < 400 ? " OK" : " Refused") +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         text;
}

}  // namespace detail

/// The server, as seen by a plugin. Thread-safe; every call is one request.
class Server {
 public:
  /// Publishes an event to everybody who listens.
  void publish(const std::string& type, const std::string& action, const std::string& key,
               const json& object) const {
    post("publish", {{"Type", type}, {"Action", action}, {"Key", key}, {"Object", object}});
  }
  /// Writes a line to the server's log.
  void log(const std::string& line) const { post("log", line); }
  /// All objects of a collection of this server.
  json objects(const std::string& prefix) const { return ask("GET", "objects/" + prefix, ""); }
  /// Says that this plugin cannot go on; the server stops it and tries again later.
  void leave(const std::string& reason) const { post("leaving", detail::error_object(500, reason)); }

 private:
  friend class Provider;
  json post(const std::string& what, const json& body) const { return ask("POST", what, body.dump()); }

  json ask(const std::string& method, const std::string& what, const std::string& body) const {
    const int socket = detail::connect_to(path_, false);
    std::string buffer;
    detail::Message message;
    const bool good =
        detail::send_all(
            socket, method + " /api-server-plugin/v4/" + what +
                        " HTTP/1.1\r\nHost: unix\r\nConnection: close\r\nContent-Type: application/json\r\n"
                        "Content-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body) &&
        detail::read_message(socket, buffer, message);
    ::close(socket);
    if (!good) throw std::runtime_error("the server did not answer " + what);
    const int code = std::atoi(message.first_line.c_str() + std::min<size_t>(9, message.first_line.size()));
    if (code >= 400) throw Refusal(message.body, code);
    return json::parse(message.body);
  }

  std::string path_;
};

/// One call of an action.
struct Call {
  json object;  // the machine, profile, ... with its parameters in clear; null for actions of the system
  std::string plugin, command;
  json params;  // what the caller gave, what the object has, or the defaults
  json config;  // the plugin's own parameters
  const Server& server;
};

/// Describes a provider and runs its plugins. Handlers run on threads of their own, several at a time.
class Provider {
 public:
  using ActionHandler = std::function<json(const Call&)>;

  Provider(const std::string& name, const std::string& version)
      : definition_{{"Name", name},
                    {"Version", version},
                    {"PluginVersion", 4},
                    {"AutoStart", false},
                    {"HasPublish", false},
                    {"AvailableActions", json::array()},
                    {"RequiredParams", json::array()},
                    {"OptionalParams", json::array()},
                    {"StoreObjects", json::object()},
                    {"Meta", json::object()},
                    {"Documentation", ""},
                    {"Content", ""}} {}

  /// The upload makes a plugin of the provider's name.
  Provider& auto_start() { return set("AutoStart", true); }
  Provider& documentation(const std::string& text) { return set("Documentation", text); }
  /// What RS_TOKEN is for: one claim, each part a word, a comma list or "*". Without it the token may do
  /// everything that the server can do, which few providers need.
  Provider& token(const std::string& scope, const std::string& action, const std::string& specific = "*") {
    definition_["Meta"]["token-scope"] = scope;
    definition_["Meta"]["token-action"] = action;
    definition_["Meta"]["token-specific"] = specific;
    return *this;
  }
  /// A content pack (YAML or JSON) that comes and goes with the provider: Params, tasks, stages...
  Provider& content(const std::string& text) { return set("Content", text); }
  /// Parameters of the plugin itself.
  Provider& params(std::vector<std::string> required, std::vector<std::string> optional) {
    return set("RequiredParams", required).set("OptionalParams", optional);
  }
  /// A collection of its own; `schema` maps properties to JSON Schemas ("isrequired": true makes one
  /// obligatory).
  Provider& collection(const std::string& prefix, const json& schema = json::object()) {
    definition_["StoreObjects"][prefix] = schema;
    return *this;
  }
  /// An action on objects of the collection `model`; "" is the system.
  Provider& action(const std::string& model, const std::string& command, std::vector<std::string> required,
                   std::vector<std::string> optional, ActionHandler handler) {
    definition_["AvailableActions"].push_back(
        {{"Model", model}, {"Command", command}, {"RequiredParams", required}, {"OptionalParams", optional}});
    actions_[command] = std::move(handler);
    return *this;
  }
  /// Called with the plugin's parameters at the start and after each change; throw Refusal when they will not
  /// do.
  Provider& on_config(std::function<void(const json& params, const Server&)> handler) {
    on_config_ = std::move(handler);
    return *this;
  }
  /// Called with every event of the server's own objects.
  Provider& on_event(std::function<void(const json& event, const Server&)> handler) {
    on_event_ = std::move(handler);
    return set("HasPublish", true);
  }
  /// Called with a folder to write files into, which the server serves below files/plugin_providers/NAME.
  Provider& on_unpack(std::function<void(const std::string& folder)> handler) {
    on_unpack_ = std::move(handler);
    return *this;
  }

  /// The whole program: `return provider.run(argc, argv);`
  int run(int argc, char** argv) {
    const std::string call = argc > 1 ? argv[1] : "";
    if (call == "define") {
      std::cout << definition_.dump() << std::endl;
    } else if (call == "version") {
      std::cout << definition_["Version"].get<std::string>() << std::endl;
    } else if (call == "unpack" && argc > 2) {
      if (on_unpack_) on_unpack_(argv[2]);
    } else if (call == "listen" && argc > 3) {
      server_.path_ = argv[3];
      listen(argv[2]);
    } else if (call != "autocomplete") {
      std::cerr << "usage: " << argv[0] << " define | version | unpack FOLDER | listen TO FROM" << std::endl;
      return 1;
    }
    return 0;
  }

 private:
  template <typename Value>
  Provider& set(const char* field, const Value& value) {
    definition_[field] = value;
    return *this;
  }

  [[noreturn]] void listen(const std::string& path) {
    const int listener = detail::connect_to(path, true);
    std::cout << "READY!" << std::endl;
    while (true) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) std::thread([this, socket] { serve(socket); }).detach();
    }
  }

  void serve(int socket) {
    std::string buffer;
    detail::Message message;
    while (detail::read_message(socket, buffer, message)) {
      const auto [code, body] = handle(message);
      if (!detail::send_all(socket, detail::answer(code, body))) break;
      if (message.first_line.find("/stop ") != std::string::npos) std::_Exit(0);
    }
    ::close(socket);
  }

  std::pair<int, json> handle(const detail::Message& message) {
    try {
      if (message.content_type.rfind("application/json", 0) != 0) {
        throw Refusal("Invalid content type: " + message.content_type);
      }
      return {200, dispatch(message.first_line, json::parse(message.body.empty() ? "null" : message.body))};
    } catch (const Refusal& refusal) {
      return {refusal.code(), detail::error_object(refusal.code(), refusal.what())};
    } catch (const std::exception& failure) {
      return {500, detail::error_object(500, failure.what())};
    }
  }

  json dispatch(const std::string& line, const json& body) {
    const auto asks = [&line](const char* what) {
      return line.find(std::string("/api-plugin/v4/") + what + " ") != std::string::npos;
    };
    if (asks("action")) return act(body);
    if (asks("config")) {
      if (on_config_) on_config_(body, server_);
      const std::lock_guard<std::mutex> lock(mutex_);
      config_ = body;
    } else if (asks("publish")) {
      if (on_event_) on_event_(body, server_);
    } else if (!asks("stop")) {
      throw Refusal("No route", 404);
    }
    return detail::error_object(200, "");
  }

  json act(const json& action) {
    const std::string command = action.at("Command").get<std::string>();
    const auto handler = actions_.find(command);
    if (handler == actions_.end()) throw Refusal("Unknown action " + command, 404);
    return handler->second({action.value("Model", json()), action.value("Plugin", ""), command,
                            action.value("Params", json::object()), config(), server_});
  }

  json config() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return config_;
  }

  json definition_;
  std::map<std::string, ActionHandler> actions_;
  std::function<void(const json&, const Server&)> on_config_, on_event_;
  std::function<void(const std::string&)> on_unpack_;
  Server server_;
  std::mutex mutex_;  // guards config_
  json config_ = json::object();
};

}  // namespace mullion::plugin
