package highwater;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Serves a request of the JDK's HTTP server only if Highwater says that its token is still good. As
 * a filter of servlets it would read the same.
 */
public final class ContinuousAccess extends Filter {
  private static final int CAPACITY = 100_000;

  /** Checks signature, algorithm, issuer and audience of a token. */
  @FunctionalInterface
  public interface Verifier {
    /** The claims, JSON; null if the token is not good. */
    String verify(String raw);
  }

  private final Engine engine;
  private final Verifier verifier;
  private final Function<HttpExchange, Request> circumstances;
  // Verified tokens by a digest of the raw one. The engine judges lifetimes anew with every request.
  private final Map<String, Token> kept =
      Collections.synchronizedMap(
          new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Token> eldest) {
              return size() > CAPACITY;
            }
          });

  /** A filter that knows of a request the time and the address of its connection. */
  public ContinuousAccess(Engine engine, Verifier verifier) {
    this(engine, verifier, exchange -> new Request().address(exchange.getRemoteAddress().getAddress()));
  }

  /** A filter; {@code circumstances} says what is known of a request. */
  public ContinuousAccess(Engine engine, Verifier verifier, Function<HttpExchange, Request> circumstances) {
    this.engine = engine;
    this.verifier = verifier;
    this.circumstances = circumstances;
  }

  @Override
  public String description() {
    return "serves requests whose token is still good";
  }

  @Override
  public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
    String header;
    int status;
    try {
      String raw = bearer(exchange);
      Token token = raw == null ? null : token(raw);
      if (token == null) {
        refuse(exchange, 401, raw == null ? "Bearer" : "Bearer error=\"invalid_token\"");
        return;
      }
      Request request = circumstances.apply(exchange);
      Decision decision = engine.decide(token, request);
      status = decision.allowed() ? 200 : decision.status();
      header = decision.allowed() ? null : decision.header(token, request).orElse(null);
    } catch (HighwaterException | IllegalStateException error) {
      refuse(exchange, 500, null);
      return;
    }
    if (status == 200) {
      chain.doFilter(exchange);
    } else {
      refuse(exchange, status, header);
    }
  }

  private Token token(String raw) {
    String digest = digest(raw);
    Token token = kept.get(digest);
    if (token == null) {
      String claims = verifier.verify(raw);
      if (claims == null) return null;
      try {
        token = engine.token(claims);
      } catch (HighwaterException refused) {
        if (List.of("INVALID_CLAIMS", "UNKNOWN_ISSUER").contains(refused.status())) return null;
        throw refused;
      }
      kept.put(digest, token);
    }
    return token;
  }

  private static String bearer(HttpExchange exchange) {
    List<String> values = exchange.getRequestHeaders().get("Authorization");
    if (values == null || values.size() != 1) return null;
    String[] words = values.get(0).trim().split(" +");
    return words.length == 2 && words[0].equalsIgnoreCase("bearer") ? words[1] : null;
  }

  private static String digest(String raw) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(raw.getBytes(StandardCharsets.UTF_8));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every JVM has it
    }
  }

  private static void refuse(HttpExchange exchange, int status, String header) throws IOException {
    if (header != null) exchange.getResponseHeaders().set("WWW-Authenticate", header);
    exchange.getResponseHeaders().set("Cache-Control", "no-store");
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }
}
