// Prints `c++<TAB>ns per decision, single<TAB>ns per decision, in batches of 64`. The answers are
// checked first.
#include "cost.h"

#include <highwater.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

double nanoseconds(clock_type::duration taken, long decisions) {
  return std::chrono::duration<double, std::nano>(taken).count() / static_cast<double>(decisions);
}

void require(bool holds, const char *what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

} // namespace

int main() {
  const highwater::engine engine;
  highwater::documents documents;
  documents.add(HIGHWATER_DOCUMENT_KIND_GRAPH, "policies.json", COST_DOCUMENTS);
  engine.publish("contoso", documents);
  const auto token = engine.token(COST_CLAIMS);
  const highwater::time_point now{std::chrono::milliseconds(COST_NOW)};
  const auto inside = highwater::request(now).from(COST_INSIDE);
  const auto outside = highwater::request(now).from(COST_OUTSIDE);
  require(engine.decide(token, outside).challenged(), "outside");
  require(engine.decide(token, inside).allowed(), "inside");
  const std::vector<const highwater_token *> tokens(COST_BATCH, token.get());
  const std::vector<highwater_request> requests(COST_BATCH, inside.raw());
  std::vector<highwater_decision> decisions(COST_BATCH);
  highwater_decision_init(decisions.data());

  double single = 1e18;
  double batch = 1e18;
  for (int round = 0; round < COST_ROUNDS; ++round) {
    long allowed = 0;
    auto started = clock_type::now();
    for (int call = 0; call < COST_CALLS; ++call) {
      allowed += engine.decide(token, inside).allowed() ? 1 : 0;
    }
    single = std::min(single, nanoseconds(clock_type::now() - started, COST_CALLS));
    require(allowed == COST_CALLS, "allowed");

    constexpr long batches = COST_CALLS / COST_BATCH;
    allowed = 0;
    started = clock_type::now();
    for (long call = 0; call < batches; ++call) {
      engine.decide(tokens.data(), requests.data(), decisions.data(), decisions.size());
      allowed += std::count_if(decisions.begin(), decisions.end(), [](const highwater_decision &decision) {
        return decision.outcome == HIGHWATER_OUTCOME_ALLOW;
      });
    }
    batch = std::min(batch, nanoseconds(clock_type::now() - started, batches * COST_BATCH));
    require(allowed == batches * COST_BATCH, "allowed in batches");
  }
  std::printf("c++\t%.1f\t%.1f\n", single, batch);
}
