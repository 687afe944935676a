package highwater;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/**
 * A continuous access evaluation engine. Any number of threads may use it at once; deciding never
 * waits for another one. Everything that is not a number comes and goes as JSON text; times are
 * milliseconds since 1970.
 */
public final class Engine implements AutoCloseable {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_engine_free");
  // Where a decision is written before it is copied.
  private static final ThreadLocal<MemorySegment> DECIDED =
      ThreadLocal.withInitial(
          () -> {
            MemorySegment struct = Arena.ofAuto().allocate(Decision.SIZE, 8);
            struct.set(JAVA_LONG, 0, Decision.SIZE);
            return struct;
          });

  private final Handle handle;

  /** What became of documents that were published: the version of the snapshot, and the report. */
  public record Publication(long version, String report) {}

  /** An engine that keeps its facts in memory, with every default. */
  public Engine() {
    this((String) null);
  }

  /**
   * An engine that keeps its facts in memory. {@code options} has {@code settings}, {@code issuers},
   * {@code transmitters} and {@code store}, all optional; {@code docs/configuration.md}.
   */
  public Engine(String options) {
    handle = made(options, (text, out) -> Library.call("highwater_engine_new", text, text.byteSize(), out));
  }

  private Engine(Handle handle) {
    this.handle = handle;
  }

