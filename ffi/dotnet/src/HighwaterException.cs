// The one exception for what the library refuses; an error is never a decision.
using System;

namespace Highwater
{
    /// <summary>A call was refused. Nothing of it took effect, unless its status says otherwise.</summary>
    public class HighwaterException : Exception
    {
        internal HighwaterException(int code, string status, string detail, string path, string report)
            : base(path.Length == 0 ? detail : detail + " (at `" + path + "`)")
        {
            Code = code;
            Status = status;
            Detail = detail;
            Path = path;
            Report = string.IsNullOrEmpty(report) ? null : report;
        }

        /// <summary>The number of the status; numbers are never reused.</summary>
        public int Code { get; }

        /// <summary>The name of the status, such as <c>INVALID_CLAIMS</c>.</summary>
        public string Status { get; }

        /// <summary>The message without the path.</summary>
        public string Detail { get; }

        /// <summary>Where: a JSON Pointer into the input, a file, a claim, a parameter, a transmitter.</summary>
        public string Path { get; }

        /// <summary>What the library reported of it, JSON; null where it reports nothing.</summary>
        public string Report { get; }
    }
}
