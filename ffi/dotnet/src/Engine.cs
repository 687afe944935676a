// The engine. Every method is one call of the library; texts go in and come out as JSON, because
// the host has a reader for it.
using System;

namespace Highwater
{
    /// <summary>What became of documents that were published.</summary>
    public readonly struct Publication
    {
        internal Publication(ulong version, string report)
        {
            Version = version;
            Report = report;
        }

        /// <summary>The version of the snapshot.</summary>
        public ulong Version { get; }

        /// <summary>The report of <c>highwater check</c>, JSON.</summary>
        public string Report { get; }
    }

    /// <summary>
    /// A continuous access evaluation engine. Any number of threads may use it at once; deciding never
    /// waits for another one. Times are milliseconds since 1970. After <see cref="Dispose"/> every call
    /// throws <see cref="ObjectDisposedException"/>.
    /// </summary>
    public sealed unsafe class Engine : IDisposable
    {
        internal readonly EngineHandle Handle;

        /// <summary>
        /// An engine that keeps its facts in memory. The options have <c>settings</c>, <c>issuers</c> and
        /// <c>transmitters</c>, all optional; JSON, docs/configuration.md.
        /// </summary>
        public Engine(string options = null)
        {
            byte[] text = Native.Bytes(options);
            Native.Check(Native.highwater_engine_new(text, Native.Length(text), out Handle));
        }

        private Engine(EngineHandle handle)
        {
            Handle = handle;
        }

        /// <summary>
        /// An engine whose facts are kept in a file; the options may also have <c>store</c>. One process at
        /// a time has a file open.
        /// </summary>
        public static Engine Open(string path, string options = null)
        {
            byte[] place = Native.Bytes(path);
            byte[] text = Native.Bytes(options);
            EngineHandle handle;
            Native.Check(Native.highwater_engine_open(
                place, Native.Length(place), text, Native.Length(text), out handle));
            return new Engine(handle);
        }

        /// <summary>Ends the engine, after the calls that are under way; its file is given back then.</summary>
        public void Dispose()
        {
            Handle.Dispose();
        }

        /// <summary>Publishes documents as the new snapshot of a tenant; if anything is refused, nothing changes.</summary>
        public Publication Publish(string tenant, Documents documents, string settings = null)
        {
            if (documents == null) throw new ArgumentNullException(nameof(documents));
            byte[] name = Native.Bytes(tenant);
            byte[] chosen = Native.Bytes(settings);
            ulong version = 0;
            string report = Native.Read((ref TextStruct text) => Native.highwater_engine_publish(
                Handle, name, Native.Length(name), documents.Handle, chosen, Native.Length(chosen), ref text, ref version));
            return new Publication(version, report);
        }

        /// <summary>DANGER: leaves out what was refused; what the refused policies forbid is allowed from now on.</summary>
        public Publication DangerPublishWithoutRefused(string tenant, Documents documents, string settings = null)
        {
            if (documents == null) throw new ArgumentNullException(nameof(documents));
            byte[] name = Native.Bytes(tenant);
            byte[] chosen = Native.Bytes(settings);
            ulong version = 0;
            string report = Native.Read((ref TextStruct text) => Native.highwater_danger_publish_without_refused(
                Handle, name, Native.Length(name), documents.Handle, chosen, Native.Length(chosen), ref text, ref version));
            return new Publication(version, report);
        }

        /// <summary>Removes what was published for a tenant; says whether there was something.</summary>
        public bool Remove(string tenant)
        {
            byte[] name = Native.Bytes(tenant);
            byte removed;
            Native.Check(Native.highwater_engine_remove(Handle, name, Native.Length(name), out removed));
            return removed != 0;
        }

        /// <summary>The policies of the present snapshot, JSON; <c>null</c> without one.</summary>
        public string Policies(string tenant)
        {
            byte[] name = Native.Bytes(tenant);
            return Native.Read((ref TextStruct text) =>
                Native.highwater_engine_policies(Handle, name, Native.Length(name), ref text));
        }

        /// <summary>A token of decoded claims. The host asserts that it has verified the token they are from.</summary>
        public Token Token(string claims)
        {
            byte[] text = Native.Bytes(claims);
            TokenHandle token;
            Native.Check(Native.highwater_token_new(Handle, text, Native.Length(text), out token));
            return new Token(token);
        }

        /// <summary>The token, or one that knows the present snapshot of its tenant: only for speed.</summary>
        public Token Renew(Token token)
        {
            if (token == null) throw new ArgumentNullException(nameof(token));
            TokenHandle renewed;
            Native.Check(Native.highwater_token_renew(token.Handle, Handle, out renewed));
            return renewed.IsInvalid ? token : new Token(renewed);
        }

        /// <summary>Decides a request, and remembers a challenge so that it is not repeated without end.</summary>
        public Decision Decide(Token token, Request request)
        {
            if (token == null) throw new ArgumentNullException(nameof(token));
            if (request == null) throw new ArgumentNullException(nameof(request));
            DecisionStruct decided = default(DecisionStruct);
            decided.Size = (UIntPtr)sizeof(DecisionStruct);
            int status;
            fixed (RequestStruct* circumstances = &request.Struct)
            {
                status = Native.highwater_engine_decide(
                    Handle, token.Handle.DangerousGetHandle(), circumstances, &decided);
            }
            GC.KeepAlive(token);
            GC.KeepAlive(request);
            Native.Check(status);
            return new Decision(decided);
        }

