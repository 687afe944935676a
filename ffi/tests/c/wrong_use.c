/* Wrong use gives a status, writes nothing but a denial, and breaks nothing. */
#include "check.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <pthread.h>
#include <unistd.h>

static const char wrong_text[] = {'"', (char)0xff, (char)0xfe, '"'};

static void null_pointers(highwater_engine *engine, highwater_token *token) {
  highwater_request request;
  highwater_decision decision;
  highwater_engine *made = (highwater_engine *)&request;
  highwater_text text = {0};
  size_t length = 7;
  highwater_request_init(&request, NOW);
  highwater_decision_init(&decision);
  CHECK_STATUS(highwater_engine_new(NULL, 0, NULL), HIGHWATER_STATUS_NULL_POINTER);
  CHECK(strcmp(highwater_error_path(), "engine") == 0);
  CHECK_STATUS(highwater_engine_new(NULL, 5, &made), HIGHWATER_STATUS_NULL_POINTER);
  CHECK(made == (highwater_engine *)&request); /* untouched */
  CHECK_STATUS(highwater_engine_open(NULL, 0, NULL, 0, &made), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_engine_decide(NULL, token, &request, &decision), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide(engine, NULL, &request, &decision), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide(engine, token, NULL, &decision), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide(engine, token, &request, NULL), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide_batch(engine, NULL, &request, &decision, 1), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide_batch(engine, (const highwater_token *const *)&token, NULL, &decision, 1),
               HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide_batch(engine, (const highwater_token *const *)&token, &request, NULL, 1),
               HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide_batch(engine, NULL, NULL, NULL, 0), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_token_new(engine, NULL, 3, &token), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_status(engine, NOW, NULL), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_answer(NULL, TEXT("{}"), &text), HIGHWATER_STATUS_NULL_POINTER);
  CHECK(text.data == NULL && text.length == 0);
  CHECK_STATUS(highwater_decision_header(NULL, token, &request, NULL, 0, &length), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_decision_header(&decision, token, &request, NULL, 9, &length),
               HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_decision_header(&decision, token, &request, NULL, 0, NULL), HIGHWATER_STATUS_NULL_POINTER);
  CHECK(length == 7);
  highwater_request_init(NULL, NOW);
  highwater_decision_init(NULL);
  highwater_engine_free(NULL);
  highwater_token_free(NULL);
  highwater_documents_free(NULL);
  highwater_resource_free(NULL);
  highwater_device_free(NULL);
  highwater_feed_free(NULL);
  highwater_text_free(NULL);
  highwater_log_set_callback(NULL, NULL);
}

static void handles_of_another_type(highwater_engine *engine, highwater_token *token) {
  highwater_request request;
  highwater_decision decision;
  union {
    unsigned char bytes[256];
    void *aligned;
  } nothing = {{0}};
  highwater_request_init(&request, NOW);
  highwater_decision_init(&decision);
  decision.outcome = HIGHWATER_OUTCOME_ALLOW;
  CHECK_STATUS(highwater_engine_decide((const highwater_engine *)token, token, &request, &decision),
               HIGHWATER_STATUS_INVALID_HANDLE);
  CHECK(decision.outcome == HIGHWATER_OUTCOME_DENY);
  decision.outcome = HIGHWATER_OUTCOME_ALLOW;
  CHECK_STATUS(highwater_engine_decide(engine, (const highwater_token *)engine, &request, &decision),
               HIGHWATER_STATUS_INVALID_HANDLE);
  CHECK(decision.outcome == HIGHWATER_OUTCOME_DENY);
  CHECK_STATUS(highwater_token_facts((const highwater_token *)(const void *)&nothing, NULL),
               HIGHWATER_STATUS_INVALID_HANDLE);
  CHECK_STATUS(highwater_token_facts((const highwater_token *)(const void *)(nothing.bytes + 1), NULL),
               HIGHWATER_STATUS_INVALID_HANDLE);
  request.resource = (const highwater_resource *)(const void *)token;
  CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_INVALID_HANDLE);
}

