package highwater;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One decision. Serve the request if, and only if, it is {@link #allowed}. */
public final class Decision {
  static final long SIZE = 48;
  private static final int BUFFER_TOO_SMALL = 11;
  private static final Reason[] REASONS = Reason.values();

  private final int outcome;
  private final int reasons;
  private final short status;
  private final byte uncovered;
  private final byte degraded;
  private final int policyCount;
  private final int[] policies;
  private final long notBefore;

  /** Copies the struct at {@code offset}. */
  Decision(MemorySegment struct, long offset) {
    outcome = struct.get(JAVA_INT, offset + 8);
    reasons = struct.get(JAVA_INT, offset + 12);
    status = struct.get(JAVA_SHORT, offset + 16);
    uncovered = struct.get(JAVA_BYTE, offset + 18);
    degraded = struct.get(JAVA_BYTE, offset + 19);
    policyCount = struct.get(JAVA_INT, offset + 20);
    policies = policyCount == 0 ? null : struct.asSlice(offset + 24, 16).toArray(JAVA_INT);
    notBefore = struct.get(JAVA_LONG, offset + 40);
  }

  /** Whether the request is to be served; everything else is to be refused. */
  public boolean allowed() {
    return outcome == Outcome.ALLOW.number;
  }

  /** What to do. */
  public Outcome outcome() {
    return Outcome.of(outcome);
  }

  /** The HTTP status to answer with: 200, 401 or 403. */
  public int status() {
    return Short.toUnsignedInt(status);
  }

  /** Why, the strongest first. An allowed request may have reasons too, see {@link #uncovered}. */
  public List<Reason> reasons() {
    List<Reason> all = new ArrayList<>();
    for (Reason reason : REASONS) {
      if ((reasons >>> reason.ordinal() & 1) != 0) all.add(reason);
    }
    return all;
  }

  /** Whether a violation was let pass because the client cannot answer a challenge. */
  public boolean uncovered() {
    return uncovered != 0;
  }

  /** Whether an event stream was stale, paused or disabled. */
  public boolean degraded() {
    return degraded != 0;
  }

  /** How many policies have a violation. */
  public int policyCount() {
    return policyCount;
  }

  /** The first four of them, by their position in {@link Engine#policies}. */
  public List<Integer> policies() {
    List<Integer> named = new ArrayList<>();
    for (int index = 0; policies != null && index < Math.min(policyCount, policies.length); index++) {
      named.add(policies[index]);
    }
    return named;
  }

  /** For challenges: tokens issued before this second since 1970 will not do. */
  public long notBefore() {
    return notBefore;
  }

  /**
   * The value of {@code WWW-Authenticate} for this decision on the token and request that were
   * decided: the claims challenge, or the plain {@code invalid_token} of a denial with status 401.
   */
  public Optional<String> header(Token token, Request request) {
    return header(token, request, null);
  }

  /** As {@code header}; {@code claims}, a JSON object, asks for more under {@code access_token}. */
  public Optional<String> header(Token token, Request request, String claims) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = struct(arena);
      MemorySegment wanted = Library.bytes(arena, claims);
      MemorySegment length = arena.allocate(8, 8);
      long capacity = 2048;
      while (true) {
        MemorySegment buffer = arena.allocate(capacity);
        int code =
            claims == null
                ? Library.call("highwater_decision_header",
                    struct, token.pointer, request.struct(), buffer, capacity, length)
                : Library.call("highwater_decision_header_with_claims",
                    struct, token.pointer, request.struct(), wanted, wanted.byteSize(), buffer, capacity, length);
        if (code != BUFFER_TOO_SMALL) {
          Library.check(code, null);
          byte[] value = buffer.asSlice(0, length.get(JAVA_LONG, 0)).toArray(JAVA_BYTE);
          return value.length == 0 ? Optional.empty() : Optional.of(new String(value, StandardCharsets.UTF_8));
        }
        capacity = length.get(JAVA_LONG, 0) + 1;
      }
    }
  }

  private MemorySegment struct(Arena arena) {
    MemorySegment struct = arena.allocate(SIZE, 8);
    struct.set(JAVA_LONG, 0, SIZE);
    struct.set(JAVA_INT, 8, outcome);
    struct.set(JAVA_INT, 12, reasons);
    struct.set(JAVA_SHORT, 16, status);
    struct.set(JAVA_BYTE, 18, uncovered);
    struct.set(JAVA_BYTE, 19, degraded);
    struct.set(JAVA_INT, 20, policyCount);
    for (int index = 0; index < 4; index++) {
      struct.set(JAVA_INT, 24 + 4L * index, policies == null ? -1 : policies[index]);
    }
    struct.set(JAVA_LONG, 40, notBefore);
    return struct;
  }
}