        /// <summary>Decides every request of a batch, all or none.</summary>
        public void Decide(Batch batch)
        {
            if (batch == null) throw new ArgumentNullException(nameof(batch));
            batch.Decide(Handle);
        }

        /// <summary>What <c>Decide</c> would decide now and why, JSON, without remembering a challenge.</summary>
        public string Explain(Token token, Request request)
        {
            if (token == null) throw new ArgumentNullException(nameof(token));
            if (request == null) throw new ArgumentNullException(nameof(request));
            string explanation;
            fixed (RequestStruct* circumstances = &request.Struct)
            {
                var pinned = (IntPtr)circumstances;
                explanation = Native.Read((ref TextStruct text) =>
                    Native.highwater_engine_explain(Handle, token.Handle, (RequestStruct*)pinned, ref text));
            }
            GC.KeepAlive(request);
            return explanation;
        }

        /// <summary>Decides a request in JSON: the lines of <c>highwater decide</c>.</summary>
        public string Answer(string request)
        {
            byte[] line = Native.Bytes(request);
            return Native.Read((ref TextStruct text) =>
                Native.highwater_engine_answer(Handle, line, Native.Length(line), ref text));
        }

        /// <summary>Decides a request in JSON and says why: the lines of <c>highwater explain</c>.</summary>
        public string AnswerAndExplain(string request)
        {
            byte[] line = Native.Bytes(request);
            return Native.Read((ref TextStruct text) =>
                Native.highwater_engine_answer_and_explain(Handle, line, Native.Length(line), ref text));
        }

        /// <summary>Applies one engine event or an array of them; returns how many registers changed.</summary>
        public long Apply(string events)
        {
            byte[] text = Native.Bytes(events);
            UIntPtr changed;
            Native.Check(Native.highwater_engine_apply(Handle, text, Native.Length(text), out changed));
            return (long)changed;
        }

        /// <summary>Takes a signed security event token. When this returns, answer 202.</summary>
        public string Receive(string token, long now)
        {
            byte[] compact = Native.Bytes(token);
            return Native.Read((ref TextStruct text) =>
                Native.highwater_engine_receive(Handle, compact, Native.Length(compact), now, ref text));
        }

        /// <summary>Takes the claims of a security event token without a signature, on the word of the host.</summary>
        public string ReceiveTrusted(string claims, long now)
        {
            byte[] payload = Native.Bytes(claims);
            return Native.Read((ref TextStruct text) =>
                Native.highwater_engine_receive_trusted(Handle, payload, Native.Length(payload), now, ref text));
        }

        /// <summary>Hands over the keys of a transmitter, a JWK Set; null: they could not be fetched.</summary>
        public void SetKeys(string transmitter, string keys, long now)
        {
            byte[] name = Native.Bytes(transmitter);
            byte[] set = Native.Bytes(keys);
            Native.Check(Native.highwater_engine_set_keys(
                Handle, name, Native.Length(name), set, Native.Length(set), now));
        }

        /// <summary>The transmitters whose keys are due for a fetch, a JSON array.</summary>
        public string DueKeys(long now)
        {
            return Native.Read((ref TextStruct text) => Native.highwater_engine_due_keys(Handle, now, ref text));
        }

        /// <summary>Reads a file of events as <c>highwater events</c> does, all of it or nothing.</summary>
        public string Ingest(string name, byte[] data, string expectation, long now)
        {
            if (data == null) throw new ArgumentNullException(nameof(data));
            byte[] expected = Native.Bytes(expectation);
            byte[] title = Native.Bytes(name);
            return Native.Read((ref TextStruct text) => Native.highwater_engine_ingest(
                Handle, expected, Native.Length(expected), title, Native.Length(title), data, Native.Length(data), now,
                ref text));
        }

        /// <summary>How the engine is, a JSON object.</summary>
        public string Status(long now)
        {
            return Native.Read((ref TextStruct text) => Native.highwater_engine_status(Handle, now, ref text));
        }

        /// <summary>Forgets the facts that no token alive can be refused by; returns how many registers.</summary>
        public long ForgetExpired(long now)
        {
            UIntPtr forgotten;
            Native.Check(Native.highwater_engine_forget_expired(Handle, now, out forgotten));
            return (long)forgotten;
        }

        /// <summary>Makes the event stream of a source stale after so many seconds of silence.</summary>
        public void WatchStream(string source, long staleAfterSeconds, long now)
        {
            byte[] name = Native.Bytes(source);
            Native.Check(Native.highwater_engine_watch_stream(
                Handle, name, Native.Length(name), staleAfterSeconds, now));
        }

        /// <summary>Notes that a source was heard of.</summary>
        public void ObserveStream(string source, long heard)
        {
            byte[] name = Native.Bytes(source);
            Native.Check(Native.highwater_engine_observe_stream(Handle, name, Native.Length(name), heard));
        }

        /// <summary>Opens the store's file again after writing to it failed.</summary>
        public void Reopen()
        {
            Native.Check(Native.highwater_engine_reopen(Handle));
        }
    }
}