static void sizes(const highwater_engine *engine, const highwater_token *token) {
  static const size_t wrong[] = {0, 1, 8, sizeof(highwater_request) - 8, sizeof(highwater_request) + 1, 100000,
                                 SIZE_MAX};
  struct {
    highwater_request request;
    uint64_t later[3];
  } newer;
  struct {
    highwater_decision decision;
    uint64_t later[3];
  } longer;
  highwater_request request;
  highwater_decision decision;
  size_t index;
  for (index = 0; index < sizeof wrong / sizeof *wrong; index++) {
    highwater_request_init(&request, NOW);
    highwater_decision_init(&decision);
    request.size = wrong[index];
    decision.outcome = HIGHWATER_OUTCOME_ALLOW;
    CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_WRONG_SIZE);
    CHECK(decision.outcome == HIGHWATER_OUTCOME_DENY && decision.status == 403);

    highwater_request_init(&request, NOW);
    memset(&decision, 0xa5, sizeof decision);
    decision.size = wrong[index] == sizeof(highwater_request) - 8 ? 40 : wrong[index];
    CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_WRONG_SIZE);
    CHECK(decision.outcome == HIGHWATER_OUTCOME_DENY && decision.status == 403);
  }
  /* A program with a newer header, which asks for nothing new. */
  memset(&newer, 0, sizeof newer);
  highwater_request_init(&newer.request, NOW);
  newer.request.size = sizeof newer;
  CHECK_STATUS(highwater_request_set_address(&newer.request, TEXT("203.0.113.7")), HIGHWATER_STATUS_OK);
  memset(&longer, 0xa5, sizeof longer);
  longer.decision.size = sizeof longer;
  CHECK_STATUS(highwater_engine_decide(engine, token, &newer.request, &longer.decision), HIGHWATER_STATUS_OK);
  CHECK(longer.decision.outcome == HIGHWATER_OUTCOME_ALLOW && longer.decision.size == sizeof longer);
  CHECK(longer.later[0] == 0 && longer.later[1] == 0 && longer.later[2] == 0);
  /* And one that does. */
  newer.later[2] = 1;
  CHECK_STATUS(highwater_engine_decide(engine, token, &newer.request, &longer.decision), HIGHWATER_STATUS_WRONG_SIZE);
  CHECK(longer.decision.outcome == HIGHWATER_OUTCOME_DENY);
}

