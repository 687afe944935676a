package highwater;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;

/**
 * What a service knows about a call that it is asked to serve: the library's own struct, filled by
 * setters, so that deciding converts nothing. What is not said is unknown, and what is unknown is
 * never assumed. One thread at a time; may be used again with other values.
 */
public final class Request {
  static final long SIZE = 72;

  /** The client's platform. */
  public enum Platform { ANDROID, IOS, WINDOWS, WINDOWS_PHONE, MACOS, LINUX, OTHER }

  /** The kind of client application. */
  public enum ClientAppType {
    BROWSER, MOBILE_APPS_AND_DESKTOP_CLIENTS, EXCHANGE_ACTIVE_SYNC, EAS_SUPPORTED, OTHER
  }

  private final MemorySegment struct = Arena.ofAuto().allocate(SIZE, 8);
  // What the struct points to.
  private MemorySegment context;
  private Resource resource;
  private Device device;

  /** A request at a time in milliseconds since 1970. */
  public Request(long now) {
    struct.set(JAVA_LONG, 0, SIZE);
    struct.set(JAVA_LONG, 8, now);
  }

  /** A request at the present. */
  public Request() {
    this(System.currentTimeMillis());
  }

  MemorySegment struct() {
    return struct;
  }

  /** What must stay alive as long as a copy of the struct is in use. */
  Object[] kept() {
    return new Object[] {context, resource, device};
  }

  /** The present, in milliseconds since 1970. */
  public Request now(long now) {
    struct.set(JAVA_LONG, 8, now);
    return this;
  }

  /** The client's address as the host saw it, never one that a client could have written. */
  public Request address(InetAddress address) {
    byte[] octets = address == null ? new byte[0] : address.getAddress();
    MemorySegment.copy(octets, 0, struct, JAVA_BYTE, 16, octets.length);
    struct.set(JAVA_BYTE, 32, (byte) octets.length);
    return this;
  }

  /** The client's address as text: no port, no zone. */
  public Request address(String address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = Library.bytes(arena, address);
      Library.check(
          Library.call("highwater_request_set_address", struct, text, text.byteSize()), null);
    }
    return this;
  }

  /** The authentication context that this operation needs, such as {@code c1}; null if none. */
  public Request authenticationContext(String name) {
    context = name == null || name.isEmpty()
        ? null
        : Library.bytes(Arena.ofAuto(), name.getBytes(StandardCharsets.UTF_8));
    struct.set(ADDRESS, 40, context == null ? MemorySegment.NULL : context);
    struct.set(JAVA_LONG, 48, context == null ? 0 : context.byteSize());
    return this;
  }

  /** The application id of the resource; null for the token's audience. */
  public Request resource(Resource resource) {
    struct.set(ADDRESS, 56, resource == null ? MemorySegment.NULL : resource.pointer);
    this.resource = resource;
    return this;
  }

  /** What is known of the device; null if nothing is. */
  public Request device(Device device) {
    struct.set(ADDRESS, 64, device == null ? MemorySegment.NULL : device.pointer);
    this.device = device;
    return this;
  }

  /** ISO 3166-1 alpha-2 code of the client's country; null if unknown. */
  public Request country(String code) {
    byte[] letters = code == null ? new byte[2] : code.getBytes(StandardCharsets.UTF_8);
    if (letters.length != 2) {
      throw new IllegalArgumentException("`" + code + "` is no country code of two letters");
    }
    MemorySegment.copy(letters, 0, struct, JAVA_BYTE, 36, 2);
    return this;
  }

  /** The client's platform; null if unknown. */
  public Request platform(Platform platform) {
    struct.set(JAVA_BYTE, 33, (byte) (platform == null ? 0 : platform.ordinal() + 1));
    return this;
  }

  /** The kind of client application; null if unknown. */
  public Request clientAppType(ClientAppType type) {
    struct.set(JAVA_BYTE, 34, (byte) (type == null ? 0 : type.ordinal() + 1));
    return this;
  }

  /** Whether the client came through the compliant network; null if unknown. */
  public Request compliantNetwork(Boolean compliant) {
    struct.set(JAVA_BYTE, 35, (byte) (compliant == null ? 0 : compliant ? 2 : 1));
    return this;
  }
}
