package highwater;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Many requests decided in one call, in arrays of the library's own form. One thread at a time; may
 * be used again after {@link #clear}.
 */
public final class Batch {
  private final int capacity;
  final MemorySegment tokens;
  final MemorySegment requests;
  final MemorySegment decisions;
  private final Object[] kept;
  private int size;
  private int decided;

  /** A batch with room for so many requests. */
  public Batch(int capacity) {
    if (capacity < 1) {
      throw new IllegalArgumentException("a batch has room for one request at least, not " + capacity);
    }
    this.capacity = capacity;
    Arena arena = Arena.ofAuto();
    tokens = arena.allocate(8L * capacity, 8);
    requests = arena.allocate(Request.SIZE * capacity, 8);
    decisions = arena.allocate(Decision.SIZE * capacity, 8);
    decisions.set(JAVA_LONG, 0, Decision.SIZE);
    kept = new Object[capacity];
  }

  /** How many requests there are. */
  public int size() {
    return size;
  }

  /** Copies a request to the end; earlier decisions are gone. Returns its position. */
  public int append(Token token, Request request) {
    if (size == capacity) throw new IllegalStateException("the batch of " + capacity + " is full");
    decided = 0;
    tokens.setAtIndex(ADDRESS, size, token.pointer);
    MemorySegment.copy(request.struct(), 0, requests, Request.SIZE * size, Request.SIZE);
    kept[size] = new Object[] {token, request.kept()};
    return size++;
  }

  /** Takes all requests out. */
  public void clear() {
    Arrays.fill(kept, null);
    size = 0;
    decided = 0;
  }

  void decided(int count) {
    decided = count;
  }

  /** The decision at a position; throws if the batch was not decided. */
  public Decision decision(int position) {
    check(position);
    return new Decision(decisions, Decision.SIZE * position);
  }

  /** Whether a request is to be served, without an object for the decision. */
  public boolean allowed(int position) {
    check(position);
    return decisions.get(JAVA_INT, Decision.SIZE * position + 8) == Outcome.ALLOW.number;
  }

  private void check(int position) {
    if (position < 0 || position >= decided) {
      throw new IndexOutOfBoundsException("there is no decision " + position + " among " + decided);
    }
  }
}
