package highwater;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/**
 * Opens the shared library and calls it by the foreign-function API (Java 22 or newer).
 *
 * <p>Deciding goes through handles that are constants, which the compiler of the JVM turns into a
 * plain call. Everything else goes by name, because there the JSON costs more than the call.
 */
final class Library {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup SYMBOLS = open();
  private static final Map<String, MethodHandle> CALLS = new ConcurrentHashMap<>();

  static final MethodHandle DECIDE =
      downcall("highwater_engine_decide", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  static final MethodHandle DECIDE_BATCH =
      downcall(
          "highwater_engine_decide_batch",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle ERROR_MESSAGE =
      downcall("highwater_error_message", FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle ERROR_PATH = downcall("highwater_error_path", FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle TEXT_FREE =
      downcall("highwater_text_free", FunctionDescriptor.ofVoid(ADDRESS));

  private Library() {}

  /** The rule of every language here: HIGHWATER_LIBRARY, else the installed library. */
  private static SymbolLookup open() {
    String given = System.getenv("HIGHWATER_LIBRARY");
    String path = given == null || given.isEmpty() ? "libhighwater.so.0.1" : given;
    try {
      return SymbolLookup.libraryLookup(path, Arena.global());
    } catch (IllegalArgumentException error) {
      throw new UnsatisfiedLinkError(
          "the library of highwater cannot be loaded from `" + path + "`: " + error.getMessage()
              + "; set HIGHWATER_LIBRARY to its path, or install it with ffi/install.sh");
    }
  }

  private static MethodHandle downcall(String name, FunctionDescriptor descriptor) {
    MemorySegment symbol =
        SYMBOLS.find(name).orElseThrow(() -> new UnsatisfiedLinkError("the library has no " + name));
    return LINKER.downcallHandle(symbol, descriptor);
  }

  /** Calls a function that returns a status, by name; the arguments give its signature. */
  static int call(String name, Object... arguments) {
    MethodHandle handle =
        CALLS.computeIfAbsent(
            name,
            missing -> {
              MemoryLayout[] layouts = new MemoryLayout[arguments.length];
              for (int index = 0; index < arguments.length; index++) {
                layouts[index] = layout(arguments[index]);
              }
              return downcall(missing, FunctionDescriptor.of(JAVA_INT, layouts));
            });
    try {
      return (int) handle.invokeWithArguments(arguments);
    } catch (Throwable error) {
      throw rethrown(error);
    }
  }

  /** A function without a result that frees a pointer. */
  static Consumer<MemorySegment> freeing(String name) {
    MethodHandle handle = downcall(name, FunctionDescriptor.ofVoid(ADDRESS));
    return pointer -> {
      try {
        handle.invokeExact(pointer);
      } catch (Throwable error) {
        throw rethrown(error);
      }
    };
  }

  /** A function that returns a static text for a number, or null. */
  static String word(String name, int number) {
    try {
      MethodHandle handle =
          CALLS.computeIfAbsent(name, missing -> downcall(missing, FunctionDescriptor.of(ADDRESS, JAVA_INT)));
      return string((MemorySegment) handle.invokeExact(number));
    } catch (Throwable error) {
      throw rethrown(error);
    }
  }

  /** The version of the library. */
  static String version() {
    try {
      return string((MemorySegment) downcall("highwater_version", FunctionDescriptor.of(ADDRESS)).invokeExact());
    } catch (Throwable error) {
      throw rethrown(error);
    }
  }

  private static MemoryLayout layout(Object argument) {
    if (argument instanceof MemorySegment) return ADDRESS;
    if (argument instanceof Long) return JAVA_LONG;
    if (argument instanceof Integer) return JAVA_INT;
    if (argument instanceof Short) return JAVA_SHORT;
    throw new IllegalArgumentException("no argument of C: " + argument);
  }

  static RuntimeException rethrown(Throwable error) {
    if (error instanceof RuntimeException runtime) return runtime;
    if (error instanceof Error fatal) throw fatal;
    return new IllegalStateException(error);
  }

  private static String string(MemorySegment pointer) {
    return pointer.address() == 0 ? null : pointer.reinterpret(Long.MAX_VALUE).getString(0);
  }

  /** Throws what a status stands for, unless it is OK. On the thread that made the call. */
  static void check(int status, String report) {
    if (status != 0) throw failure(status, report);
  }

  static HighwaterException failure(int status, String report) {
    try {
      String message = string((MemorySegment) ERROR_MESSAGE.invokeExact());
      String path = string((MemorySegment) ERROR_PATH.invokeExact());
      return new HighwaterException(status, word("highwater_status_name", status), message, path, report);
    } catch (Throwable error) {
      throw rethrown(error);
    }
  }

  /** A text in memory of C, without a NUL. */
  static MemorySegment bytes(Arena arena, String text) {
    return bytes(arena, text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8));
  }

  static MemorySegment bytes(Arena arena, byte[] data) {
    MemorySegment copy = arena.allocate(Math.max(data.length, 1));
    MemorySegment.copy(data, 0, copy, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, data.length);
    return copy.asSlice(0, data.length);
  }

  /** Makes a call that writes a text, copies it and frees it; with an error it is the report. */
  static String read(ToIntFunction<MemorySegment> call) {
    return read(call, 0);
  }

  /** As {@code read}, where one status is no error. */
  static String read(ToIntFunction<MemorySegment> call, int accepted) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(16, 8);
      int status = call.applyAsInt(out);
      long length = out.get(JAVA_LONG, 8);
      byte[] taken = out.get(ADDRESS, 0).reinterpret(length).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
      TEXT_FREE.invokeExact(out);
      String text = new String(taken, StandardCharsets.UTF_8);
      if (status != accepted) check(status, text);
      return text;
    } catch (Throwable error) {
      throw rethrown(error);
    }
  }

  /** Makes a call that writes a pointer or a number of 64 bits. */
  static long word(ToIntFunction<MemorySegment> call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(8, 8);
      check(call.applyAsInt(out), null);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** A pointer that is freed when nothing refers to the segment any more. */
  static MemorySegment owned(long pointer, Consumer<MemorySegment> free) {
    return MemorySegment.ofAddress(pointer).reinterpret(Arena.ofAuto(), free);
  }
}
