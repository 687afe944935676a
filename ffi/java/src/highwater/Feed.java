package highwater;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * One feed of Microsoft Graph of one tenant, for one thread at a time. It says which request to send
 * next and takes what comes; the host does the sending.
 */
public final class Feed implements AutoCloseable {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_feed_free");

  private final Handle handle;

  /** A feed; {@code options} has {@code kind}, {@code graph}, {@code state}…; JSON. */
  public Feed(String options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, options);
      long pointer = Library.word(out -> Library.call("highwater_feed_new", text, text.byteSize(), out));
      handle = new Handle("feed", pointer, FREE);
    }
  }

  /** What to do, a JSON object: {@code send}, or {@code wait} until a time. */
  public String next(long now) {
    return Library.read(out -> Library.call("highwater_feed_next", handle.pointer(), now, out));
  }

  /** Takes a response and applies what has changed; {@code retryAfterSeconds} is -1 without one. */
  public String respond(Engine engine, int httpStatus, long retryAfterSeconds, byte[] body, long now) {
    if (httpStatus < 0 || httpStatus > 0xFFFF) {
      throw new IllegalArgumentException("`" + httpStatus + "` is no status of HTTP");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = Library.bytes(arena, body);
      return Library.read(out -> Library.call("highwater_feed_respond", handle.pointer(), engine.pointer(),
          (short) httpStatus, retryAfterSeconds, data, data.byteSize(), now, out));
    }
  }

  /** Notes that no response came. */
  public void lost(long now) {
    Library.check(Library.call("highwater_feed_lost", handle.pointer(), now), null);
  }

  /** What the feed remembers, for the {@code state} of a later one. */
  public String state() {
    return Library.read(out -> Library.call("highwater_feed_state", handle.pointer(), out));
  }

  /** Ends the feed. */
  @Override
  public void close() {
    handle.close();
  }
}
