package highwater;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A pointer of the library that is closed while other threads may be using it.
 *
 * <p>The segment belongs to a shared arena, which the JVM holds for the time of each call: closing
 * waits for the calls that are under way, and none begins afterwards.
 */
final class Handle implements AutoCloseable {
  private final String what;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment pointer;
  private volatile boolean closed;

  Handle(String what, long pointer, Consumer<MemorySegment> free) {
    this.what = what;
    this.pointer = MemorySegment.ofAddress(pointer).reinterpret(arena, free);
  }

  /** The pointer; throws if it was closed. */
  MemorySegment pointer() {
    if (closed) throw new ClosedException(what);
    return pointer;
  }

  @Override
  public synchronized void close() {
    closed = true;
    while (arena.scope().isAlive()) {
      try {
        arena.close();
      } catch (IllegalStateException inUse) {
        Thread.yield();
      }
    }
  }
}
