// Many requests decided in one call, in arrays of the library's own form. They are pinned for the
// time of that call only.
using System;

namespace Highwater
{
    /// <summary>Many requests for one call. One thread at a time; may be used again after <see cref="Clear"/>.</summary>
    public sealed unsafe class Batch
    {
        internal readonly IntPtr[] Tokens;
        internal readonly RequestStruct[] Requests;
        internal readonly DecisionStruct[] Decisions;
        // What the arrays point to.
        private readonly Token[] tokens;
        private readonly object[][] kept;
        private int decided;

        /// <summary>A batch with room for so many requests.</summary>
        public Batch(int capacity)
        {
            if (capacity < 1)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(capacity), "a batch has room for one request at least, not " + capacity);
            }
            Tokens = new IntPtr[capacity];
            Requests = new RequestStruct[capacity];
            Decisions = new DecisionStruct[capacity];
            tokens = new Token[capacity];
            kept = new object[capacity][];
        }

        /// <summary>How many requests there are.</summary>
        public int Count { get; private set; }

        /// <summary>Copies a request to the end; earlier decisions are gone. Returns its position.</summary>
        public int Add(Token token, Request request)
        {
            if (token == null) throw new ArgumentNullException(nameof(token));
            if (request == null) throw new ArgumentNullException(nameof(request));
            if (Count == Tokens.Length) throw new InvalidOperationException("the batch of " + Count + " is full");
            decided = 0;
            Tokens[Count] = token.Handle.DangerousGetHandle();
            Requests[Count] = request.Struct;
            tokens[Count] = token;
            kept[Count] = request.Kept();
            return Count++;
        }

        /// <summary>Takes all requests out.</summary>
        public void Clear()
        {
            Array.Clear(tokens, 0, Count);
            Array.Clear(kept, 0, Count);
            Count = 0;
            decided = 0;
        }

        internal void Decide(EngineHandle engine)
        {
            decided = 0;
            Decisions[0].Size = (UIntPtr)sizeof(DecisionStruct);
            int status;
            fixed (IntPtr* first = Tokens)
            fixed (RequestStruct* requests = Requests)
            fixed (DecisionStruct* decisions = Decisions)
            {
                status = Native.highwater_engine_decide_batch(engine, first, requests, decisions, (UIntPtr)(uint)Count);
            }
            GC.KeepAlive(this);
            Native.Check(status);
            decided = Count;
        }

        /// <summary>The decision at a position; throws if the batch was not decided.</summary>
        public Decision this[int position]
        {
            get
            {
                Check(position);
                return new Decision(Decisions[position]);
            }
        }

        /// <summary>Whether a request is to be served, without copying the decision.</summary>
        public bool Allowed(int position)
        {
            Check(position);
            return Decisions[position].Outcome == (uint)Outcome.Allow;
        }

        private void Check(int position)
        {
            if ((uint)position >= (uint)decided)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(position), "there is no decision " + position + " among " + decided);
            }
        }
    }
}
