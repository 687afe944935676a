package highwater;

import java.util.function.IntSupplier;

/**
 * Prints {@code java<TAB>nanoseconds per decision, single<TAB>the same in batches of 64}. The answers
 * are checked before anything is measured; each figure is the best of several rounds. The request is
 * that of ffi/benches/cost.h.
 */
public final class Cost {
  private static final int ROUNDS = 10;
  private static final int CALLS = 200_000;
  private static final int SIZE = 64;

  private Cost() {}

  /** Measures and prints. */
  public static void main(String[] arguments) {
    try (Engine engine = Tenant.started()) {
      Token token = engine.token(Tenant.CLAIMS);
      Request request = Tenant.office();
      Batch batch = new Batch(SIZE);
      for (int index = 0; index < SIZE; index++) batch.append(token, request);
      require(engine.decide(token, request).allowed(), "inside");
      require(!engine.decide(token, Tenant.elsewhere()).allowed(), "outside");
      double single = best(CALLS, 1, () -> engine.decide(token, request).allowed() ? 1 : 0);
      double batched = best(CALLS / SIZE, SIZE, () -> {
        engine.decide(batch);
        int allowed = 0;
        for (int index = 0; index < SIZE; index++) allowed += batch.allowed(index) ? 1 : 0;
        return allowed;
      });
      System.out.printf(java.util.Locale.ROOT, "java\t%.1f\t%.1f%n", single, batched);
    }
  }

  private static double best(int calls, int perCall, IntSupplier decide) {
    double fastest = Double.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      long allowed = 0;
      long started = System.nanoTime();
      for (int call = 0; call < calls; call++) allowed += decide.getAsInt();
      long taken = System.nanoTime() - started;
      require(allowed == (long) calls * perCall, "allowed");
      fastest = Math.min(fastest, (double) taken / calls / perCall);
    }
    return fastest;
  }

  private static void require(boolean holds, String what) {
    if (!holds) throw new IllegalStateException(what);
  }
}
