// One decision, as a value of .NET around the library's struct: nothing is allocated for it, and
// `default(Decision)`, which nobody decided, refuses.
using System;
using System.Collections.Generic;
using System.Text;

namespace Highwater
{
    /// <summary>One decision. Serve the request if, and only if, it is <see cref="Allowed"/>.</summary>
    public readonly unsafe struct Decision
    {
        private const int ReasonCount = 32;
        private readonly DecisionStruct decided;

        internal Decision(in DecisionStruct decided)
        {
            this.decided = decided;
        }

        /// <summary>Whether the request is to be served; everything else is to be refused.</summary>
        public bool Allowed
        {
            get { return decided.Outcome == (uint)Outcome.Allow; }
        }

        /// <summary>What to do; a number that is not known denies.</summary>
        public Outcome Outcome
        {
            get
            {
                if (Allowed) return Outcome.Allow;
                return decided.Outcome == (uint)Outcome.Challenge ? Outcome.Challenge : Outcome.Deny;
            }
        }

        /// <summary>The HTTP status to answer with: 200, 401 or 403.</summary>
        public int Status
        {
            get { return decided.Status == 0 ? 403 : decided.Status; }
        }

        /// <summary>Why, the strongest first. An allowed request may have reasons too, see <see cref="Uncovered"/>.</summary>
        public IReadOnlyList<Reason> Reasons
        {
            get
            {
                var all = new List<Reason>();
                for (int reason = 0; reason < ReasonCount; reason++)
                {
                    if ((decided.Reasons >> reason & 1) != 0) all.Add((Reason)reason);
                }
                return all;
            }
        }

        /// <summary>Whether a violation was let pass because the client cannot answer a challenge.</summary>
        public bool Uncovered
        {
            get { return decided.Uncovered != 0; }
        }

        /// <summary>Whether an event stream was stale, paused or disabled.</summary>
        public bool Degraded
        {
            get { return decided.Degraded != 0; }
        }

        /// <summary>How many policies have a violation.</summary>
        public long PolicyCount
        {
            get { return decided.PolicyCount; }
        }

        /// <summary>The first four of them, by their position in <see cref="Engine.Policies"/>.</summary>
        public IReadOnlyList<int> Policies
        {
            get
            {
                DecisionStruct copy = decided;
                var named = new int[Math.Min(copy.PolicyCount, 4)];
                for (int index = 0; index < named.Length; index++) named[index] = (int)copy.Policies[index];
                return named;
            }
        }

        /// <summary>For challenges: tokens issued before this second since 1970 will not do.</summary>
        public long NotBefore
        {
            get { return decided.NotBefore; }
        }

        /// <summary>
        /// The value of <c>WWW-Authenticate</c> for this decision on the token and request that were
        /// decided: the claims challenge, or the plain <c>invalid_token</c> of a denial with status 401;
        /// null for every other. <paramref name="claims"/>, a JSON object, asks for more under
        /// <c>access_token</c>.
        /// </summary>
        public string Header(Token token, Request request, string claims = null)
        {
            if (token == null) throw new ArgumentNullException(nameof(token));
            if (request == null) throw new ArgumentNullException(nameof(request));
            DecisionStruct copy = decided;
            copy.Size = (UIntPtr)sizeof(DecisionStruct);
            byte[] wanted = Native.Bytes(claims);
            var buffer = new byte[2048];
            while (true)
            {
                UIntPtr length = UIntPtr.Zero;
                int status;
                fixed (RequestStruct* circumstances = &request.Struct)
                {
                    status = claims == null
                        ? Native.highwater_decision_header(
                            &copy, token.Handle, circumstances, buffer, Native.Length(buffer), ref length)
                        : Native.highwater_decision_header_with_claims(
                            &copy, token.Handle, circumstances, wanted, Native.Length(wanted), buffer,
                            Native.Length(buffer), ref length);
                }
                GC.KeepAlive(request);
                if (status != Native.BufferTooSmall)
                {
                    Native.Check(status);
                    return length == UIntPtr.Zero ? null : Encoding.UTF8.GetString(buffer, 0, (int)length);
                }
                buffer = new byte[checked((int)length + 1)];
            }
        }
    }
}