static void values(const highwater_engine *engine, const highwater_token *token) {
  highwater_request request;
  highwater_decision decision;
  highwater_documents *documents = NULL;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  char buffer[4];
  size_t length;
#define WRONG_FIELD(assignment, where)                                                                \
  do {                                                                                                \
    highwater_request_init(&request, NOW);                                                            \
    highwater_decision_init(&decision);                                                               \
    decision.outcome = HIGHWATER_OUTCOME_ALLOW;                                                       \
    assignment;                                                                                       \
    CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision),                         \
                 HIGHWATER_STATUS_INVALID_ARGUMENT);                                                  \
    CHECK(strcmp(highwater_error_path(), where) == 0);                                                \
    CHECK(decision.outcome == HIGHWATER_OUTCOME_DENY);                                                \
  } while (0)
  WRONG_FIELD(request.now = 0, "/now");
  WRONG_FIELD(request.address_length = 5, "/address_length");
  WRONG_FIELD(request.platform = 8, "/platform");
  WRONG_FIELD(request.client_app_type = 6, "/client_app_type");
  WRONG_FIELD(request.compliant_network = 3, "/compliant_network");
  WRONG_FIELD(memcpy(request.country, "1E", 2), "/country");
  WRONG_FIELD(request.reserved[1] = 1, "/reserved");

  highwater_request_init(&request, NOW);
  request.authentication_context = wrong_text;
  request.authentication_context_length = sizeof wrong_text;
  CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_INVALID_UTF8);
  request.authentication_context_length = SIZE_MAX;
  CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_TOO_LONG);

  highwater_request_init(&request, NOW);
  CHECK_STATUS(highwater_request_set_address(&request, TEXT("203.0.113")), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_request_set_address(&request, TEXT("fe80::1%eth0")), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK(request.address_length == 0); /* untouched */
  memset(&v4, 0, sizeof v4);
  v4.sin_family = AF_INET;
  memcpy(&v4.sin_addr, "\xcb\x00\x71\x07", 4);
  CHECK_STATUS(highwater_request_set_sockaddr(&request, &v4, 6), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_request_set_sockaddr(&request, &v4, sizeof v4), HIGHWATER_STATUS_OK);
  CHECK(request.address_length == 4 && memcmp(request.address, "\xcb\x00\x71\x07", 4) == 0);
  memset(&v6, 0, sizeof v6);
  v6.sin6_family = AF_INET6;
  v6.sin6_addr.s6_addr[0] = 0x20;
  v6.sin6_addr.s6_addr[15] = 0x07;
  CHECK_STATUS(highwater_request_set_sockaddr(&request, &v6, 20), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_request_set_sockaddr(&request, &v6, sizeof v6), HIGHWATER_STATUS_OK);
  CHECK(request.address_length == 16 && request.address[0] == 0x20 && request.address[15] == 0x07);
  v4.sin_family = AF_UNIX;
  CHECK_STATUS(highwater_request_set_sockaddr(&request, &v4, sizeof v4), HIGHWATER_STATUS_INVALID_ARGUMENT);

  CHECK_STATUS(highwater_documents_new(4, &documents), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_documents_new(HIGHWATER_DOCUMENTS_FLAG_STRICT, &documents), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_documents_add(documents, 0, TEXT("x"), NULL, 0), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_documents_add(documents, 6, TEXT("x"), NULL, 0), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_COUNTRY_LIST, TEXT("x"),
                                       (const uint8_t *)wrong_text, sizeof wrong_text),
               HIGHWATER_STATUS_INVALID_UTF8);
  CHECK_STATUS(highwater_documents_add_path(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, TEXT("/nowhere/at/all")),
               HIGHWATER_STATUS_UNREADABLE_FILE);
  CHECK(strcmp(highwater_error_path(), "/nowhere/at/all") == 0);
  highwater_documents_free(documents);

  /* A decision that the host has changed is not rendered. */
  highwater_request_init(&request, NOW);
  CHECK_STATUS(highwater_request_set_address(&request, TEXT("198.51.100.9")), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_OK);
  CHECK(decision.outcome == HIGHWATER_OUTCOME_CHALLENGE);
  CHECK_STATUS(highwater_decision_header(&decision, token, &request, buffer, sizeof buffer, &length),
               HIGHWATER_STATUS_BUFFER_TOO_SMALL);
  CHECK(length > sizeof buffer);
  decision.outcome = 1;
  CHECK_STATUS(highwater_decision_header(&decision, token, &request, buffer, sizeof buffer, &length),
               HIGHWATER_STATUS_INVALID_ARGUMENT);
}

