// The check on a real socket: served, revoked, challenged, served again with a new token.
using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading;

namespace Highwater.Tests
{
    public sealed class ContinuousAccessTests
    {
        private const string Issuer = "https://idp.example";

        private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        private readonly SemaphoreSlim asked = new SemaphoreSlim(0);
        private readonly SemaphoreSlim left = new SemaphoreSlim(0);
        private volatile bool stopping;
        private int verified;
        private int served;

        // ES256 by hand, to need no library: a real host has one.
        private string Issue(long issuedAt, string audience = "api://orders")
        {
            return Sign(JsonSerializer.Serialize(new
            {
                iss = Issuer, aud = audience, sub = "ada", iat = issuedAt, exp = issuedAt + 3600, xms_cc = new[] { "cp1" },
            }));
        }

        private string Sign(string claims)
        {
            string signed = Part(Encoding.UTF8.GetBytes("{\"alg\":\"ES256\"}")) + "." + Part(Encoding.UTF8.GetBytes(claims));
            return signed + "." + Part(key.SignData(Encoding.UTF8.GetBytes(signed), HashAlgorithmName.SHA256));
        }

        private string Verify(string raw)
        {
            Interlocked.Increment(ref verified);
            if (raw == "leaving")
            {
                asked.Release();
                left.Wait();
            }
            string[] parts = raw.Split('.');
            if (parts.Length != 3) return null;
            byte[] signed = Encoding.UTF8.GetBytes(parts[0] + "." + parts[1]);
            if (!key.VerifyData(signed, Bytes(parts[2]), HashAlgorithmName.SHA256)) return null;
            string claims = Encoding.UTF8.GetString(Bytes(parts[1]));
            using (JsonDocument read = JsonDocument.Parse(claims))
            {
                bool ours = read.RootElement.GetProperty("iss").GetString() == Issuer
                    && read.RootElement.GetProperty("aud").GetString() == "api://orders";
                return ours ? claims : null;
            }
        }

        private static string Part(byte[] data)
        {
            return Convert.ToBase64String(data).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        }

        private static byte[] Bytes(string part)
        {
            string padding = new string('=', (4 - part.Length % 4) % 4);
            return Convert.FromBase64String(part.Replace('-', '+').Replace('_', '/') + padding);
        }

        // HttpListener takes no port 0: one that was free just now, until it is.
        private static HttpListener Listening(out int port)
        {
            for (int attempt = 0; ; attempt++)
            {
                var free = new TcpListener(IPAddress.Loopback, 0);
                free.Start();
                port = ((IPEndPoint)free.LocalEndpoint).Port;
                free.Stop();
                var listener = new HttpListener();
                listener.Prefixes.Add("http://127.0.0.1:" + port + "/");
                try
                {
                    listener.Start();
                    return listener;
                }
                catch (HttpListenerException)
                {
                    if (attempt == 10) throw;
                }
            }
        }

        private void Serve(HttpListener listener, ContinuousAccess access)
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = listener.GetContext();
                }
                catch (Exception) when (stopping)
                {
                    return;
                }
                if (!access.Admits(context)) continue;
                Interlocked.Increment(ref served);
                context.Response.StatusCode = 200;
                context.Response.Close();
            }
        }

        private static HttpResponseMessage Ask(int port, string authorization)
        {
            using (var client = new HttpClient())
            {
                var request = new HttpRequestMessage(HttpMethod.Get, "http://127.0.0.1:" + port + "/");
                if (authorization != null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
                return client.SendAsync(request).GetAwaiter().GetResult();
            }
        }

        // A client that resets its connection while its token is verified: the answer finds nobody.
        private void Leave(int port)
        {
            using (var client = new TcpClient("127.0.0.1", port))
            {
                byte[] request = Encoding.ASCII.GetBytes(
                    "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\nAuthorization: Bearer leaving\r\n\r\n");
                client.GetStream().Write(request, 0, request.Length);
                asked.Wait();
                client.LingerState = new LingerOption(true, 0);
            }
            left.Release();
        }

        private static int Status(int port, string authorization)
        {
            return (int)Ask(port, authorization).StatusCode;
        }

        public void ARevokedClientIsChallengedAndComesBack()
        {
            var engine = new Engine(@"{""settings"": {""accept_any_tenant"": true},
                ""issuers"": [{""issuer"": """ + Issuer + @""", ""answers_challenges"": true}]}");
            int port;
            HttpListener listener = Listening(out port);
            var access = new ContinuousAccess(engine, Verify, null, 2);
            var serving = new Thread(() => Serve(listener, access));
            serving.Start();
            try
            {
                Converse(engine, port);
            }
            finally
            {
                stopping = true;
                listener.Stop();
                serving.Join();
                engine.Dispose();
            }
        }

        private void Converse(Engine engine, int port)
        {
            long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            string first = Issue(now - 60);
            Expect.Equal(200, Status(port, "Bearer " + first));
            Expect.Equal(200, Status(port, "bearer " + first));
            Expect.Equal(1, verified);
            engine.Apply(@"{""time"": " + (now - 5) + @", ""tenant"": """ + Issuer
                + @""", ""source"": ""directory"", ""subject"": {""user"": ""ada""}, ""effect"": ""revoke""}");
            HttpResponseMessage refused = Ask(port, "Bearer " + first);
            Expect.Equal(401, (int)refused.StatusCode);
            Expect.True(refused.Headers.CacheControl.NoStore);
            string claims = Expect.Wanted(refused.Headers.GetValues("WWW-Authenticate").Single());
            long notBefore;
            using (JsonDocument wanted = JsonDocument.Parse(claims))
            {
                JsonElement value = wanted.RootElement.GetProperty("access_token").GetProperty("nbf").GetProperty("value");
                notBefore = long.Parse(value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText());
            }
            string renewed = Issue(Math.Max(now, notBefore));
            Expect.Equal(200, Status(port, "Bearer " + renewed));
            Expect.Equal(401, Status(port, "Bearer " + first));
            Expect.Equal(2, verified);
            Expect.Equal(3, served);
            string malformed = Sign(@"{""iss"": """ + Issuer + @""", ""aud"": ""api://orders"", ""iat"": ""today""}");
            foreach (string wrong in new[]
            {
                null, "Bearer", "Basic YWRhOmFkYQ==", "Bearer nonsense", "Bearer " + malformed, "Bearer " + renewed + " x",
                "Bearer " + renewed.Substring(0, renewed.Length - 4) + "AAAA",
                "Bearer " + Issue(now, "api://other"), "Bearer " + Issue(now - 7200),
            })
            {
                HttpResponseMessage answer = Ask(port, wrong);
                Expect.Equal(401, (int)answer.StatusCode);
                Expect.Contains("Bearer", answer.Headers.GetValues("WWW-Authenticate").Single());
            }
            // What the verifier throws serves nothing either.
            Expect.Equal(500, Status(port, "Bearer " + Sign("no claims")));
            // Two are kept, and the expired one was the third: the longest unused is verified anew.
            int before = verified;
            Expect.Equal(401, Status(port, "Bearer " + first));
            Expect.Equal(before, verified);
            Expect.Equal(3, served);
            Expect.Equal(200, Status(port, "Bearer " + renewed));
            Expect.Equal(before + 1, verified);
            for (int count = 0; count < 5; count++) Leave(port);
            Expect.Equal(200, Status(port, "Bearer " + renewed));
            engine.Dispose();
            Expect.Equal(500, Status(port, "Bearer " + renewed));
            Expect.Equal(5, served);
        }
    }
}
