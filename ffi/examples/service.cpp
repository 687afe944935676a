// A service in C++17: documents, tokens kept per session, a challenge, an event, an explanation.
//
//   c++ -std=c++17 service.cpp $(pkg-config --cflags --libs highwater) -o service && ./service
#include <highwater.hpp>

#include <iostream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace {

constexpr std::string_view documents = R"([
  {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "office", "displayName": "Office", "isTrusted": true,
   "ipRanges": [{"cidrAddress": "203.0.113.0/24"}, {"cidrAddress": "2001:db8::/32"}]},
  {"id": "outside", "displayName": "Block outside the office", "state": "enabled",
   "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
                  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
   "grantControls": {"operator": "OR", "builtInControls": ["block"]}}])";

constexpr std::string_view claims = R"({"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada",
  "aud": "api://orders", "iat": 1763760000, "exp": 1763763900, "xms_cc": ["cp1"]})";

const highwater::time_point now{std::chrono::milliseconds(1763760100000)};

void expect(bool holds, const char *what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

// What a service answers to one request.
int serve(const highwater::engine &engine, const highwater::token &token, const highwater::request &request) {
  const auto decision = engine.decide(token, request);
  if (decision) {
    std::cout << "200, as usual\n";
    return 200;
  }
  std::cout << decision.status() << ", because of";
  for (const auto reason : decision.reasons()) {
    std::cout << ' ' << reason;
  }
  if (const auto header = decision.header(token, request)) {
    std::cout << "\n  WWW-Authenticate: " << *header;
  }
  std::cout << '\n';
  return decision.status();
}

void run() {
  const highwater::engine engine;
  highwater::documents collected;
  collected.add(HIGHWATER_DOCUMENT_KIND_GRAPH, "contoso.json", documents);
  const auto published = engine.publish("contoso", collected, R"({"policy_change": "all"})");
  std::cout << "published version " << published.version << '\n';

  // What is wrong with documents is thrown, and what was published stays.
  try {
    highwater::documents broken;
    broken.add(HIGHWATER_DOCUMENT_KIND_GRAPH, "broken.json", "{");
    engine.publish("contoso", broken);
    expect(false, "a broken document was published");
  } catch (const highwater::documents_refused &refused) {
    std::cout << "kept the former documents: " << refused.what() << '\n';
  }

  const auto token = engine.token(claims);
  sockaddr_in6 peer{};
  peer.sin6_family = AF_INET6;
  expect(inet_pton(AF_INET6, "2001:db8::7", &peer.sin6_addr) == 1, "an address");
  const auto office = highwater::request(now).from(&peer, sizeof peer);
  const auto elsewhere = highwater::request(now).from("198.51.100.9");
  expect(serve(engine, token, office) == 200, "the office is allowed");
  expect(serve(engine, token, elsewhere) == 401, "elsewhere is challenged");

  // Many at once, without a copy.
  const std::vector<const highwater_token *> tokens(3, token.get());
  const std::vector<highwater_request> requests{office.raw(), elsewhere.raw(), office.raw()};
  std::vector<highwater_decision> decisions(3);
  highwater_decision_init(decisions.data());
  engine.decide(tokens.data(), requests.data(), decisions.data(), decisions.size());
  expect(decisions[0].outcome == HIGHWATER_OUTCOME_ALLOW && decisions[1].outcome == HIGHWATER_OUTCOME_CHALLENGE &&
             decisions[2].outcome == HIGHWATER_OUTCOME_ALLOW,
         "a batch decides as single requests");

  // The account is disabled: refused from the next request on.
  expect(engine.apply(R"({"time": 1763760090, "tenant": "contoso", "subject": {"user": "ada"},
                          "effect": "block", "source": "directory"})") == 1,
         "the event is news");
  expect(serve(engine, token, office) == 401, "the account is blocked");
  const auto why = engine.explain(token, office);
  expect(why.find("\"register\":\"blocked\"") != std::string::npos, "the explanation cites the register");
  std::cout << why << '\n';
}

} // namespace

int main() {
  try {
    run();
  } catch (const highwater::error &error) {
    std::cerr << highwater_status_name(error.status()) << ": " << error.what() << " (at `" << error.path() << "`)\n";
    return 1;
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