static void texts(const highwater_engine *engine) {
  highwater_token *token = NULL;
  highwater_resource *resource = NULL;
  highwater_device *device = NULL;
  highwater_engine *other = NULL;
  highwater_text text = {0};
  highwater_feed *feed = NULL;
  CHECK_STATUS(highwater_token_new(engine, wrong_text, sizeof wrong_text, &token), HIGHWATER_STATUS_INVALID_UTF8);
  CHECK_STATUS(highwater_token_new(engine, wrong_text, SIZE_MAX, &token), HIGHWATER_STATUS_TOO_LONG);
  CHECK_STATUS(highwater_token_new(engine, wrong_text, (size_t)INT32_MAX + 1, &token), HIGHWATER_STATUS_TOO_LONG);
  CHECK_STATUS(highwater_token_new(engine, TEXT("[]"), &token), HIGHWATER_STATUS_INVALID_CLAIMS);
  CHECK_STATUS(highwater_token_new(engine, TEXT("{"), &token), HIGHWATER_STATUS_INVALID_JSON);
  CHECK_STATUS(highwater_token_new(engine, TEXT("{} {}"), &token), HIGHWATER_STATUS_INVALID_JSON);
  CHECK_STATUS(highwater_token_new(engine, TEXT("{\"iss\": 1}"), &token), HIGHWATER_STATUS_INVALID_CLAIMS);
  CHECK_STATUS(highwater_token_new(engine, TEXT("{\"iss\": \"i\", \"sub\": \"s\", \"iat\": \"soon\", \"exp\": 2}"),
                                   &token),
               HIGHWATER_STATUS_INVALID_CLAIMS);
  CHECK(strcmp(highwater_error_path(), "/iat") == 0);
  CHECK(token == NULL);
  CHECK_STATUS(highwater_resource_new(NULL, 0, &resource), HIGHWATER_STATUS_INVALID_IDENTIFIER);
  CHECK_STATUS(highwater_resource_new("a\nb", 3, &resource), HIGHWATER_STATUS_INVALID_IDENTIFIER);
  CHECK_STATUS(highwater_device_new(TEXT("[1]"), &device), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_engine_new(TEXT("{\"setings\": {}}"), &other), HIGHWATER_STATUS_INVALID_SETTINGS);
  CHECK_STATUS(highwater_engine_new(TEXT("{\"settings\": {\"skew\": \"x\"}}"), &other),
               HIGHWATER_STATUS_INVALID_SETTINGS);
  CHECK(strcmp(highwater_error_path(), "/settings/skew") == 0);
  CHECK_STATUS(highwater_engine_new(TEXT("{\"issuers\": [{\"issuer\": \"https://only.example\"}]}"), &other),
               HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_token_new(other, TEXT(CLAIMS), &token), HIGHWATER_STATUS_UNKNOWN_ISSUER);
  highwater_engine_free(other);
  CHECK_STATUS(highwater_engine_apply(engine, TEXT("{\"time\": 1}"), NULL), HIGHWATER_STATUS_INVALID_EVENT);
  CHECK_STATUS(highwater_engine_answer(engine, TEXT("{\"now\": \"noon\"}"), &text), HIGHWATER_STATUS_INVALID_REQUEST);
  CHECK(strcmp(highwater_error_path(), "/now") == 0);
  CHECK_STATUS(highwater_engine_remove(engine, TEXT("a\tb"), NULL), HIGHWATER_STATUS_INVALID_IDENTIFIER);
  CHECK_STATUS(highwater_engine_watch_stream(engine, TEXT("idp"), -1, NOW), HIGHWATER_STATUS_INVALID_ARGUMENT);
  CHECK_STATUS(highwater_engine_set_keys(engine, TEXT("nobody"), NULL, 0, NOW), HIGHWATER_STATUS_UNKNOWN_TRANSMITTER);
  CHECK_STATUS(highwater_engine_receive(engine, TEXT("a.b.c"), NOW, &text), HIGHWATER_STATUS_SIGNAL_REFUSED);
  CHECK(strstr(text.data, "invalid_request") != NULL);
  highwater_text_free(&text);
  highwater_text_free(&text);
  CHECK_STATUS(highwater_feed_new(TEXT("{\"kind\": \"cats\"}"), &feed), HIGHWATER_STATUS_INVALID_SETTINGS);
  CHECK(strcmp(highwater_error_path(), "/kind") == 0);
  CHECK(strcmp(highwater_status_name(-1), "UNKNOWN") == 0 && strcmp(highwater_status_name(7), "WRONG_SIZE") == 0);
  CHECK(highwater_reason_name(20) == NULL && strcmp(highwater_outcome_name(1), "deny") == 0);
}

