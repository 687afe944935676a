package highwater;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * The documents of one tenant: policies, named locations, memberships, tables of countries. One
 * thread at a time while something is added.
 */
public final class Documents {
  private static final Consumer<MemorySegment> FREE = Library.freeing("highwater_documents_free");
  private static final int REFUSED = 30;

  /** What a document is. */
  public enum Kind { GRAPH, SYNCED, TRUSTED_IPS, COUNTRY_LIST, COUNTRY_DATABASE }

  final MemorySegment pointer;

  /** An empty collection. */
  public Documents() {
    this(false, false);
  }

  /**
   * An empty collection; {@code strict} refuses what is otherwise corrected with a warning, with
   * {@code updatesInOrder} a later document replaces an earlier one with the same id.
   */
  public Documents(boolean strict, boolean updatesInOrder) {
    int flags = (strict ? 1 : 0) | (updatesInOrder ? 2 : 0);
    pointer = Library.owned(Library.word(out -> Library.call("highwater_documents_new", flags, out)), FREE);
  }

  /** Adds a document from memory; {@code name} stands in reports. */
  public Documents add(String name, String text) {
    return add(name, text.getBytes(StandardCharsets.UTF_8), Kind.GRAPH);
  }

  /** Adds a document from memory; {@code name} stands in reports. */
  public Documents add(String name, byte[] data, Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment title = Library.bytes(arena, name);
      MemorySegment content = Library.bytes(arena, data);
      Library.check(
          Library.call("highwater_documents_add", pointer, kind.ordinal() + 1, title, title.byteSize(),
              content, content.byteSize()),
          null);
    }
    return this;
  }

  /** Adds a file, or for Graph documents a folder with all {@code *.json} below it. */
  public Documents addPath(Path path, Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment place = Library.bytes(arena, path.toString());
      Library.check(
          Library.call("highwater_documents_add_path", pointer, kind.ordinal() + 1, place, place.byteSize()), null);
    }
    return this;
  }

  /** Compiles what was added, publishes nothing, and reports as {@code highwater check} does. */
  public String check() {
    return Library.read(out -> Library.call("highwater_documents_check", pointer, out), REFUSED);
  }
}
