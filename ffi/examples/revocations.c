/* A revocation outlives the process: it is applied to an engine over a file, the engine is ended,
 * and another one over the same file refuses the token.
 *
 *   cc revocations.c $(pkg-config --cflags --libs highwater) -o revocations && ./revocations FILE
 */
#include <highwater.h>

#include <stdio.h>
#include <string.h>

static const char *options = "{\"settings\": {\"accept_any_tenant\": true}, \"store\": {\"cache_bytes\": 1048576}}";
static const char *claims =
    "{\"iss\": \"https://idp.example\", \"sub\": \"ada\", \"iat\": 1763760000, \"exp\": 1763763600}";
static const char *revocation =
    "{\"time\": 1763760050, \"tenant\": \"https://idp.example\", \"subject\": {\"user\": \"ada\"},"
    " \"effect\": \"revoke\", \"source\": \"operator\", \"id\": \"ticket-4711\"}";

static int failed(const char *what) {
  fprintf(stderr, "%s: %s\n", what, highwater_error_message());
  return 1;
}

/* The outcome for ada's token, or a denial if anything goes wrong. */
static uint32_t outcome(const highwater_engine *engine) {
  highwater_token *token = NULL;
  highwater_request request;
  highwater_decision decision;
  highwater_request_init(&request, INT64_C(1763760100000));
  highwater_decision_init(&decision);
  if (highwater_token_new(engine, claims, strlen(claims), &token) != HIGHWATER_STATUS_OK) failed("token");
  if (highwater_engine_decide(engine, token, &request, &decision) != HIGHWATER_STATUS_OK) failed("decide");
  highwater_token_free(token);
  return decision.outcome;
}

int main(int count, char **arguments) {
  highwater_engine *engine = NULL, *second = NULL;
  highwater_text status = {0};
  size_t changed = 0;
  const char *file = count > 1 ? arguments[1] : "revocations.highwater";

  if (highwater_engine_open(file, strlen(file), options, strlen(options), &engine) != HIGHWATER_STATUS_OK)
    return failed("open");
  if (outcome(engine) != HIGHWATER_OUTCOME_ALLOW) return failed("the token is good so far");

  /* In force and on the disk when this returns: it may be acknowledged now. */
  if (highwater_engine_apply(engine, revocation, strlen(revocation), &changed) != HIGHWATER_STATUS_OK || changed != 1)
    return failed("apply");
  if (outcome(engine) == HIGHWATER_OUTCOME_ALLOW) return failed("the token is revoked");

  /* One engine at a time has the file. */
  if (highwater_engine_open(file, strlen(file), options, strlen(options), &second) != HIGHWATER_STATUS_STORE_IN_USE)
    return failed("the file is in use");
  highwater_engine_free(engine);

  engine = NULL;
  if (highwater_engine_open(file, strlen(file), options, strlen(options), &engine) != HIGHWATER_STATUS_OK)
    return failed("reopen");
  printf("after the restart: %s\n", highwater_outcome_name(outcome(engine)));
  if (outcome(engine) == HIGHWATER_OUTCOME_ALLOW) return 1;
  if (highwater_engine_status(engine, INT64_C(1763760100000), &status) != HIGHWATER_STATUS_OK) return failed("status");
  printf("%s\n", status.data);
  highwater_text_free(&status);
  highwater_engine_free(engine);
  return 0;
}
