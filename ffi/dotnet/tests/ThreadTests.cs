// Many threads on one engine, and memory that must outlive what refers to it.
using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using static Highwater.Tests.Tenant;

namespace Highwater.Tests
{
    public sealed class ThreadTests
    {
        // Runs `work` on four threads and `meanwhile` on this one; fails with what any of them says.
        private static void Beside(Func<string> work, Action meanwhile)
        {
            var wrong = new ConcurrentQueue<string>();
            Thread[] threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
            {
                try
                {
                    string said = work();
                    if (said != null) wrong.Enqueue(said);
                }
                catch (Exception error)
                {
                    wrong.Enqueue(error.ToString());
                }
            })).ToArray();
            foreach (Thread thread in threads) thread.Start();
            meanwhile();
            foreach (Thread thread in threads) thread.Join();
            Expect.True(wrong.IsEmpty, string.Join("\n", wrong));
        }

        public void PoliciesArePublishedWhileOthersDecide()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                int revoked = 0;
                int done = 0;
                int refused = 0;
                Beside(() =>
                {
                    Request request = Office();
                    while (true)
                    {
                        bool last = Volatile.Read(ref done) == 1;
                        bool known = Volatile.Read(ref revoked) == 1;
                        bool allowed = engine.Decide(token, request).Allowed;
                        if (known && allowed) return "allowed after the revocation";
                        if (known) Interlocked.Increment(ref refused);
                        if (last) return null;
                    }
                }, () =>
                {
                    for (int round = 0; round < 40; round++)
                    {
                        engine.Publish(Name, new Documents().Add("office.json", OfficeOnly));
                        if (round != 20) continue;
                        engine.Apply(Event("revoke"));
                        Volatile.Write(ref revoked, 1);
                    }
                    Volatile.Write(ref done, 1);
                });
                // Each of the four saw it at the latest in its last round.
                Expect.True(refused >= 4, "refused " + refused);
            }
        }

        public void AnEngineThatIsDisposedOfUnderWayEndsAfterTheLastCall()
        {
            for (int round = 0; round < 30; round++)
            {
                var engine = new Engine(AnyTenant);
                Token token = engine.Token(Claims);
                Beside(() =>
                {
                    Request request = Office();
                    try
                    {
                        // Bounded, so that an engine that is not ended fails and does not hang.
                        for (int call = 0; call < 1000000; call++)
                        {
                            if (!engine.Decide(token, request).Allowed) return "denied";
                            Thread.Yield();
                        }
                        return "decided on and on";
                    }
                    catch (ObjectDisposedException)
                    {
                        return null;
                    }
                }, engine.Dispose);
            }
        }

        public void AnErrorBelongsToItsThread()
        {
            using (Engine engine = Started())
            {
                int number = 0;
                Beside(() =>
                {
                    string name = "claim" + Interlocked.Increment(ref number);
                    for (int round = 0; round < 500; round++)
                    {
                        var error = Expect.Refused(
                            "INVALID_SETTINGS", () => new Engine("{\"settings\": {\"" + name + "\": 1}}"));
                        if (error.Path != "/settings/" + name) return error.Path;
                    }
                    return null;
                }, () => { });
            }
        }

        public void WhatABatchPointsToStaysAlive()
        {
            using (Engine engine = Started())
            {
                for (int round = 0; round < 20; round++)
                {
                    Batch batch = Filled(engine);
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    engine.Decide(batch);
                    for (int index = 0; index < 50; index++)
                    {
                        Expect.True(!batch.Allowed(index));
                        Expect.True(batch[index].Reasons.Contains(Reason.AuthContextRequired));
                    }
                }
            }
        }

        public void WhatIsNotUsedAnyMoreIsGivenBack()
        {
            using (Engine engine = Started())
            {
                Use(engine, 5000);
                long before = Resident();
                Use(engine, 100000);
                long grown = Resident() - before;
                // A text of 200 bytes that is kept would come to 20 MB, tokens and devices to more.
                Expect.True(grown < 12000000, "grown by " + grown + " bytes");
            }
        }

        private static void Use(Engine engine, int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                Token token = engine.Token(Claims);
                token.Facts();
                var request = new Request(Now) { Device = new Device(@"{""isCompliant"": true}") };
                if (round % 1000 == 0) GC.Collect();
                GC.KeepAlive(request);
            }
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        private static long Resident()
        {
            using (Process process = Process.GetCurrentProcess())
            {
                return process.WorkingSet64;
            }
        }

        private static Batch Filled(Engine engine)
        {
            var batch = new Batch(50);
            for (int index = 0; index < 50; index++)
            {
                Request request = Office();
                request.AuthenticationContext = "c" + index;
                request.Device = new Device(@"{""isCompliant"": true}");
                batch.Add(engine.Token(Claims), request);
            }
            return batch;
        }
    }
}
