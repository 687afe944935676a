package highwater;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.Test;

/** The filter on a real socket: served, revoked, challenged, served again with a new token. */
public class ContinuousAccessTest {
  private static final String ISSUER = "https://idp.example";
  private static final Base64.Encoder PART = Base64.getUrlEncoder().withoutPadding();

  private final KeyPair keys;

  public ContinuousAccessTest() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    keys = generator.generateKeyPair();
  }

  // ES256 by hand, to need no library: a real host has one.
  private String issue(long issued, String audience) throws GeneralSecurityException {
    String claims =
        "{\"iss\": \"%s\", \"aud\": \"%s\", \"sub\": \"ada\", \"iat\": %d, \"exp\": %d, \"xms_cc\": [\"cp1\"]}"
            .formatted(ISSUER, audience, issued, issued + 3600);
    String signed = PART.encodeToString("{\"alg\":\"ES256\"}".getBytes(StandardCharsets.UTF_8)) + "."
        + PART.encodeToString(claims.getBytes(StandardCharsets.UTF_8));
    Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
    signature.initSign(keys.getPrivate());
    signature.update(signed.getBytes(StandardCharsets.UTF_8));
    return signed + "." + PART.encodeToString(signature.sign());
  }

  private String verify(String raw) {
    String[] parts = raw.split("\\.");
    if (parts.length != 3) return null;
    try {
      Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      signature.initVerify(keys.getPublic());
      signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.UTF_8));
      if (!signature.verify(Base64.getUrlDecoder().decode(parts[2]))) return null;
      String claims = new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8);
      JsonObject read = JsonParser.parseString(claims).getAsJsonObject();
      boolean ours = read.get("iss").getAsString().equals(ISSUER)
          && read.get("aud").getAsString().equals("api://orders");
      return ours ? claims : null;
    } catch (GeneralSecurityException | IllegalArgumentException error) {
      return null;
    }
  }

  @Test
  public void aRevokedClientIsChallengedAndComesBack() throws Exception {
    Engine engine = new Engine(
        "{\"settings\": {\"accept_any_tenant\": true}, \"issuers\": [{\"issuer\": \"%s\", \"answers_challenges\": true}]}"
            .formatted(ISSUER));
    AtomicInteger served = new AtomicInteger();
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", exchange -> {
      served.incrementAndGet();
      exchange.sendResponseHeaders(200, -1);
      exchange.close();
    }).getFilters().add(new ContinuousAccess(engine, this::verify));
    server.start();
    try {
      URI uri = new URI("http", null, "127.0.0.1", server.getAddress().getPort(), "/", null, null);
      long now = System.currentTimeMillis() / 1000;
      String first = issue(now - 60, "api://orders");
      assertEquals(200, ask(uri, "Bearer " + first).statusCode());
      assertEquals(200, ask(uri, "bearer " + first).statusCode());
      engine.apply(
          "{\"time\": %d, \"tenant\": \"%s\", \"source\": \"directory\", \"subject\": {\"user\": \"ada\"}, \"effect\": \"revoke\"}"
              .formatted(now - 5, ISSUER));
      HttpResponse<Void> refused = ask(uri, "Bearer " + first);
      assertEquals(401, refused.statusCode());
      Matcher claims = Pattern.compile("claims=\"([^\"]+)\"")
          .matcher(refused.headers().firstValue("www-authenticate").orElseThrow());
      assertTrue(claims.find());
      JsonObject wanted = JsonParser.parseString(
          new String(Base64.getDecoder().decode(claims.group(1)), StandardCharsets.UTF_8)).getAsJsonObject();
      long notBefore = wanted.getAsJsonObject("access_token").getAsJsonObject("nbf").get("value").getAsLong();
      String renewed = issue(Math.max(now, notBefore), "api://orders");
      assertEquals(200, ask(uri, "Bearer " + renewed).statusCode());
      assertEquals(401, ask(uri, "Bearer " + first).statusCode());
      int count = served.get();
      for (String wrong : List.of("Bearer", "Basic YWRhOmFkYQ==", "Bearer nonsense",
          "Bearer " + renewed.substring(0, renewed.length() - 4) + "AAAA",
          "Bearer " + issue(now, "api://other"), "Bearer " + issue(now - 7200, "api://orders"))) {
        assertEquals(wrong, 401, ask(uri, wrong).statusCode());
      }
      assertEquals(401, ask(uri, null).statusCode());
      engine.close();
      assertEquals(500, ask(uri, "Bearer " + renewed).statusCode());
      assertEquals(count, served.get());
    } finally {
      server.stop(0);
    }
  }

  private static HttpResponse<Void> ask(URI uri, String authorization) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri);
    if (authorization != null) request.header("authorization", authorization);
    return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.discarding());
  }
}
