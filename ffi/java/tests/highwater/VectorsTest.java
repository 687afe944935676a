package highwater;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.Test;

/**
 * Every vector through Java: as JSON byte for byte, and through tokens, requests and batches.
 * HIGHWATER_VECTORS names what {@code cargo run -p highwater-tests --bin vectors} wrote.
 */
public class VectorsTest {
  private static String text(JsonElement element) {
    return element == null || element.isJsonNull() ? null : element.getAsString();
  }

  private static Engine start(JsonObject vector) {
    Documents documents = new Documents();
    for (JsonElement element : vector.getAsJsonArray("documents")) {
      JsonObject document = element.getAsJsonObject();
      documents.add(text(document.get("name")), text(document.get("text")).getBytes(StandardCharsets.UTF_8),
          Documents.Kind.values()[document.get("kind").getAsInt() - 1]);
    }
    Engine engine = new Engine(vector.get("options").toString());
    engine.publish(text(vector.get("tenant")), documents, vector.get("settings").toString());
    return engine;
  }

  private static Request request(JsonObject parts) {
    Request request =
        new Request(parts.get("now").getAsLong())
            .authenticationContext(text(parts.get("authentication_context")))
            .country(text(parts.get("country")));
    if (text(parts.get("address")) != null) request.address(text(parts.get("address")));
    if (text(parts.get("resource")) != null) request.resource(new Resource(text(parts.get("resource"))));
    if (text(parts.get("device")) != null) request.device(new Device(text(parts.get("device"))));
    int platform = parts.get("platform").getAsInt();
    request.platform(platform == 0 ? null : Request.Platform.values()[platform - 1]);
    int type = parts.get("client_app_type").getAsInt();
    request.clientAppType(type == 0 ? null : Request.ClientAppType.values()[type - 1]);
    int network = parts.get("compliant_network").getAsInt();
    return request.compliantNetwork(network == 0 ? null : network == 2);
  }

  private static void check(JsonObject step, Decision decision, Token token) {
    JsonObject answer = JsonParser.parseString(text(step.get("answer"))).getAsJsonObject();
    assertEquals(text(answer.get("decision")), Library.word("highwater_outcome_name", decision.outcome().number));
    assertEquals(text(answer.get("decision")).equals("allow"), decision.allowed());
    assertEquals(answer.get("status").getAsInt(), decision.status());
    List<String> reasons = new ArrayList<>();
    answer.getAsJsonArray("reasons").forEach(reason -> reasons.add(reason.getAsString()));
    assertEquals(reasons, decision.reasons().stream().map(Reason::code).toList());
    assertEquals(answer.getAsJsonArray("policies").size(), decision.policyCount());
    assertEquals(answer.has("uncovered"), decision.uncovered());
    assertEquals(answer.has("degraded"), decision.degraded());
    String header = decision.header(token, request(step.getAsJsonObject("parts"))).orElse(null);
    assertEquals(text(answer.get("www_authenticate")), header);
  }

  @Test
  public void everyVectorIsDecidedAlike() throws Exception {
    List<String> lines = Files.readAllLines(Path.of(System.getenv("HIGHWATER_VECTORS")));
    assertTrue(lines.size() >= 100);
    for (String line : lines) {
      JsonObject vector = JsonParser.parseString(line).getAsJsonObject();
      try {
        run(vector);
      } catch (AssertionError | RuntimeException error) {
        throw new AssertionError(text(vector.get("name")), error);
      }
    }
  }

  private static void run(JsonObject vector) {
    try (Engine answering = start(vector);
        Engine explaining = start(vector);
        Engine single = start(vector);
        Engine batched = start(vector)) {
      Batch batch = new Batch(vector.getAsJsonArray("steps").size());
      List<JsonObject> waiting = new ArrayList<>();
      List<Token> tokens = new ArrayList<>();
      Runnable decide = () -> {
        batched.decide(batch);
        for (int index = 0; index < waiting.size(); index++) {
          check(waiting.get(index), batch.decision(index), tokens.get(index));
        }
        batch.clear();
        waiting.clear();
        tokens.clear();
      };
      for (JsonElement element : vector.getAsJsonArray("steps")) {
        JsonObject step = element.getAsJsonObject();
        if (step.has("event")) {
          decide.run();
          for (Engine engine : List.of(answering, explaining, single, batched)) engine.apply(text(step.get("event")));
          continue;
        }
        String request = text(step.get("request"));
        if (!step.get("error").isJsonNull()) {
          HighwaterException error = assertThrows(HighwaterException.class, () -> answering.answer(request));
          assertEquals(text(step.getAsJsonObject("error").get("message")), error.detail());
          assertEquals(text(step.getAsJsonObject("error").get("path")), error.path());
          continue;
        }
        assertEquals(text(step.get("answer")), answering.answer(request));
        assertEquals(text(step.get("explanation")), explaining.answerAndExplain(request));
        JsonObject parts = step.getAsJsonObject("parts");
        Token token = single.token(text(parts.get("claims")));
        check(step, single.decide(token, request(parts)), token);
        Token other = batched.token(text(parts.get("claims")));
        batch.append(other, request(parts));
        waiting.add(step);
        tokens.add(other);
      }
      decide.run();
    }
  }
}
