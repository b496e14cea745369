#include "cli/connection/server_trust.h"

#include <fmt/format.h>

#include <boost/url.hpp>

#include "cli/connection/local_server.h"
#include "env/launch.h"
#include "net/web.h"

namespace mullion::cli {
namespace {

constexpr env::Duration kIdlePatience = std::chrono::minutes(2);  // without any progress

/// net's words for a certificate other than the pinned one: "...: expected HEX, got HEX".
constexpr std::string_view kChangedWords = "certificate fingerprint changed";
constexpr std::string_view kUnverified = "certificate verification failed";

bool says(const Error& error, std::string_view words) {
  return !error.messages.empty() && error.messages.front().find(words) != std::string::npos;
}

/// A refusal by this program, not by the server.
bool is_changed(const Error& error) {
  return error.code == ErrorCode::kForbidden && error.status_override == 0 && says(error, kChangedWords);
}

/// What stands behind `word` in the message, up to the next comma.
std::string word_behind(std::string_view message, std::string_view word) {
  const size_t at = message.find(word);
  if (at == std::string_view::npos) return {};
  message.remove_prefix(at + word.size());
  return std::string(message.substr(0, message.find(',')));
}

/// "https://host:port" of the URL of anything.
std::string origin_of(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

Error unverifiable(const std::string& address) {
  return Error(
      ErrorCode::kForbidden,
      fmt::format("{} cannot be verified: only https servers show who they are; nothing was sent to it",
                  address));
}

/// A client that explains its refusals.
class ExplainingClient final : public net::Client {
 public:
  using Explain = std::function<Error(const Error&)>;
  ExplainingClient(std::unique_ptr<net::Client> client, Explain explain)
      : client_(std::move(client)), explain_(std::move(explain)) {}

  net::Task<Result<net::ClientResponse>> send(net::ClientRequest request) override {
    Result<net::ClientResponse> answer = co_await client_->send(std::move(request));
    if (!answer) co_return explain_(answer.error());
    co_return answer;
  }
  net::Task<Result<std::shared_ptr<net::WebSocket>>> connect_websocket(std::string target,
                                                                       net::Headers headers) override {
    Result<std::shared_ptr<net::WebSocket>> socket =
        co_await client_->connect_websocket(std::move(target), std::move(headers));
    if (!socket) co_return explain_(socket.error());
    co_return socket;
  }
  std::string peer_fingerprint() const override { return client_->peer_fingerprint(); }
  void close() override { client_->close(); }

 private:
  std::unique_ptr<net::Client> client_;
  Explain explain_;
};

}  // namespace

ServerTrust::ServerTrust(Terminal& terminal, const Options& options, env::Runtime& runtime)
    : terminal_(terminal), options_(options), runtime_(runtime), known_(options.known_servers) {}

Result<ServerTrust::Server> ServerTrust::connect(const std::string& url) {
  net::ClientOptions where;
  where.base_url = url.find("://") == std::string::npos ? "https://" + url : url;
  while (where.base_url.ends_with('/')) where.base_url.pop_back();
  where.idle_timeout = kIdlePatience;
  Identity who;
  if (options_.local_proxy.empty()) {
    Result<Identity> found = identify_server(where);
    if (!found) return found.error();
    who = std::move(*found);
  } else {  // whoever serves the socket checks the server behind it
    where.base_url = "http://unix";
    where.unix_path = options_.local_proxy;
  }
  where.trust = who.trust;
  Server server{nullptr, where.base_url, who.address, who.fingerprint};
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime_, std::move(where));
  if (!client) return client.error();
  server.client = std::make_unique<ExplainingClient>(
      std::move(*client),
      [this, address = who.address](const Error& error) { return refusal(error, address); });
  return server;
}

Result<net::BodySourcePtr> ServerTrust::open_url(const std::string& url, const std::string& proxy,
                                                 const std::optional<net::TrustPolicy>& demanded) {
  net::UrlOptions options;
  options.proxy = proxy;
  options.idle_timeout = kIdlePatience;
  std::string address;
  if (demanded) {
    options.trust = *demanded;
  } else {
    net::ClientOptions where;
    where.base_url = origin_of(url);
    where.proxy = proxy;
    Result<Identity> who = identify(where);
    if (!who) return who.error();
    options.trust = who->trust;
    address = who->address;
  }
  Result<net::UrlAnswer> answer =
      env::run(runtime_, [&]() { return net::open_url(runtime_, url, std::move(options)); });
  const bool led_elsewhere = !answer && !says(answer.error(), url);
  if (!answer) return demanded || led_elsewhere ? answer.error() : refusal(answer.error(), address);
  return std::move(answer->body);
}

Result<std::string> ServerTrust::accept(const std::string& url, const std::string& fingerprint) {
  Result<std::string> address = server_address(url);
  if (!address) return address.error();
  if (!address->starts_with("https:"))
    return Error(ErrorCode::kBadRequest, *address + " shows no certificate: only https does");
  std::string accepted = fingerprint;
  if (accepted.empty()) {
    net::ClientOptions where;
    where.base_url = *address;
    Result<net::PeerCertificate> shown = look(std::move(where), {});
    if (!shown) return shown.error();
    accepted = shown->fingerprint;
  }
  Result<void> kept = known_.accept(*address, accepted);
  return kept ? Result<std::string>(std::move(accepted)) : Result<std::string>(kept.error());
}

/// --fingerprint and --ca are about the server of the command, and about nobody else.
Result<ServerTrust::Identity> ServerTrust::identify_server(const net::ClientOptions& where) {
  const bool given = !options_.fingerprint.empty() || !options_.ca_file.empty();
  Result<std::string> address = server_address(where.base_url);
  if (!address) return address.error();
  if (!given) return identify(where);
  if (!address->starts_with("https:")) return unverifiable(*address);
  net::TrustPolicy trust;
  trust.ca_file = options_.ca_file;
  trust.pinned_fingerprint = options_.fingerprint;
  if (options_.fingerprint.empty()) return verified({*address, "", {}}, where, trust);
  return Identity{*address, options_.fingerprint, trust};
}

Result<ServerTrust::Identity> ServerTrust::identify(const net::ClientOptions& where) {
  Result<std::string> address = server_address(where.base_url);
  if (!address) return address.error();
  Identity who{*address, "", {}};
  if (!who.address.starts_with("https:")) {
    return options_.verify == Verify::kStrict ? Result<Identity>(unverifiable(who.address))
                                              : Result<Identity>(std::move(who));
  }
  if (options_.verify == Verify::kNone) return verified(std::move(who), where, {});
  who.fingerprint = known_.find(who.address);
  return who.fingerprint.empty() ? identify_new(std::move(who), where)
                                 : identify_known(std::move(who), where);
}

Result<ServerTrust::Identity> ServerTrust::identify_known(Identity who, const net::ClientOptions& where) {
  who.trust.pinned_fingerprint = who.fingerprint;
  const auto address = boost::urls::parse_uri(who.address);
  const bool here = address && is_loopback(std::string(address->host()));
  if (!here || options_.verify == Verify::kStrict) return who;
  Result<net::PeerCertificate> shown = look(where, {});
  if (!shown) return shown.error();
  // A server of this computer that was set up anew. One that somebody installed is told as everywhere else.
  const bool new_one = shown->fingerprint != who.fingerprint && shown->self_made;
  if (!new_one || !serves_here(address->port_number())) return who;
  if (Result<void> kept = known_.accept(who.address, shown->fingerprint); !kept) return kept.error();
  constexpr std::string_view kWhy = "because it is a server of this computer that was set up anew";
  terminal_.notes.push_back(fmt::format("The certificate of {} has changed to sha256:{}; remembered, {}",
                                        who.address, shown->fingerprint, kWhy));
  who.fingerprint = who.trust.pinned_fingerprint = shown->fingerprint;
  return who;
}

Result<ServerTrust::Identity> ServerTrust::identify_new(Identity who, const net::ClientOptions& where) {
  net::TrustPolicy authorities;
  authorities.system_authorities = true;
  Result<Identity> known_to_all = verified(who, where, authorities);
  if (known_to_all || !says(known_to_all.error(), kUnverified)) return known_to_all;
  Result<net::PeerCertificate> shown = look(where, {});
  if (!shown) return shown.error();
  if (options_.verify == Verify::kStrict) return unverified(who.address, shown->fingerprint);
  return remember(std::move(who), shown->fingerprint);
}

Result<ServerTrust::Identity> ServerTrust::remember(Identity who, const std::string& shown) {
  const Result<KnownServers::Learned> learned = known_.learn(who.address, shown);
  who.fingerprint = learned ? learned->fingerprint : shown;
  who.trust.pinned_fingerprint = who.fingerprint;
  const std::string seen =
      fmt::format("{} is known by its certificate sha256:{} from now on", who.address, shown);
  if (!learned) {
    terminal_.notes.push_back(
        fmt::format("The certificate of {} cannot be remembered: {}", who.address, learned.error().text()));
  } else if (learned->added) {
    terminal_.notes.push_back(seen);
  }
  return who;
}

/// A look at the certificate by `trust`, which the connections obey too.
Result<ServerTrust::Identity> ServerTrust::verified(Identity who, const net::ClientOptions& where,
                                                    const net::TrustPolicy& trust) {
  Result<net::PeerCertificate> shown = look(where, trust);
  if (!shown) return shown.error();
  who.fingerprint = shown->fingerprint;
  who.trust = trust;
  return who;
}

Result<net::PeerCertificate> ServerTrust::look(net::ClientOptions where, const net::TrustPolicy& trust) {
  where.trust = trust;
  return env::run(runtime_, [&]() { return net::peer_certificate(runtime_, std::move(where)); });
}

Error ServerTrust::refusal(const Error& error, const std::string& address) const {
  if (!is_changed(error)) return error;
  const std::string wanted = word_behind(error.messages.front(), "expected ");
  const std::string shown = word_behind(error.messages.front(), "got ");
  Error out(ErrorCode::kForbidden,
            fmt::format("THE CERTIFICATE OF {} HAS CHANGED; nothing was sent to it", address));
  out.messages.push_back(fmt::format("expected sha256:{}, shown now sha256:{}", wanted, shown));
  if (wanted == options_.fingerprint) {
    out.messages.push_back("the expected one was given by --fingerprint or RS_FINGERPRINT");
    return out;
  }
  out.messages.emplace_back(
      "somebody else may be answering there; if the new certificate is right, accept it by");
  out.messages.push_back(fmt::format("{} trust {} {}", terminal_.program, address, shown));
  return out;
}

Error ServerTrust::unverified(const std::string& address, const std::string& shown) const {
  Error out(
      ErrorCode::kForbidden,
      fmt::format("{} is not verified, and --verify strict (RS_VERIFY) demands it; nothing was sent to it",
                  address));
  out.messages.push_back(fmt::format("it shows the certificate sha256:{}", shown));
  out.messages.emplace_back(
      "give --ca FILE or --fingerprint HEX, or if that certificate is right, accept it by");
  out.messages.push_back(fmt::format("{} trust {} {}", terminal_.program, address, shown));
  return out;
}

}  // namespace mullion::cli
