package highwater;

/** An engine or feed was used after {@code close}. */
public final class ClosedException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  ClosedException(String what) {
    super("the " + what + " is closed");
  }
}
