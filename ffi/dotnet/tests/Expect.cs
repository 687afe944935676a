// What a test says of what it sees.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace Highwater.Tests
{
    internal static class Expect
    {
        internal static void True(bool holds, string what = "it does not hold")
        {
            if (!holds) throw new InvalidOperationException(what);
        }

        internal static void Equal<T>(T wanted, T seen)
        {
            True(EqualityComparer<T>.Default.Equals(wanted, seen), "wanted `" + wanted + "`, got `" + seen + "`");
        }

        internal static void Alike<T>(IEnumerable<T> wanted, IEnumerable<T> seen)
        {
            True(wanted.SequenceEqual(seen), "wanted " + string.Join(", ", wanted) + ", got " + string.Join(", ", seen));
        }

        internal static void Contains(string part, string whole)
        {
            True(whole != null && whole.Contains(part), "`" + part + "` is not in `" + whole + "`");
        }

        internal static T Throws<T>(Action use) where T : Exception
        {
            try
            {
                use();
            }
            catch (T error)
            {
                return error;
            }
            throw new InvalidOperationException("no " + typeof(T).Name);
        }

        internal static HighwaterException Refused(string status, Action use)
        {
            var error = Throws<HighwaterException>(use);
            Equal(status, error.Status);
            return error;
        }

        /// The claims that a challenge asks for.
        internal static string Wanted(string header)
        {
            Match claims = Regex.Match(header ?? "", "claims=\"([^\"]+)\"");
            True(claims.Success, "`" + header + "` asks for no claims");
            return Encoding.UTF8.GetString(Convert.FromBase64String(claims.Groups[1].Value));
        }
    }
}
