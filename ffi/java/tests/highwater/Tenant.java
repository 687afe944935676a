package highwater;

/** What the tests share: a tenant with a policy, a user's claims, the present. */
final class Tenant {
  static final String NAME = "contoso";
  /** Milliseconds since 1970. */
  static final long NOW = 1_763_760_100_000L;

  static final String OFFICE_ONLY =
      """
      [{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "0ff1ce00-0000-4000-8000-000000000001",
        "displayName": "Office", "isTrusted": true,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
       {"id": "b10c0000-0000-4000-8000-000000000001", "displayName": "Block outside the office",
        "state": "enabled",
        "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
         "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]""";

  static final String CLAIMS =
      """
      {"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada", "aud": "api://orders",
       "iat": 1763759000, "exp": 1763762900, "xms_cc": ["cp1"]}""";

  private Tenant() {}

  static String event(String effect) {
    return """
        {"time": 1763760070, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "%s", "source": "directory"}"""
        .formatted(effect);
  }

  static Request office() {
    return new Request(NOW).address("203.0.113.7");
  }

  static Request elsewhere() {
    return new Request(NOW).address("198.51.100.9");
  }

  static Engine started() {
    Engine engine = new Engine();
    engine.publish(NAME, new Documents().add("office.json", OFFICE_ONLY), null);
    return engine;
  }
}
