/* Publishes a tenant's documents again and again while many threads decide.
 *
 * The documents alternate between two, each of which blocks everybody outside one network. Each
 * decision is made by one of them as a whole, nobody waits for a publication, and what was
 * published last is in force when its call has returned.
 *
 *   cc reload.c $(pkg-config --cflags --libs highwater) -pthread -o reload && ./reload
 */
#include <highwater.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, PUBLICATIONS = 200, REQUESTS = 64 };

#define NOW INT64_C(1763760100000)

static const char *networks[2] = {"192.0.2.0/24", "198.51.100.0/24"};
static const char *addresses[2] = {"192.0.2.7", "198.51.100.7"};

struct shared {
  const highwater_engine *engine;
  const highwater_token *token;
  pthread_mutex_t lock;
  int done;
  unsigned long long decided;
  int wrong;
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, highwater_error_message());
  exit(1);
}

static void publish(const highwater_engine *engine, const char *network) {
  char text[1024];
  highwater_documents *documents = NULL;
  int length = snprintf(
      text, sizeof text,
      "[{\"@odata.type\": \"#microsoft.graph.ipNamedLocation\", \"id\": \"home\", \"displayName\": \"Home\","
      " \"isTrusted\": true, \"ipRanges\": [{\"cidrAddress\": \"%s\"}]},"
      " {\"id\": \"outside\", \"displayName\": \"Block outside\", \"state\": \"enabled\","
      " \"conditions\": {\"users\": {\"includeUsers\": [\"All\"]}, \"applications\": {\"includeApplications\": [\"All\"]},"
      " \"locations\": {\"includeLocations\": [\"All\"], \"excludeLocations\": [\"AllTrusted\"]}},"
      " \"grantControls\": {\"operator\": \"OR\", \"builtInControls\": [\"block\"]}}]",
      network);
  if (highwater_documents_new(0, &documents) != HIGHWATER_STATUS_OK) die("documents");
  if (highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, "home.json", 9, (const uint8_t *)text,
                              (size_t)length) != HIGHWATER_STATUS_OK)
    die("add");
  if (highwater_engine_publish(engine, "contoso", 7, documents, NULL, 0, NULL, NULL) != HIGHWATER_STATUS_OK)
    die("publish");
  highwater_documents_free(documents);
}

static int finished(struct shared *shared, unsigned long long decided, int wrong) {
  int done;
  pthread_mutex_lock(&shared->lock);
  shared->decided += decided;
  shared->wrong += wrong;
  done = shared->done;
  pthread_mutex_unlock(&shared->lock);
  return done;
}

/* What every thread has to itself: preallocated requests and decisions. */
static void *decide(void *argument) {
  struct shared *shared = argument;
  const highwater_token *tokens[REQUESTS];
  highwater_request requests[REQUESTS];
  highwater_decision decisions[REQUESTS];
  int index, wrong;
  for (index = 0; index < REQUESTS; index++) {
    const char *address = addresses[index % 2];
    tokens[index] = shared->token;
    highwater_request_init(&requests[index], NOW);
    if (highwater_request_set_address(&requests[index], address, strlen(address)) != HIGHWATER_STATUS_OK)
      die("address");
  }
  highwater_decision_init(&decisions[0]);
  do {
    wrong = 0;
    if (highwater_engine_decide_batch(shared->engine, tokens, requests, decisions, REQUESTS) != HIGHWATER_STATUS_OK)
      die("batch");
    for (index = 0; index < REQUESTS; index++) {
      /* The client cannot answer challenges: a policy denies with 403, or nothing objects. */
      int allowed = decisions[index].outcome == HIGHWATER_OUTCOME_ALLOW && decisions[index].status == 200;
      int denied = decisions[index].outcome == HIGHWATER_OUTCOME_DENY && decisions[index].status == 403 &&
                   decisions[index].reasons == 1u << HIGHWATER_REASON_LOCATION_BLOCKED;
      wrong += !allowed && !denied;
    }
  } while (!finished(shared, REQUESTS, wrong));
  return NULL;
}

int main(void) {
  static const char *claims =
      "{\"iss\": \"https://idp.example\", \"tid\": \"contoso\", \"sub\": \"ada\", \"iat\": 1763760000, \"exp\": 1763763900}";
  struct shared shared = {0};
  pthread_t threads[THREADS];
  highwater_engine *engine = NULL;
  highwater_token *token = NULL, *renewed = NULL;
  highwater_request request;
  highwater_decision decision;
  int index, publication;

  if (highwater_engine_new(NULL, 0, &engine) != HIGHWATER_STATUS_OK) die("engine");
  publish(engine, networks[0]);
  if (highwater_token_new(engine, claims, strlen(claims), &token) != HIGHWATER_STATUS_OK) die("token");
  shared.engine = engine;
  shared.token = token;
  pthread_mutex_init(&shared.lock, NULL);
  for (index = 0; index < THREADS; index++)
    if (pthread_create(&threads[index], NULL, decide, &shared) != 0) return 1;

  for (publication = 1; publication <= PUBLICATIONS; publication++) publish(engine, networks[publication % 2]);
  publish(engine, networks[1]);

  pthread_mutex_lock(&shared.lock);
  shared.done = 1;
  pthread_mutex_unlock(&shared.lock);
  for (index = 0; index < THREADS; index++) pthread_join(threads[index], NULL);

  /* The token is from before the first reload; renewed or not, it is decided by the last one. */
  if (highwater_token_renew(token, engine, &renewed) != HIGHWATER_STATUS_OK || renewed == NULL) die("renew");
  for (index = 0; index < 4; index++) {
    highwater_request_init(&request, NOW);
    highwater_decision_init(&decision);
    if (highwater_request_set_address(&request, addresses[index % 2], strlen(addresses[index % 2])) !=
            HIGHWATER_STATUS_OK ||
        highwater_engine_decide(engine, index < 2 ? token : renewed, &request, &decision) != HIGHWATER_STATUS_OK)
      die("decide");
    if ((decision.outcome == HIGHWATER_OUTCOME_ALLOW) != (index % 2 == 1)) {
      fprintf(stderr, "the last publication is not in force\n");
      return 1;
    }
  }
  printf("%llu decisions on %d threads during %d publications, %d of them by no published document\n", shared.decided,
         THREADS, PUBLICATIONS, shared.wrong);

  pthread_mutex_destroy(&shared.lock);
  highwater_token_free(renewed);
  highwater_token_free(token);
  highwater_engine_free(engine);
  return shared.wrong != 0;
}
