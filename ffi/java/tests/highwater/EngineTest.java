package highwater;

import static highwater.Tenant.CLAIMS;
import static highwater.Tenant.NAME;
import static highwater.Tenant.NOW;
import static highwater.Tenant.OFFICE_ONLY;
import static highwater.Tenant.elsewhere;
import static highwater.Tenant.event;
import static highwater.Tenant.office;
import static highwater.Tenant.started;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;

/** What a service does with the package, and what it gets when something is wrong. */
public class EngineTest {
  private static String wanted(Optional<String> header) {
    Matcher claims = Pattern.compile("claims=\"([^\"]+)\"").matcher(header.orElseThrow());
    assertTrue(header.get(), claims.find());
    return new String(Base64.getDecoder().decode(claims.group(1)), StandardCharsets.UTF_8);
  }

  private static HighwaterException refused(String status, ThrowingRunnable use) {
    HighwaterException error = assertThrows(HighwaterException.class, use);
    assertEquals(error.getMessage(), status, error.status());
    return error;
  }

  @Test
  public void aRequestIsAllowedUntilItsUserIsRevoked() {
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      assertTrue(engine.decide(token, office()).allowed());
      assertEquals(Optional.empty(), engine.decide(token, office()).header(token, office()));
      assertEquals(1, engine.apply(event("revoke")));
      Decision decision = engine.decide(token, office());
      assertFalse(decision.allowed());
      assertEquals(Outcome.CHALLENGE, decision.outcome());
      assertEquals(401, decision.status());
      assertEquals(List.of(Reason.TOKEN_REVOKED), decision.reasons());
      String claims = wanted(decision.header(token, office()));
      assertTrue(claims, claims.contains(Long.toString(decision.notBefore())));
      assertTrue(wanted(decision.header(token, office(), "{\"acrs\": {\"value\": \"c9\"}}")).contains("c9"));
      assertEquals(0, engine.apply("[" + event("revoke") + "]"));
    }
  }

  @Test
  public void policiesAreNamedAndExplained() {
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      Decision decision = engine.decide(token, elsewhere());
      assertEquals(List.of(0), decision.policies());
      assertEquals(1, decision.policyCount());
      assertTrue(engine.policies(NAME).contains("Block outside the office"));
      assertTrue(engine.explain(token, elsewhere()).contains("\"failure\""));
      assertEquals("null", engine.policies("nobody"));
      assertTrue(engine.remove(NAME));
      assertFalse(engine.remove(NAME));
      assertEquals(List.of(Reason.TENANT_UNKNOWN), engine.decide(token, office()).reasons());
    }
  }

  @Test
  public void aLongAuthenticationContextIsPassedAndAskedFor() throws Exception {
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      Request request =
          new Request(NOW)
              .address(InetAddress.getByName("203.0.113.7"))
              .authenticationContext("c".repeat(3000))
              .resource(new Resource("api://orders"))
              .device(new Device("{\"isCompliant\": true}"));
      Decision decision = engine.decide(token, request);
      assertEquals(List.of(Reason.AUTH_CONTEXT_REQUIRED), decision.reasons());
      assertTrue(wanted(decision.header(token, request)).contains("c".repeat(3000)));
      request.authenticationContext(null).resource(null).device(null);
      assertTrue(engine.decide(token, request).allowed());
    }
  }

  @Test
  public void aTokenIsRenewedAfterAPublication() {
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      assertSame(token, engine.renew(token));
      engine.publish(NAME, new Documents().add("none.json", "[]"), "{\"policy_change\": \"off\"}");
      Token renewed = engine.renew(token);
      assertNotSame(token, renewed);
      assertTrue(engine.decide(renewed, elsewhere()).allowed());
      assertTrue(renewed.facts().contains("\"subject\":\"ada\""));
    }
  }

  @Test
  public void aBatchDecidesAsSingleRequestsWholeOrNotAtAll() {
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      Batch batch = new Batch(200);
      Request request = office();
      for (int index = 0; index < 200; index++) {
        batch.append(token, request.address((index % 3 == 0 ? "198.51.100." : "203.0.113.") + index));
      }
      assertThrows(IllegalStateException.class, () -> batch.append(token, request));
      assertThrows(IndexOutOfBoundsException.class, () -> batch.allowed(0));
      engine.decide(batch);
      for (int index = 0; index < 200; index++) {
        assertEquals(index % 3 != 0, batch.allowed(index));
        assertEquals(index % 3 != 0, batch.decision(index).allowed());
      }
      batch.clear();
      engine.decide(batch);
      batch.append(token, office());
      batch.append(token, new Request(0));
      HighwaterException error = assertThrows(HighwaterException.class, () -> engine.decide(batch));
      assertTrue(error.path(), error.path().startsWith("/1"));
      assertThrows(IndexOutOfBoundsException.class, () -> batch.allowed(0));
      assertThrows(IllegalArgumentException.class, () -> new Batch(0));
    }
  }

  @Test
  public void refusedDocumentsChangeNothingAndAreReported() {
    try (Engine engine = started()) {
      Documents wrong = new Documents().add("wrong.json", "[{\"id\": \"x\", \"displayName\": \"X\", \"state\": \"maybe\"}]");
      HighwaterException error = refused("DOCUMENTS_REFUSED", () -> engine.publish(NAME, wrong, null));
      assertTrue(error.report().contains("wrong.json"));
      assertEquals(error.report(), wrong.check());
      Token token = engine.token(CLAIMS);
      assertFalse(engine.decide(token, elsewhere()).allowed());
      engine.dangerPublishWithoutRefused(NAME, wrong, null);
      assertTrue(engine.decide(token, elsewhere()).allowed());
      refused("UNREADABLE_FILE", () -> new Documents().addPath(Path.of("/nowhere/x.json"), Documents.Kind.GRAPH));
      assertTrue(new Documents(true, true).check().contains("\"refused\":[]"));
    }
  }

  @Test
  public void wrongInputIsNamedByItsPlace() {
    try (Engine engine = started()) {
      String wrong = CLAIMS.replace("1763759000", "\"yesterday\"");
      assertEquals("/iat", refused("INVALID_CLAIMS", () -> engine.token(wrong)).path());
      refused("INVALID_JSON", () -> engine.token("{"));
      assertEquals("/settings/skews",
          refused("INVALID_SETTINGS", () -> new Engine("{\"settings\": {\"skews\": 1}}")).path());
      refused("INVALID_EVENT", () -> engine.apply("[" + event("revoke") + "," + event("explode") + "]"));
      refused("INVALID_ARGUMENT", () -> new Request(NOW).address("203.0.113.700"));
      assertThrows(IllegalArgumentException.class, () -> new Request(NOW).country("DEU"));
      Token token = engine.token(CLAIMS);
      refused("INVALID_ARGUMENT", () -> engine.decide(token, new Request(0)));
      assertThrows(NullPointerException.class, () -> engine.decide(null, office()));
      assertTrue(engine.decide(token, office()).allowed());
    }
  }

  @Test
  public void whatIsClosedRefuses() {
    Engine engine = new Engine("{\"settings\": {\"accept_any_tenant\": true}}");
    Token token = engine.token(CLAIMS);
    assertTrue(engine.decide(token, office()).allowed());
    try (Engine other = started()) {
      assertFalse(other.decide(token, office()).allowed());
    }
    Batch batch = new Batch(1);
    batch.append(token, office());
    engine.close();
    engine.close();
    assertThrows(ClosedException.class, () -> engine.decide(token, office()));
    assertThrows(ClosedException.class, () -> engine.decide(batch));
    assertThrows(ClosedException.class, () -> engine.token(CLAIMS));
    assertThrows(ClosedException.class, () -> engine.apply(event("revoke")));
    assertThrows(ClosedException.class, () -> engine.status(NOW));
    assertTrue(token.facts().contains("ada"));
  }

  @Test
  public void factsSurviveInAFile() throws Exception {
    Path folder = Files.createTempDirectory("highwater");
    Path path = folder.resolve("revocations.redb");
    try (Engine engine = Engine.open(path, null)) {
      engine.apply(event("revoke"));
      refused("STORE_IN_USE", () -> Engine.open(path, null));
    }
    String options = "{\"settings\": {\"accept_any_tenant\": true}, \"store\": {\"creation\": \"never\"}}";
    try (Engine engine = Engine.open(path, options)) {
      Token token = engine.token(CLAIMS);
      assertEquals(List.of(Reason.TOKEN_REVOKED), engine.decide(token, office()).reasons());
      assertEquals(1, engine.forgetExpired(NOW + 40 * 3_600_000L));
      engine.reopen();
    }
    Files.delete(path);
    refused("STORE_MISSING", () -> Engine.open(path, options));
    Files.delete(folder);
  }

  @Test
  public void securityEventsAreTakenOrRefused() {
    String options =
        """
        {"settings": {"accept_any_tenant": true}, "transmitters": [{"name": "idp", "issuer": "https://idp.example",
         "audience": "https://rs.example", "jwks_uri": "https://idp.example/keys"}]}""";
    String set =
        """
        {"iss": "https://idp.example", "aud": "https://rs.example", "jti": "1", "iat": 1763760080,
         "sub_id": {"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"}, "events": {
         "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"event_timestamp": 1763760070}}}""";
    try (Engine engine = new Engine(options)) {
      Token token =
          engine.token("{\"iss\": \"https://idp.example\", \"sub\": \"ada\", \"iat\": 1763760000, \"exp\": 1763763600}");
      assertTrue(engine.decide(token, office()).allowed());
      assertTrue(engine.receiveTrusted(set, NOW).contains("accepted"));
      assertEquals(List.of(Reason.TOKEN_REVOKED), engine.decide(token, office()).reasons());
      String others = set.replace("rs.example", "other.example");
      assertTrue(refused("SIGNAL_REFUSED", () -> engine.receiveTrusted(others, NOW)).report()
          .contains("invalid_audience"));
      Base64.Encoder part = Base64.getUrlEncoder().withoutPadding();
      String signed =
          part.encodeToString("{\"typ\": \"secevent+jwt\", \"alg\": \"ES256\", \"kid\": \"k\"}".getBytes(StandardCharsets.UTF_8))
              + "." + part.encodeToString(set.getBytes(StandardCharsets.UTF_8)) + ".AAAA";
      assertEquals("idp", refused("UNKNOWN_KEY", () -> engine.receive(signed, NOW)).path());
      engine.setKeys("idp", "{\"keys\": []}", NOW);
      refused("UNKNOWN_TRANSMITTER", () -> engine.setKeys("nobody", null, NOW));
      assertEquals("[\"idp\"]", engine.dueKeys(NOW + 24 * 3_600_000L));
      engine.watchStream("directory", 60, NOW);
      assertTrue(engine.decide(token, new Request(NOW + 61_000)).degraded());
      engine.observeStream("directory", NOW + 60_000);
      assertFalse(engine.decide(token, new Request(NOW + 61_000)).degraded());
      byte[] events = event("block").getBytes(StandardCharsets.UTF_8);
      assertTrue(engine.ingest("a.jsonl", events, "{\"source\": \"x\"}", NOW).contains("accepted"));
    }
  }

  @Test
  public void aFeedSaysWhatToSendAndAppliesWhatComes() {
    String page =
        """
        {"value": [{"id": "ada", "accountEnabled": false}],
         "@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x"}""";
    try (Engine engine = started()) {
      Feed feed = new Feed("{\"kind\": \"users\", \"graph\": {\"tenant\": \"contoso\"}}");
      assertTrue(feed.next(NOW).contains("\"GET\""));
      assertTrue(feed.respond(engine, 200, -1, page.getBytes(StandardCharsets.UTF_8), NOW).contains("complete"));
      feed.lost(NOW);
      assertTrue(feed.state().contains("deltatoken"));
      assertThrows(IllegalArgumentException.class, () -> feed.respond(engine, 70_000, -1, new byte[0], NOW));
      feed.close();
      assertThrows(ClosedException.class, () -> feed.next(NOW));
      assertTrue(engine.decide(engine.token(CLAIMS), office()).reasons().contains(Reason.SUBJECT_BLOCKED));
    }
  }

  @Test
  public void wordsAndNumbersAgreeWithTheLibrary() throws Exception {
    for (Outcome outcome : Outcome.values()) {
      String word = Library.word("highwater_outcome_name", outcome.number);
      assertEquals(outcome.name().toLowerCase(Locale.ROOT), word);
    }
    for (Reason reason : Reason.values()) {
      assertEquals(reason.code(), Library.word("highwater_reason_name", reason.ordinal()));
    }
    assertEquals(null, Library.word("highwater_reason_name", Reason.values().length));
    assertEquals(Outcome.DENY, Outcome.of(7));
    assertEquals("0.1.0", Library.version());
    String header = Files.readString(Path.of(System.getProperty("highwater.header")));
    for (Request.Platform platform : Request.Platform.values()) {
      declares(header, "PLATFORM", platform, 1);
    }
    for (Request.ClientAppType type : Request.ClientAppType.values()) {
      declares(header, "CLIENT_APP_TYPE", type, 1);
    }
    for (Documents.Kind kind : Documents.Kind.values()) declares(header, "DOCUMENT_KIND", kind, 1);
    for (Reason reason : Reason.values()) declares(header, "REASON", reason, 0);
  }

  private static void declares(String header, String type, Enum<?> value, int first) {
    String line = "HIGHWATER_" + type + "_" + value.name() + " = " + (value.ordinal() + first) + ",";
    assertTrue(line, header.contains(line));
  }

  @Test
  public void policiesArePublishedWhileOthersDecide() throws Exception {
    assertTrue(OFFICE_ONLY.length() > 0);
    try (Engine engine = started()) {
      Token token = engine.token(CLAIMS);
      var revoked = new java.util.concurrent.atomic.AtomicBoolean();
      var done = new java.util.concurrent.atomic.AtomicBoolean();
      var wrong = new java.util.concurrent.atomic.AtomicReference<Object>();
      Thread[] deciding = new Thread[4];
      for (int index = 0; index < deciding.length; index++) {
        deciding[index] = new Thread(() -> {
          Request request = office();
          while (!done.get()) {
            boolean known = revoked.get();
            Decision decision = engine.decide(token, request);
            if (known && decision.allowed()) wrong.set("allowed after the revocation");
          }
        });
        deciding[index].setUncaughtExceptionHandler((thread, error) -> wrong.set(error));
        deciding[index].start();
      }
      for (int round = 0; round < 40; round++) {
        engine.publish(NAME, new Documents().add("office.json", OFFICE_ONLY), null);
        if (round == 20) {
          engine.apply(event("revoke"));
          revoked.set(true);
        }
      }
      done.set(true);
      for (Thread thread : deciding) thread.join();
      assertEquals(null, wrong.get());
    }
  }

  @Test
  public void anEngineThatIsClosedUnderWayEndsAfterTheLastCall() throws Exception {
    for (int round = 0; round < 30; round++) {
      Engine engine = new Engine("{\"settings\": {\"accept_any_tenant\": true}}");
      Token token = engine.token(CLAIMS);
      var wrong = new java.util.concurrent.atomic.AtomicReference<Object>();
      Thread[] deciding = new Thread[4];
      for (int index = 0; index < deciding.length; index++) {
        deciding[index] = new Thread(() -> {
          try {
            while (engine.decide(token, office()).allowed()) Thread.onSpinWait();
            wrong.set("denied");
          } catch (IllegalStateException closed) {
            // A ClosedException, or what the JVM says of memory that was closed just now.
          }
        });
        deciding[index].setUncaughtExceptionHandler((thread, error) -> wrong.set(error));
        deciding[index].start();
      }
      engine.close();
      for (Thread thread : deciding) thread.join();
      assertEquals(null, wrong.get());
    }
  }

  @Test
  public void whatABatchPointsToStaysAlive() {
    try (Engine engine = started()) {
      for (int round = 0; round < 20; round++) {
        Batch batch = new Batch(50);
        for (int index = 0; index < 50; index++) {
          batch.append(engine.token(CLAIMS),
              office().authenticationContext("c" + index).device(new Device("{\"isCompliant\": true}")));
        }
        System.gc();
        engine.decide(batch);
        for (int index = 0; index < 50; index++) assertFalse(batch.allowed(index));
      }
    }
  }
}
