package highwater;

/** What to do with a request. */
public enum Outcome {
  /** Refuse it. */
  DENY(0),
  /** Answer 401 with the header of the decision. */
  CHALLENGE(0x435A3CA5),
  /** Serve it. */
  ALLOW(0x3CA5C35A);

  final int number;

  Outcome(int number) {
    this.number = number;
  }

  /** A number that is not known denies. */
  static Outcome of(int number) {
    if (number == ALLOW.number) return ALLOW;
    return number == CHALLENGE.number ? CHALLENGE : DENY;
  }
}