static void batches(const highwater_engine *engine, const highwater_token *token) {
  enum { COUNT = 130 };
  const highwater_token *tokens[COUNT];
  highwater_request requests[COUNT];
  highwater_decision decisions[COUNT];
  int index, wrong;
  for (index = 0; index < COUNT; index++) {
    tokens[index] = token;
    highwater_request_init(&requests[index], NOW);
    CHECK_STATUS(highwater_request_set_address(&requests[index], TEXT("2001:db8::1")), HIGHWATER_STATUS_OK);
  }
  for (wrong = 3; wrong < COUNT; wrong += 60) {
    char where[16];
    memset(decisions, 0x5a, sizeof decisions);
    decisions[0].size = sizeof *decisions;
    requests[wrong].platform = 200;
    CHECK_STATUS(highwater_engine_decide_batch(engine, tokens, requests, decisions, COUNT),
                 HIGHWATER_STATUS_INVALID_ARGUMENT);
    snprintf(where, sizeof where, "/%d", wrong);
    CHECK(strcmp(highwater_error_path(), where) == 0);
    for (index = 0; index < COUNT; index++) CHECK(decisions[index].outcome == HIGHWATER_OUTCOME_DENY);
    requests[wrong].platform = 0;
  }
  requests[5].size += 8;
  CHECK_STATUS(highwater_engine_decide_batch(engine, tokens, requests, decisions, 8), HIGHWATER_STATUS_WRONG_SIZE);
  requests[5].size -= 8;
  tokens[7] = NULL;
  CHECK_STATUS(highwater_engine_decide_batch(engine, tokens, requests, decisions, 8), HIGHWATER_STATUS_NULL_POINTER);
  CHECK_STATUS(highwater_engine_decide_batch(engine, tokens, requests, decisions, 7), HIGHWATER_STATUS_OK);
  for (index = 0; index < 7; index++) CHECK(decisions[index].outcome == HIGHWATER_OUTCOME_ALLOW);
}

static void *add(void *argument) {
  int round;
  for (round = 0; round < 200; round++) {
    highwater_status status = highwater_documents_add(argument, HIGHWATER_DOCUMENT_KIND_GRAPH, TEXT("office.json"),
                                                      (const uint8_t *)OFFICE, strlen(OFFICE));
    CHECK(status == HIGHWATER_STATUS_OK || status == HIGHWATER_STATUS_BUSY);
  }
  return NULL;
}

/* Two threads on one exclusive handle get a status, not a race. */
static void exclusive_handles(void) {
  highwater_documents *documents = NULL;
  pthread_t threads[4];
  int index;
  CHECK_STATUS(highwater_documents_new(HIGHWATER_DOCUMENTS_FLAG_UPDATES_IN_ORDER, &documents), HIGHWATER_STATUS_OK);
  for (index = 0; index < 4; index++) CHECK(pthread_create(&threads[index], NULL, add, documents) == 0);
  for (index = 0; index < 4; index++) CHECK(pthread_join(threads[index], NULL) == 0);
  CHECK_STATUS(highwater_documents_check(documents, NULL), HIGHWATER_STATUS_OK);
  highwater_documents_free(documents);
}

/* A forked child decides by what was in force, and changes nothing. */
static void fork_after(highwater_engine *engine, highwater_token *token) {
  int state = 0;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    highwater_request request;
    highwater_decision decision;
    highwater_request_init(&request, NOW);
    highwater_decision_init(&decision);
    CHECK_STATUS(highwater_request_set_address(&request, TEXT("203.0.113.9")), HIGHWATER_STATUS_OK);
    CHECK_STATUS(highwater_engine_decide(engine, token, &request, &decision), HIGHWATER_STATUS_OK);
    CHECK(decision.outcome == HIGHWATER_OUTCOME_ALLOW);
    CHECK_STATUS(highwater_engine_apply(engine, TEXT("[]"), NULL), HIGHWATER_STATUS_FORKED);
    CHECK_STATUS(highwater_engine_remove(engine, TEXT("contoso"), NULL), HIGHWATER_STATUS_FORKED);
    /* Not by exit: what the child inherited is not its to free, and no leak. */
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
  }
  CHECK(waitpid(child, &state, 0) == child && WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

/* One event more than before, in force and on the disk. */
static void revoke_user(const highwater_engine *engine, const char *user) {
  char event[256];
  size_t changed = 0;
  snprintf(event, sizeof event,
           "{\"time\": 1763760050, \"tenant\": \"contoso\", \"subject\": {\"user\": \"%s\"},"
           " \"effect\": \"revoke\", \"source\": \"operator\"}",
           user);
  CHECK_STATUS(highwater_engine_apply(engine, TEXT(event), &changed), HIGHWATER_STATUS_OK);
  CHECK(changed == 1);
}

/* A forked child that frees an engine over a file neither waits for the writer, which stayed with
 * its parent, nor takes the file from it. */
static void free_in_a_fork(const char *file) {
  static const char options[] = "{\"store\": {\"cache_bytes\": 1048576}}";
  highwater_engine *engine = NULL, *second = NULL;
  highwater_text status = {0};
  size_t changed = 7;
  int state = 0;
  pid_t child;
  CHECK_STATUS(highwater_engine_open(file, strlen(file), TEXT(options), &engine), HIGHWATER_STATUS_OK);
  revoke_user(engine, "before the fork");
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60); /* a child that waits for ever is killed, and the parent says so */
    CHECK_STATUS(highwater_engine_status(engine, NOW, &status), HIGHWATER_STATUS_FORKED);
    CHECK_STATUS(highwater_engine_reopen(engine), HIGHWATER_STATUS_FORKED);
    highwater_engine_free(engine);
    execl("/bin/true", "true", (char *)NULL); /* as above */
    _exit(1);
  }
  CHECK(waitpid(child, &state, 0) == child && WIFEXITED(state) && WEXITSTATUS(state) == 0);
  CHECK_STATUS(highwater_engine_open(file, strlen(file), TEXT(options), &second), HIGHWATER_STATUS_STORE_IN_USE);
  CHECK(second == NULL);
  revoke_user(engine, "after the fork");
  CHECK_STATUS(highwater_engine_status(engine, NOW, &status), HIGHWATER_STATUS_OK);
  CHECK(strstr(status.data, "\"condition\":\"ready\"") != NULL && strstr(status.data, "\"registers\":2") != NULL);
  highwater_text_free(&status);
  highwater_engine_free(engine);
  engine = NULL;
  CHECK_STATUS(highwater_engine_open(file, strlen(file), TEXT(options), &engine), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_engine_apply(engine,
                                      TEXT("{\"time\": 1763760050, \"tenant\": \"contoso\","
                                           " \"subject\": {\"user\": \"after the fork\"},"
                                           " \"effect\": \"revoke\", \"source\": \"operator\"}"),
                                      &changed),
               HIGHWATER_STATUS_OK);
  CHECK(changed == 0); /* known already */
  highwater_engine_free(engine);
}

