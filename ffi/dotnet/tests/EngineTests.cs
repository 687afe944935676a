// What a service does with the package: decisions, batches, documents, facts, signals.
using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using static Highwater.Tests.Tenant;

namespace Highwater.Tests
{
    public sealed class EngineTests
    {
        public void ARequestIsAllowedUntilItsUserIsRevoked()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                Expect.True(engine.Decide(token, Office()).Allowed);
                Expect.Equal(null, engine.Decide(token, Office()).Header(token, Office()));
                Expect.Equal(1, engine.Apply(Event("revoke")));
                Decision decision = engine.Decide(token, Office());
                Expect.True(!decision.Allowed);
                Expect.Equal(Outcome.Challenge, decision.Outcome);
                Expect.Equal(401, decision.Status);
                Expect.Alike(new[] { Reason.TokenRevoked }, decision.Reasons);
                string claims = Expect.Wanted(decision.Header(token, Office()));
                Expect.Contains(decision.NotBefore.ToString(), claims);
                string more = decision.Header(token, Office(), @"{""acrs"": {""value"": ""c9""}}");
                Expect.Contains("c9", Expect.Wanted(more));
                Expect.Equal(0, engine.Apply("[" + Event("revoke") + "]"));
            }
        }

        public void PoliciesAreNamedAndExplained()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                Decision decision = engine.Decide(token, Elsewhere());
                Expect.True(!decision.Allowed);
                Expect.Alike(new[] { Reason.LocationBlocked }, decision.Reasons);
                Expect.Equal(1, decision.PolicyCount);
                Expect.Alike(new[] { 0 }, decision.Policies);
                Expect.Alike(new int[0], engine.Decide(token, Office()).Policies);
                Expect.Contains("Block outside the office", engine.Policies(Name));
                Expect.Contains("Block outside the office", engine.Explain(token, Elsewhere()));
                Expect.Equal("null", engine.Policies("nobody"));
                Expect.Contains("\"registers\"", engine.Status(Now));
                Expect.True(engine.Remove(Name));
                Expect.True(!engine.Remove(Name));
                Expect.Alike(new[] { Reason.TenantUnknown }, engine.Decide(token, Office()).Reasons);
            }
        }

        public void ALongAuthenticationContextIsPassedAndAskedFor()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                var name = new string('c', 3000);
                var request = new Request(Now)
                {
                    Address = IPAddress.Parse("203.0.113.7"),
                    AuthenticationContext = name,
                    Resource = new Resource("api://orders"),
                    Device = new Device(@"{""isCompliant"": true}"),
                };
                Decision decision = engine.Decide(token, request);
                Expect.Alike(new[] { Reason.AuthContextRequired }, decision.Reasons);
                Expect.Contains(name, Expect.Wanted(decision.Header(token, request)));
                request.AuthenticationContext = null;
                request.Resource = null;
                request.Device = null;
                Expect.True(engine.Decide(token, request).Allowed);
            }
        }

        public void WhatIsSaidOfARequestReadsBack()
        {
            var request = new Request(Now);
            Expect.Equal(null, request.Address);
            Expect.Equal(null, request.Country);
            Expect.Equal(null, request.CompliantNetwork);
            request.Address = IPAddress.Parse("2001:db8::7");
            request.Country = "DE";
            request.CompliantNetwork = false;
            request.Platform = Platform.Linux;
            request.ClientAppType = ClientAppType.Browser;
            Expect.Equal(IPAddress.Parse("2001:db8::7"), request.Address);
            Expect.Equal("DE", request.Country);
            Expect.Equal(false, request.CompliantNetwork);
            Expect.Equal(Platform.Linux, request.Platform);
            Expect.Equal(ClientAppType.Browser, request.ClientAppType);
            Expect.Equal(IPAddress.Parse("203.0.113.7"), request.WithAddress("203.0.113.7").Address);
            request.Address = null;
            Expect.Equal(null, request.Address);
        }

        public void ATokenIsRenewedAfterAPublication()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                Expect.True(ReferenceEquals(token, engine.Renew(token)));
                Publication publication =
                    engine.Publish(Name, new Documents().Add("none.json", "[]"), @"{""policy_change"": ""off""}");
                Expect.True(publication.Version > 0);
                Expect.Contains("none.json", publication.Report);
                Token renewed = engine.Renew(token);
                Expect.True(!ReferenceEquals(token, renewed));
                Expect.True(engine.Decide(renewed, Elsewhere()).Allowed);
                Expect.Contains("\"subject\":\"ada\"", renewed.Facts());
            }
        }

        public void ABatchDecidesAsSingleRequestsWholeOrNotAtAll()
        {
            using (Engine engine = Started())
            {
                Token token = engine.Token(Claims);
                var batch = new Batch(200);
                var request = new Request(Now);
                for (int index = 0; index < 200; index++)
                {
                    batch.Add(token, request.WithAddress((index % 3 == 0 ? "198.51.100." : "203.0.113.") + index));
                }
                Expect.Throws<InvalidOperationException>(() => batch.Add(token, request));
                Expect.Throws<ArgumentOutOfRangeException>(() => batch.Allowed(0));
                engine.Decide(batch);
                for (int index = 0; index < 200; index++)
                {
                    Expect.Equal(index % 3 != 0, batch.Allowed(index));
                    Expect.Equal(index % 3 != 0, batch[index].Allowed);
                }
                batch.Clear();
                engine.Decide(batch);
                batch.Add(token, Office());
                batch.Add(token, new Request(0));
                var error = Expect.Throws<HighwaterException>(() => engine.Decide(batch));
                Expect.True(error.Path.StartsWith("/1", StringComparison.Ordinal), error.Path);
                Expect.Throws<ArgumentOutOfRangeException>(() => batch.Allowed(0));
                Expect.Throws<ArgumentOutOfRangeException>(() => new Batch(0));
            }
        }

        public void FactsSurviveInAFile()
        {
            string path = Path.Combine(Path.GetTempPath(), "highwater-" + Guid.NewGuid() + ".redb");
            using (Engine engine = Engine.Open(path))
            {
                engine.Apply(Event("revoke"));
                Expect.Refused("STORE_IN_USE", () => Engine.Open(path));
            }
            const string options = @"{""settings"": {""accept_any_tenant"": true}, ""store"": {""creation"": ""never""}}";
            using (Engine engine = Engine.Open(path, options))
            {
                Token token = engine.Token(Claims);
                Expect.Alike(new[] { Reason.TokenRevoked }, engine.Decide(token, Office()).Reasons);
                Expect.Equal(1, engine.ForgetExpired(Now + 40 * 3600000L));
                engine.Reopen();
            }
            File.Delete(path);
            Expect.Refused("STORE_MISSING", () => Engine.Open(path, options));
        }

        public void SecurityEventsAreTakenOrRefused()
        {
            const string options = @"{""settings"": {""accept_any_tenant"": true}, ""transmitters"": [{""name"": ""idp"",
                ""issuer"": ""https://idp.example"", ""audience"": ""https://rs.example"",
                ""jwks_uri"": ""https://idp.example/keys""}]}";
            const string set = @"{""iss"": ""https://idp.example"", ""aud"": ""https://rs.example"", ""jti"": ""1"",
                ""iat"": 1763760080, ""sub_id"": {""format"": ""iss_sub"", ""iss"": ""https://idp.example"", ""sub"": ""ada""},
                ""events"": {""https://schemas.openid.net/secevent/caep/event-type/session-revoked"":
                {""event_timestamp"": 1763760070}}}";
            using (var engine = new Engine(options))
            {
                Token token = engine.Token(
                    @"{""iss"": ""https://idp.example"", ""sub"": ""ada"", ""iat"": 1763760000, ""exp"": 1763763600}");
                Expect.True(engine.Decide(token, Office()).Allowed);
                Expect.Contains("accepted", engine.ReceiveTrusted(set, Now));
                Expect.Alike(new[] { Reason.TokenRevoked }, engine.Decide(token, Office()).Reasons);
                string others = set.Replace("rs.example", "other.example");
                var refused = Expect.Refused("SIGNAL_REFUSED", () => engine.ReceiveTrusted(others, Now));
                Expect.Contains("invalid_audience", refused.Report);
                string signed = Part(@"{""typ"": ""secevent+jwt"", ""alg"": ""ES256"", ""kid"": ""k""}") + "." + Part(set) + ".AAAA";
                Expect.Equal("idp", Expect.Refused("UNKNOWN_KEY", () => engine.Receive(signed, Now)).Path);
                engine.SetKeys("idp", @"{""keys"": []}", Now);
                Expect.Refused("UNKNOWN_TRANSMITTER", () => engine.SetKeys("nobody", null, Now));
                Expect.Equal("[\"idp\"]", engine.DueKeys(Now + 24 * 3600000L));
                engine.WatchStream("directory", 60, Now);
                Expect.True(engine.Decide(token, new Request(Now + 61000)).Degraded);
                engine.ObserveStream("directory", Now + 60000);
                Expect.True(!engine.Decide(token, new Request(Now + 61000)).Degraded);
                byte[] events = Encoding.UTF8.GetBytes(Event("block"));
                Expect.Contains("accepted", engine.Ingest("a.jsonl", events, @"{""source"": ""x""}", Now));
            }
        }

        private static string Part(string text)
        {
            string padded = Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
            return padded.TrimEnd('=').Replace('+', '-').Replace('/', '_');
        }

        public void AFeedSaysWhatToSendAndAppliesWhatComes()
        {
            byte[] page = Encoding.UTF8.GetBytes(@"{""value"": [{""id"": ""ada"", ""accountEnabled"": false}],
                ""@odata.deltaLink"": ""https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x""}");
            using (Engine engine = Started())
            {
                var feed = new Feed(@"{""kind"": ""users"", ""graph"": {""tenant"": ""contoso""}}");
                Expect.Contains("\"GET\"", feed.Next(Now));
                Expect.Contains("complete", feed.Respond(engine, 200, -1, page, Now));
                feed.Lost(Now);
                Expect.Contains("deltatoken", feed.State());
                Expect.Throws<ArgumentOutOfRangeException>(() => feed.Respond(engine, 70000, -1, new byte[0], Now));
                feed.Dispose();
                Expect.Throws<ObjectDisposedException>(() => feed.Next(Now));
                Expect.True(engine.Decide(engine.Token(Claims), Office()).Reasons.Contains(Reason.SubjectBlocked));
            }
        }
    }
}
