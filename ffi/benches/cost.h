/* What every program of `ffi/cost` measures: one tenant with one location and one policy, one
 * token, one request from inside, decided again and again, and 64 of them in one call. */
#ifndef COST_H
#define COST_H

#define COST_DOCUMENTS                                                                              \
  "[{\"@odata.type\": \"#microsoft.graph.ipNamedLocation\", \"id\": \"0ff1ce00-0000-4000-8000-000000000001\","       \
  " \"displayName\": \"Office\", \"isTrusted\": true,"                                              \
  " \"ipRanges\": [{\"@odata.type\": \"#microsoft.graph.iPv4CidrRange\", \"cidrAddress\": \"203.0.113.0/24\"}]},"    \
  " {\"id\": \"b10c0000-0000-4000-8000-000000000001\", \"displayName\": \"Block outside the office\","               \
  " \"state\": \"enabled\","                                                                        \
  " \"conditions\": {\"users\": {\"includeUsers\": [\"All\"]},"                                     \
  " \"applications\": {\"includeApplications\": [\"All\"]},"                                        \
  " \"locations\": {\"includeLocations\": [\"All\"], \"excludeLocations\": [\"AllTrusted\"]}},"     \
  " \"grantControls\": {\"operator\": \"OR\", \"builtInControls\": [\"block\"]}}]"

#define COST_CLAIMS                                                                                 \
  "{\"iss\": \"https://sts.windows.net/contoso/\", \"tid\": \"contoso\", \"oid\": \"ada\", \"aud\": \"api://orders\"," \
  " \"iat\": 1763759000, \"exp\": 1763762900, \"xms_cc\": [\"cp1\"]}"

#define COST_NOW INT64_C(1763760100000)
#define COST_INSIDE "203.0.113.7"
#define COST_OUTSIDE "198.51.100.9"

/* Each figure is the best of so many rounds. */
#define COST_ROUNDS 7
#define COST_CALLS 200000
#define COST_BATCH 64

#endif