  /** An engine whose facts are kept in a file. One process at a time has a file open. */
  public static Engine open(Path path, String options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment place = Library.bytes(arena, path.toString());
      return new Engine(
          made(options, (text, out) ->
              Library.call("highwater_engine_open", place, place.byteSize(), text, text.byteSize(), out)));
    }
  }

  private static Handle made(String options, BiFunction<MemorySegment, MemorySegment, Integer> make) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, options);
      return new Handle("engine", Library.word(out -> make.apply(text, out)), FREE);
    }
  }

  MemorySegment pointer() {
    return handle.pointer();
  }

  /** Ends the engine after the calls that are under way; writes that wait are finished first. */
  @Override
  public void close() {
    handle.close();
  }

  /** Publishes documents as the new snapshot of a tenant; if anything is refused, nothing changes. */
  public Publication publish(String tenant, Documents documents, String settings) {
    return publish("highwater_engine_publish", tenant, documents, settings);
  }

  /** DANGER: leaves out what was refused; what the refused policies forbid is allowed from now on. */
  public Publication dangerPublishWithoutRefused(String tenant, Documents documents, String settings) {
    return publish("highwater_danger_publish_without_refused", tenant, documents, settings);
  }

  private Publication publish(String function, String tenant, Documents documents, String settings) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = Library.bytes(arena, tenant);
      MemorySegment chosen = Library.bytes(arena, settings);
      MemorySegment version = arena.allocate(8, 8);
      String report =
          Library.read(out -> Library.call(function, pointer(), name, name.byteSize(), documents.pointer,
              chosen, chosen.byteSize(), out, version));
      return new Publication(version.get(JAVA_LONG, 0), report);
    }
  }

  /** Removes what was published for a tenant; says whether there was something. */
  public boolean remove(String tenant) {
    return number("highwater_engine_remove", tenant) != 0;
  }

  /** The policies of the present snapshot, JSON; {@code null} without one. */
  public String policies(String tenant) {
    return read("highwater_engine_policies", tenant);
  }

  /** A token of decoded claims. The host asserts that it has verified the token they are from. */
  public Token token(String claims) {
    return new Token(number("highwater_token_new", claims));
  }

  /** {@code token}, or one that knows the present snapshot of its tenant: only for speed. */
  public Token renew(Token token) {
    long renewed =
        Library.word(out -> Library.call("highwater_token_renew", token.pointer, pointer(), out));
    return renewed == 0 ? token : new Token(renewed);
  }

  /** Decides a request, and remembers a challenge so that it is not repeated without end. */
  public Decision decide(Token token, Request request) {
    MemorySegment decided = DECIDED.get();
    int status;
    try {
      status = (int) Library.DECIDE.invokeExact(pointer(), token.pointer, request.struct(), decided);
    } catch (Throwable error) {
      throw Library.rethrown(error);
    }
    Library.check(status, null);
    return new Decision(decided, 0);
  }

  /** Decides every request of a batch, all or none. */
  public void decide(Batch batch) {
    batch.decided(0);
    int status;
    try {
      status =
          (int) Library.DECIDE_BATCH.invokeExact(
              pointer(), batch.tokens, batch.requests, batch.decisions, (long) batch.size());
    } catch (Throwable error) {
      throw Library.rethrown(error);
    }
    Library.check(status, null);
    batch.decided(batch.size());
  }

  /** What {@code decide} would decide now and why, JSON, without remembering a challenge. */
  public String explain(Token token, Request request) {
    return Library.read(out ->
        Library.call("highwater_engine_explain", pointer(), token.pointer, request.struct(), out));
  }

  /** Decides a request in JSON: the lines of {@code highwater decide}. */
  public String answer(String request) {
    return read("highwater_engine_answer", request);
  }

  /** Decides a request in JSON and says why: the lines of {@code highwater explain}. */
  public String answerAndExplain(String request) {
    return read("highwater_engine_answer_and_explain", request);
  }

  /** Applies one engine event or an array of them; returns how many registers changed. */
  public long apply(String events) {
    return number("highwater_engine_apply", events);
  }

  /** Takes a signed security event token. When this returns, answer 202. */
  public String receive(String token, long now) {
    return receive("highwater_engine_receive", token, now);
  }

  /** Takes the claims of a security event token without a signature, on the word of the host. */
  public String receiveTrusted(String claims, long now) {
    return receive("highwater_engine_receive_trusted", claims, now);
  }

  private String receive(String function, String token, long now) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, token);
      return Library.read(out -> Library.call(function, pointer(), text, text.byteSize(), now, out));
    }
  }

  /** Hands over the keys of a transmitter, a JWK Set; null: they could not be fetched. */
  public void setKeys(String transmitter, String keys, long now) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = Library.bytes(arena, transmitter);
      MemorySegment set = Library.bytes(arena, keys);
      Library.check(
          Library.call("highwater_engine_set_keys", pointer(), name, name.byteSize(), set, set.byteSize(), now), null);
    }
  }

  /** The transmitters whose keys are due for a fetch, a JSON array. */
  public String dueKeys(long now) {
    return Library.read(out -> Library.call("highwater_engine_due_keys", pointer(), now, out));
  }

  /** Reads a file of events as {@code highwater events} does, all of it or nothing. */
  public String ingest(String name, byte[] data, String expectation, long now) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment expected = Library.bytes(arena, expectation);
      MemorySegment title = Library.bytes(arena, name);
      MemorySegment content = Library.bytes(arena, data);
      return Library.read(out -> Library.call("highwater_engine_ingest", pointer(), expected, expected.byteSize(),
          title, title.byteSize(), content, content.byteSize(), now, out));
    }
  }

  /** How the engine is, a JSON object. */
  public String status(long now) {
    return Library.read(out -> Library.call("highwater_engine_status", pointer(), now, out));
  }

  /** Forgets the facts that no token alive can be refused by; returns how many registers. */
  public long forgetExpired(long now) {
    return Library.word(out -> Library.call("highwater_engine_forget_expired", pointer(), now, out));
  }

  /** Makes the event stream of a source stale after so many seconds of silence. */
  public void watchStream(String source, long staleAfterSeconds, long now) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = Library.bytes(arena, source);
      Library.check(Library.call(
          "highwater_engine_watch_stream", pointer(), name, name.byteSize(), staleAfterSeconds, now), null);
    }
  }

  /** Notes that a source was heard of. */
  public void observeStream(String source, long heard) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = Library.bytes(arena, source);
      Library.check(
          Library.call("highwater_engine_observe_stream", pointer(), name, name.byteSize(), heard), null);
    }
  }

  /** Opens the store's file again after writing to it failed. */
  public void reopen() {
    Library.check(Library.call("highwater_engine_reopen", pointer()), null);
  }

  private long number(String function, String input) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, input);
      return Library.word(out -> Library.call(function, pointer(), text, text.byteSize(), out));
    }
  }

  private String read(String function, String input) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, input);
      return Library.read(out -> Library.call(function, pointer(), text, text.byteSize(), out));
    }
  }
}
