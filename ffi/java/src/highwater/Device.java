package highwater;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * What a host knows of a device, made once and used in any number of requests. Whoever supplies one
 * speaks for all of it: an attribute that is missing counts as null.
 */
public final class Device {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_device_free");

  final MemorySegment pointer;

  /** Makes a device of its attributes by rule name without {@code device.}, a JSON object. */
  public Device(String attributes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, attributes);
      pointer =
          Library.owned(
              Library.word(out -> Library.call("highwater_device_new", text, text.byteSize(), out)), FREE);
    }
  }
}
