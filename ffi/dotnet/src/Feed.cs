// One feed of Microsoft Graph: it says which request to send next and takes what comes; the host does
// the sending.
using System;

namespace Highwater
{
    /// <summary>One feed of one tenant, for one thread at a time.</summary>
    public sealed class Feed : IDisposable
    {
        private readonly FeedHandle handle;

        /// <summary>A feed; the options have <c>kind</c>, <c>graph</c>, <c>state</c>…; JSON.</summary>
        public Feed(string options)
        {
            byte[] text = Native.Bytes(options);
            Native.Check(Native.highwater_feed_new(text, Native.Length(text), out handle));
        }

        /// <summary>What to do, a JSON object: <c>send</c>, or <c>wait</c> until a time.</summary>
        public string Next(long now)
        {
            return Native.Read((ref TextStruct text) => Native.highwater_feed_next(handle, now, ref text));
        }

        /// <summary>
        /// Takes a response and applies what has changed; <paramref name="retryAfterSeconds"/> is -1
        /// without one.
        /// </summary>
        public string Respond(Engine engine, int httpStatus, long retryAfterSeconds, byte[] body, long now)
        {
            if (engine == null) throw new ArgumentNullException(nameof(engine));
            if (body == null) throw new ArgumentNullException(nameof(body));
            if (httpStatus < 0 || httpStatus > ushort.MaxValue)
            {
                throw new ArgumentOutOfRangeException(nameof(httpStatus), "`" + httpStatus + "` is no status of HTTP");
            }
            return Native.Read((ref TextStruct text) => Native.highwater_feed_respond(
                handle, engine.Handle, (ushort)httpStatus, retryAfterSeconds, body, Native.Length(body), now, ref text));
        }

        /// <summary>Notes that no response came.</summary>
        public void Lost(long now)
        {
            Native.Check(Native.highwater_feed_lost(handle, now));
        }

        /// <summary>What the feed remembers, for the <c>state</c> of a later one.</summary>
        public string State()
        {
            return Native.Read((ref TextStruct text) => Native.highwater_feed_state(handle, ref text));
        }

        /// <summary>Ends the feed.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}
