/* What the C tests share: a check that names itself, and the texts of one small tenant. */
#ifndef CHECK_H
#define CHECK_H

#include <highwater.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                            \
  do {                                                                                              \
    if (!(condition)) {                                                                             \
      fprintf(stderr, "%s:%d: %s\n  last error: %s (at \"%s\")\n", __FILE__, __LINE__, #condition,   \
              highwater_error_message(), highwater_error_path());                                   \
      exit(1);                                                                                      \
    }                                                                                               \
  } while (0)

#define CHECK_STATUS(call, expected)                                                                \
  do {                                                                                              \
    highwater_status check_status = (call);                                                         \
    if (check_status != (expected)) {                                                               \
      fprintf(stderr, "%s:%d: %s\n  is %s, expected %s\n  last error: %s (at \"%s\")\n", __FILE__,   \
              __LINE__, #call, highwater_status_name(check_status), highwater_status_name(expected), \
              highwater_error_message(), highwater_error_path());                                   \
      exit(1);                                                                                      \
    }                                                                                               \
  } while (0)

#define TEXT(text) (text), strlen(text)
#define NOW INT64_C(1763760100000)

#define OFFICE                                                                                      \
  "[{\"@odata.type\": \"#microsoft.graph.ipNamedLocation\", \"id\": \"office\", \"displayName\": \"Office\","    \
  " \"isTrusted\": true, \"ipRanges\": [{\"cidrAddress\": \"203.0.113.0/24\"},"                     \
  " {\"cidrAddress\": \"2001:db8::/32\"}]},"                                                        \
  " {\"id\": \"outside\", \"displayName\": \"Block outside\", \"state\": \"enabled\","              \
  " \"conditions\": {\"users\": {\"includeUsers\": [\"All\"]},"                                     \
  " \"applications\": {\"includeApplications\": [\"All\"]},"                                        \
  " \"locations\": {\"includeLocations\": [\"All\"], \"excludeLocations\": [\"AllTrusted\"]}},"     \
  " \"grantControls\": {\"operator\": \"OR\", \"builtInControls\": [\"block\"]}}]"

#define CLAIMS                                                                                      \
  "{\"iss\": \"https://sts.windows.net/contoso/\", \"tid\": \"contoso\", \"oid\": \"ada\","         \
  " \"aud\": \"api://orders\", \"iat\": 1763760000, \"exp\": 1763763900, \"xms_cc\": [\"cp1\"]}"

/* An engine with the small tenant. Defined in tenant.c, so that the header is in two units. */
highwater_engine *tenant_engine(void);

#endif
