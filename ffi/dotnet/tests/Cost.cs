// Prints `dotnet<TAB>nanoseconds per decision, single<TAB>the same in batches of 64`. The answers are
// checked before anything is measured; each figure is the best of several rounds. The request is that
// of ffi/benches/cost.h.
using System;
using System.Diagnostics;
using System.Globalization;

namespace Highwater.Tests
{
    internal static class Cost
    {
        private const int Rounds = 10;
        private const int Calls = 200000;
        private const int Size = 64;

        internal static int Print()
        {
            using (Engine engine = Tenant.Started())
            {
                Token token = engine.Token(Tenant.Claims);
                Request request = Tenant.Office();
                var batch = new Batch(Size);
                for (int index = 0; index < Size; index++) batch.Add(token, request);
                Expect.True(engine.Decide(token, request).Allowed, "inside");
                Expect.True(!engine.Decide(token, Tenant.Elsewhere()).Allowed, "outside");
                double single = Best(Calls, 1, () => engine.Decide(token, request).Allowed ? 1 : 0);
                double batched = Best(Calls / Size, Size, () =>
                {
                    engine.Decide(batch);
                    int allowed = 0;
                    for (int index = 0; index < Size; index++) allowed += batch.Allowed(index) ? 1 : 0;
                    return allowed;
                });
                Console.WriteLine(string.Format(CultureInfo.InvariantCulture, "dotnet\t{0:F1}\t{1:F1}", single, batched));
            }
            return 0;
        }

        private static double Best(int calls, int perCall, Func<int> decide)
        {
            double fastest = double.MaxValue;
            for (int round = 0; round < Rounds; round++)
            {
                long allowed = 0;
                long started = Stopwatch.GetTimestamp();
                for (int call = 0; call < calls; call++) allowed += decide();
                long ticks = Stopwatch.GetTimestamp() - started;
                Expect.Equal((long)calls * perCall, allowed);
                fastest = Math.Min(fastest, ticks * 1e9 / Stopwatch.Frequency / calls / perCall);
            }
            return fastest;
        }
    }
}
