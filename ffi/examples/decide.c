/* Decides in ten lines: an engine, a tenant's documents, a verified token, a request.
 *
 *   cc decide.c $(pkg-config --cflags --libs highwater) -o decide && ./decide
 */
#include <highwater.h>

#include <stdio.h>
#include <string.h>

static const char *office =
    "[{\"@odata.type\": \"#microsoft.graph.ipNamedLocation\", \"id\": \"3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01\","
    "  \"displayName\": \"Office\", \"isTrusted\": true,"
    "  \"ipRanges\": [{\"cidrAddress\": \"203.0.113.0/24\"}, {\"cidrAddress\": \"2001:db8::/32\"}]},"
    " {\"id\": \"77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02\", \"displayName\": \"Block outside the office\","
    "  \"state\": \"enabled\","
    "  \"conditions\": {\"users\": {\"includeUsers\": [\"All\"]}, \"applications\": {\"includeApplications\": [\"All\"]},"
    "    \"clientAppTypes\": [\"all\"],"
    "    \"locations\": {\"includeLocations\": [\"All\"], \"excludeLocations\": [\"AllTrusted\"]}},"
    "  \"grantControls\": {\"operator\": \"OR\", \"builtInControls\": [\"block\"]}}]";

static const char *claims =
    "{\"iss\": \"https://sts.windows.net/contoso/\", \"tid\": \"contoso\", \"oid\": \"ada\", \"aud\": \"api://orders\","
    " \"iat\": 1763760000, \"exp\": 1763763900, \"xms_cc\": [\"cp1\"]}";

static int failed(const char *what) {
  fprintf(stderr, "%s: %s (at \"%s\")\n", what, highwater_error_message(), highwater_error_path());
  return 1;
}

int main(void) {
  highwater_engine *engine = NULL;
  highwater_documents *documents = NULL;
  highwater_token *token = NULL;
  highwater_request request;
  highwater_decision decision;
  char header[2048];
  size_t length = 0;

  /* Once: an engine, and the documents of a tenant. */
  if (highwater_engine_new(NULL, 0, &engine) != HIGHWATER_STATUS_OK) return failed("engine");
  if (highwater_documents_new(0, &documents) != HIGHWATER_STATUS_OK) return failed("documents");
  if (highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, "office.json", 11, (const uint8_t *)office,
                              strlen(office)) != HIGHWATER_STATUS_OK)
    return failed("office.json");
  if (highwater_engine_publish(engine, "contoso", 7, documents, NULL, 0, NULL, NULL) != HIGHWATER_STATUS_OK)
    return failed("publish");
  highwater_documents_free(documents);

  /* Once per token: you have verified signature, issuer and audience. */
  if (highwater_token_new(engine, claims, strlen(claims), &token) != HIGHWATER_STATUS_OK) return failed("token");

  /* For every request. */
  highwater_request_init(&request, INT64_C(1763760100000));
  highwater_decision_init(&decision);
  if (highwater_request_set_address(&request, "203.0.113.7", 11) != HIGHWATER_STATUS_OK) return failed("address");
  if (highwater_engine_decide(engine, token, &request, &decision) != HIGHWATER_STATUS_OK) return failed("decide");
  printf("from the office: %s\n", highwater_outcome_name(decision.outcome));
  if (decision.outcome != HIGHWATER_OUTCOME_ALLOW) return 1;

  if (highwater_request_set_address(&request, "198.51.100.9", 12) != HIGHWATER_STATUS_OK) return failed("address");
  if (highwater_engine_decide(engine, token, &request, &decision) != HIGHWATER_STATUS_OK) return failed("decide");
  if (highwater_decision_header(&decision, token, &request, header, sizeof header, &length) != HIGHWATER_STATUS_OK)
    return failed("header");
  printf("from elsewhere: %s\nHTTP/1.1 %d\nWWW-Authenticate: %s\n", highwater_outcome_name(decision.outcome),
         decision.status, header);
  if (decision.outcome != HIGHWATER_OUTCOME_CHALLENGE || decision.status != 401 || length != strlen(header)) return 1;

  highwater_token_free(token);
  highwater_engine_free(engine);
  return 0;
}
