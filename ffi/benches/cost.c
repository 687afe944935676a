/* Prints `c<TAB>ns per decision, single<TAB>ns per decision, in batches of 64`. The answers are
 * checked first. */
#define _POSIX_C_SOURCE 200809L
#include "cost.h"

#include <highwater.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void require(int holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "cost.c: %s: %s\n", what, highwater_error_message());
    exit(1);
  }
}

int main(void) {
  highwater_engine *engine = NULL;
  highwater_documents *documents = NULL;
  highwater_token *token = NULL;
  highwater_request request;
  highwater_decision decision;
  const highwater_token *tokens[COST_BATCH];
  highwater_request requests[COST_BATCH];
  highwater_decision decisions[COST_BATCH];
  double single = 1e18, batch = 1e18;
  int round, call, index;

  require(highwater_engine_new(NULL, 0, &engine) == HIGHWATER_STATUS_OK, "engine");
  require(highwater_documents_new(0, &documents) == HIGHWATER_STATUS_OK, "documents");
  require(highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, "policies.json", 13,
                                  (const uint8_t *)COST_DOCUMENTS, strlen(COST_DOCUMENTS)) == HIGHWATER_STATUS_OK,
          "add");
  require(highwater_engine_publish(engine, "contoso", 7, documents, NULL, 0, NULL, NULL) == HIGHWATER_STATUS_OK,
          "publish");
  require(highwater_token_new(engine, COST_CLAIMS, strlen(COST_CLAIMS), &token) == HIGHWATER_STATUS_OK, "token");

  highwater_request_init(&request, COST_NOW);
  highwater_decision_init(&decision);
  require(highwater_request_set_address(&request, COST_OUTSIDE, strlen(COST_OUTSIDE)) == HIGHWATER_STATUS_OK &&
              highwater_engine_decide(engine, token, &request, &decision) == HIGHWATER_STATUS_OK &&
              decision.outcome == HIGHWATER_OUTCOME_CHALLENGE,
          "outside");
  require(highwater_request_set_address(&request, COST_INSIDE, strlen(COST_INSIDE)) == HIGHWATER_STATUS_OK &&
              highwater_engine_decide(engine, token, &request, &decision) == HIGHWATER_STATUS_OK &&
              decision.outcome == HIGHWATER_OUTCOME_ALLOW,
          "inside");
  for (index = 0; index < COST_BATCH; index++) {
    tokens[index] = token;
    requests[index] = request;
    highwater_decision_init(&decisions[index]);
  }

  for (round = 0; round < COST_ROUNDS; round++) {
    double started = now(), taken;
    long allowed = 0;
    for (call = 0; call < COST_CALLS; call++) {
      highwater_engine_decide(engine, token, &request, &decision);
      allowed += decision.outcome == HIGHWATER_OUTCOME_ALLOW;
    }
    taken = (now() - started) / COST_CALLS;
    require(allowed == COST_CALLS, "allowed");
    if (taken < single) single = taken;

    allowed = 0;
    started = now();
    for (call = 0; call < COST_CALLS / COST_BATCH; call++) {
      highwater_engine_decide_batch(engine, tokens, requests, decisions, COST_BATCH);
      for (index = 0; index < COST_BATCH; index++) allowed += decisions[index].outcome == HIGHWATER_OUTCOME_ALLOW;
    }
    taken = (now() - started) / (COST_CALLS / COST_BATCH * COST_BATCH);
    require(allowed == COST_CALLS / COST_BATCH * COST_BATCH, "allowed in batches");
    if (taken < batch) batch = taken;
  }
  printf("c\t%.1f\t%.1f\n", single, batch);

  highwater_documents_free(documents);
  highwater_token_free(token);
  highwater_engine_free(engine);
  return 0;
}
