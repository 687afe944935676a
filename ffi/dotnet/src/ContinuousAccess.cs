// The check before a request of HttpListener is served. In ASP.NET Core a middleware would read the
// same, around `HttpContext`.
using System;
using System.Collections.Generic;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Highwater
{
    /// <summary>Serves a request only if Highwater says that its token is still good.</summary>
    public sealed class ContinuousAccess
    {
        private readonly Engine engine;
        private readonly Func<string, string> verify;
        private readonly Func<HttpListenerContext, Request> circumstances;
        private readonly int capacity;
        // Verified tokens by a digest of the raw one, the longest unused last. The engine judges lifetimes
        // anew with every request.
        private readonly Dictionary<string, LinkedListNode<KeyValuePair<string, Token>>> places =
            new Dictionary<string, LinkedListNode<KeyValuePair<string, Token>>>(StringComparer.Ordinal);
        private readonly LinkedList<KeyValuePair<string, Token>> kept = new LinkedList<KeyValuePair<string, Token>>();

        /// <summary>
        /// <paramref name="verify"/> checks signature, algorithm, issuer and audience of a raw token and
        /// returns its claims, JSON; null if it is not good. <paramref name="circumstances"/> says what is
        /// known of a request; the time and the address of its connection if it is left out.
        /// </summary>
        public ContinuousAccess(
            Engine engine, Func<string, string> verify, Func<HttpListenerContext, Request> circumstances = null,
            int capacity = 100000)
        {
            this.engine = engine ?? throw new ArgumentNullException(nameof(engine));
            this.verify = verify ?? throw new ArgumentNullException(nameof(verify));
            this.circumstances = circumstances
                ?? (context => new Request { Address = context.Request.RemoteEndPoint.Address });
            if (capacity < 1) throw new ArgumentOutOfRangeException(nameof(capacity), "a token must find room");
            this.capacity = capacity;
        }

        /// <summary>
        /// Whether the request is to be served. If not, it was answered already: 401 with a challenge, 403,
        /// or 500 where nothing could be decided.
        /// </summary>
        public bool Admits(HttpListenerContext context)
        {
            int status;
            string header = null;
            try
            {
                string raw = Bearer(context.Request.Headers["Authorization"]);
                Token token = raw == null ? null : Known(raw);
                if (token == null)
                {
                    status = 401;
                    header = raw == null ? "Bearer" : "Bearer error=\"invalid_token\"";
                }
                else
                {
                    Request request = circumstances(context);
                    Decision decision = engine.Decide(token, request);
                    if (decision.Allowed) return true;
                    status = decision.Status;
                    header = decision.Header(token, request);
                }
            }
            catch (Exception)
            {
                // Whatever went wrong, the request was not allowed.
                status = 500;
            }
            if (header != null) context.Response.AddHeader("WWW-Authenticate", header);
            context.Response.AddHeader("Cache-Control", "no-store");
            context.Response.StatusCode = status;
            context.Response.Close();
            return false;
        }

        private Token Known(string raw)
        {
            string digest = Digest(raw);
            lock (kept)
            {
                LinkedListNode<KeyValuePair<string, Token>> place;
                if (places.TryGetValue(digest, out place))
                {
                    kept.Remove(place);
                    kept.AddFirst(place);
                    return place.Value.Value;
                }
            }
            string claims = verify(raw);
            if (claims == null) return null;
            Token token;
            try
            {
                token = engine.Token(claims);
            }
            catch (HighwaterException refused)
                when (refused.Status == "INVALID_CLAIMS" || refused.Status == "UNKNOWN_ISSUER")
            {
                return null;
            }
            lock (kept)
            {
                // Two requests with one token may have verified it at once; the first is kept.
                if (!places.ContainsKey(digest))
                {
                    places[digest] = kept.AddFirst(new KeyValuePair<string, Token>(digest, token));
                    if (kept.Count > capacity)
                    {
                        places.Remove(kept.Last.Value.Key);
                        kept.RemoveLast();
                    }
                }
            }
            return token;
        }

        private static string Digest(string raw)
        {
            using (SHA256 hash = SHA256.Create())
            {
                return Convert.ToBase64String(hash.ComputeHash(Encoding.UTF8.GetBytes(raw)));
            }
        }

        private static string Bearer(string header)
        {
            if (header == null) return null;
            string[] words = header.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries);
            bool bearer = words.Length == 2 && words[0].Equals("bearer", StringComparison.OrdinalIgnoreCase);
            return bearer ? words[1] : null;
        }
    }
}
