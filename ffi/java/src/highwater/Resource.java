package highwater;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/** The application id of a resource, made once and used in any number of requests. */
public final class Resource {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_resource_free");

  final MemorySegment pointer;

  /** Makes a resource of its application id, or whatever the policies call it. */
  public Resource(String id) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, id);
      pointer =
          Library.owned(
              Library.word(out -> Library.call("highwater_resource_new", text, text.byteSize(), out)), FREE);
    }
  }
}