static void hear(uint32_t level, const char *message, size_t length, void *context) {
  CHECK(level >= HIGHWATER_LOG_LEVEL_ERROR && level <= HIGHWATER_LOG_LEVEL_INFORMATION);
  CHECK(strlen(message) == length && length > 0);
  ++*(int *)context;
}

static void log_messages(const highwater_engine *engine) {
  highwater_documents *documents = NULL;
  highwater_text report = {0};
  int heard = 0;
  highwater_log_set_callback(hear, &heard);
  CHECK_STATUS(highwater_documents_new(0, &documents), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, TEXT("broken.json"),
                                       (const uint8_t *)"{", 1),
               HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_engine_publish(engine, TEXT("contoso"), documents, NULL, 0, &report, NULL),
               HIGHWATER_STATUS_DOCUMENTS_REFUSED);
  CHECK(heard == 1 && strstr(report.data, "broken.json") != NULL);
  highwater_text_free(&report);
  highwater_log_set_callback(NULL, NULL);
  CHECK_STATUS(highwater_engine_publish(engine, TEXT("contoso"), documents, NULL, 0, NULL, NULL),
               HIGHWATER_STATUS_DOCUMENTS_REFUSED);
  CHECK(heard == 1);
  highwater_documents_free(documents);
}

int main(int count, char **arguments) {
  highwater_engine *engine = tenant_engine();
  highwater_token *token = NULL;
  CHECK(strcmp(highwater_version(), HIGHWATER_VERSION) == 0);
  CHECK(highwater_version_number() == HIGHWATER_VERSION_NUMBER);
  CHECK(highwater_semantics_version() == 1);
  CHECK(highwater_clock_now() > NOW);
  CHECK_STATUS(highwater_token_new(engine, TEXT(CLAIMS), &token), HIGHWATER_STATUS_OK);
  null_pointers(engine, token);
  handles_of_another_type(engine, token);
  sizes(engine, token);
  values(engine, token);
  texts(engine);
  batches(engine, token);
  exclusive_handles();
  fork_after(engine, token);
  free_in_a_fork(count > 1 ? arguments[1] : "wrong_use.highwater");
  log_messages(engine);
  highwater_token_free(token);
  highwater_engine_free(engine);
  puts("wrong use is refused");
  return 0;
}
