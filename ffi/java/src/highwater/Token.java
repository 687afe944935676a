package highwater;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * One verified access token of one engine: its claims are read once, and decided as often as it is
 * presented. Any number of threads may use it; its memory is given back when nothing refers to it.
 */
public final class Token {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_token_free");

  final MemorySegment pointer;

  Token(long pointer) {
    this.pointer = Library.owned(pointer, FREE);
  }

  /** What was read from the claims, a JSON object. */
  public String facts() {
    return Library.read(out -> Library.call("highwater_token_facts", pointer, out));
  }
}
