// What a service gets when something is wrong: an exception that says where, never a decision; and
// that the numbers of this package are those of the header.
using System;
using System.IO;
using System.Text.RegularExpressions;
using static Highwater.Tests.Tenant;

namespace Highwater.Tests
{
    public sealed class WrongUseTests
    {
        public void RefusedDocumentsChangeNothingAndAreReported()
        {
            using (Engine engine = Started())
            {
                Documents wrong = new Documents().Add(
                    "wrong.json", @"[{""id"": ""x"", ""displayName"": ""X"", ""state"": ""maybe""}]");
                var error = Expect.Refused("DOCUMENTS_REFUSED", () => engine.Publish(Name, wrong));
                Expect.Contains("wrong.json", error.Report);
                Expect.Equal(error.Report, wrong.Check());
                Token token = engine.Token(Claims);
                Expect.True(!engine.Decide(token, Elsewhere()).Allowed);
                engine.DangerPublishWithoutRefused(Name, wrong);
                Expect.True(engine.Decide(token, Elsewhere()).Allowed);
                Expect.Refused("UNREADABLE_FILE", () => new Documents().AddPath("/nowhere/x.json"));
                Expect.Contains("\"refused\":[]", new Documents(true, true).Check());
            }
        }

        public void WrongInputIsNamedByItsPlace()
        {
            using (Engine engine = Started())
            {
                string wrong = Claims.Replace("1763759000", "\"yesterday\"");
                Expect.Equal("/iat", Expect.Refused("INVALID_CLAIMS", () => engine.Token(wrong)).Path);
                Expect.Refused("INVALID_JSON", () => engine.Token("{"));
                Expect.Equal("/settings/skews",
                    Expect.Refused("INVALID_SETTINGS", () => new Engine(@"{""settings"": {""skews"": 1}}")).Path);
                Expect.Refused("INVALID_EVENT", () => engine.Apply("[" + Event("revoke") + "," + Event("explode") + "]"));
                Expect.Refused("INVALID_ARGUMENT", () => new Request(Now).WithAddress("203.0.113.700"));
                Expect.Throws<ArgumentException>(() => new Request(Now).Country = "DEU");
                // Half of a surrogate pair is no text.
                Expect.Throws<ArgumentException>(() => engine.Token(Claims.Replace("ada", "a\uD800a")));
                Token token = engine.Token(Claims);
                Expect.Refused("INVALID_ARGUMENT", () => engine.Decide(token, new Request(0)));
                Expect.Throws<ArgumentNullException>(() => engine.Decide(null, Office()));
                Expect.Throws<ArgumentNullException>(() => engine.Decide(token, null));
                Expect.True(engine.Decide(token, Office()).Allowed);
            }
        }

        public void WhatNobodyDecidedRefuses()
        {
            Decision none = default(Decision);
            Expect.True(!none.Allowed);
            Expect.Equal(Outcome.Deny, none.Outcome);
            Expect.Equal(403, none.Status);
        }

        public void WhatIsDisposedOfRefuses()
        {
            var engine = new Engine(AnyTenant);
            Token token = engine.Token(Claims);
            Expect.True(engine.Decide(token, Office()).Allowed);
            using (Engine other = Started())
            {
                Expect.True(!other.Decide(token, Office()).Allowed);
            }
            var batch = new Batch(1);
            batch.Add(token, Office());
            engine.Dispose();
            engine.Dispose();
            Expect.Throws<ObjectDisposedException>(() => engine.Decide(token, Office()));
            Expect.Throws<ObjectDisposedException>(() => engine.Decide(batch));
            Expect.Throws<ArgumentOutOfRangeException>(() => batch.Allowed(0));
            Expect.Throws<ObjectDisposedException>(() => engine.Token(Claims));
            Expect.Throws<ObjectDisposedException>(() => engine.Apply(Event("revoke")));
            Expect.Throws<ObjectDisposedException>(() => engine.Status(Now));
            Expect.Contains("ada", token.Facts());
        }

        public void NumbersAreThoseOfTheHeader()
        {
            Expect.Equal("0.1.0", Library.Version);
            Expect.True(Library.SemanticsVersion > 0);
            string header = File.ReadAllText(Environment.GetEnvironmentVariable("HIGHWATER_HEADER"));
            Declares<Outcome>(header, "OUTCOME");
            Declares<Reason>(header, "REASON");
            Declares<Platform>(header, "PLATFORM");
            Declares<ClientAppType>(header, "CLIENT_APP_TYPE");
            Declares<DocumentKind>(header, "DOCUMENT_KIND");
            foreach (Reason reason in Enum.GetValues(typeof(Reason)))
            {
                Expect.Equal(Upper(reason.ToString()).ToLowerInvariant(), reason.Code());
            }
            Expect.Equal(null, ((Reason)Enum.GetValues(typeof(Reason)).Length).Code());
        }

        // Each side has every name of the other, with its number.
        private static void Declares<T>(string header, string type)
        {
            foreach (object value in Enum.GetValues(typeof(T)))
            {
                Expect.Contains(
                    "HIGHWATER_" + type + "_" + Upper(value.ToString()) + " = " + Convert.ToUInt64(value) + ",", header);
            }
            int declared = Regex.Matches(header, "^ +HIGHWATER_" + type + "_[A-Z_]+ = ", RegexOptions.Multiline).Count;
            Expect.Equal(declared, Enum.GetValues(typeof(T)).Length);
        }

        private static string Upper(string name)
        {
            return Regex.Replace(name, "(?<=[a-z])(?=[A-Z])", "_").ToUpperInvariant();
        }
    }
}
