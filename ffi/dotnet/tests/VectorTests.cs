// Every vector through .NET: as JSON byte for byte, and through tokens, requests and batches.
// HIGHWATER_VECTORS names what `cargo run -p highwater-tests --bin vectors` wrote.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Highwater.Tests
{
    public sealed class VectorTests
    {
        private static Engine Start(JsonElement vector)
        {
            var documents = new Documents();
            foreach (JsonElement document in vector.GetProperty("documents").EnumerateArray())
            {
                documents.Add(
                    document.GetProperty("name").GetString(), document.GetProperty("text").GetString(),
                    (DocumentKind)document.GetProperty("kind").GetUInt32());
            }
            var engine = new Engine(vector.GetProperty("options").GetRawText());
            engine.Publish(vector.GetProperty("tenant").GetString(), documents, vector.GetProperty("settings").GetRawText());
            return engine;
        }

        private static Request Circumstances(JsonElement parts)
        {
            string address = parts.GetProperty("address").GetString();
            string resource = parts.GetProperty("resource").GetString();
            string device = parts.GetProperty("device").GetString();
            int network = parts.GetProperty("compliant_network").GetInt32();
            var request = new Request(parts.GetProperty("now").GetInt64())
            {
                AuthenticationContext = parts.GetProperty("authentication_context").GetString(),
                Country = parts.GetProperty("country").GetString(),
                Resource = resource == null ? null : new Resource(resource),
                Device = device == null ? null : new Device(device),
                Platform = (Platform)parts.GetProperty("platform").GetByte(),
                ClientAppType = (ClientAppType)parts.GetProperty("client_app_type").GetByte(),
                CompliantNetwork = network == 0 ? (bool?)null : network == 2,
            };
            return address == null ? request : request.WithAddress(address);
        }

        private static void Check(JsonElement step, Decision decision, Token token)
        {
            JsonElement answer = JsonDocument.Parse(step.GetProperty("answer").GetString()).RootElement;
            string word = answer.GetProperty("decision").GetString();
            Expect.Equal(word, decision.Outcome.ToString().ToLowerInvariant());
            Expect.Equal(word == "allow", decision.Allowed);
            Expect.Equal(answer.GetProperty("status").GetInt32(), decision.Status);
            Expect.Alike(
                answer.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()),
                decision.Reasons.Select(reason => reason.Code()));
            Expect.Equal(answer.GetProperty("policies").GetArrayLength(), decision.PolicyCount);
            JsonElement present;
            Expect.Equal(answer.TryGetProperty("uncovered", out present), decision.Uncovered);
            Expect.Equal(answer.TryGetProperty("degraded", out present), decision.Degraded);
            string header = answer.TryGetProperty("www_authenticate", out present) ? present.GetString() : null;
            Expect.Equal(header, decision.Header(token, Circumstances(step.GetProperty("parts"))));
        }

        public void EveryVectorIsDecidedAlike()
        {
            string[] lines = File.ReadAllLines(Environment.GetEnvironmentVariable("HIGHWATER_VECTORS"));
            Expect.True(lines.Length >= 100, "only " + lines.Length + " vectors");
            foreach (string line in lines)
            {
                using (JsonDocument vector = JsonDocument.Parse(line))
                {
                    try
                    {
                        Run(vector.RootElement);
                    }
                    catch (Exception error)
                    {
                        throw new InvalidOperationException(vector.RootElement.GetProperty("name").GetString(), error);
                    }
                }
            }
        }

        private static void Run(JsonElement vector)
        {
            using (Engine answering = Start(vector))
            using (Engine explaining = Start(vector))
            using (Engine single = Start(vector))
            using (Engine batched = Start(vector))
            {
                JsonElement steps = vector.GetProperty("steps");
                var batch = new Batch(steps.GetArrayLength());
                var waiting = new List<KeyValuePair<JsonElement, Token>>();
                Action decide = () =>
                {
                    batched.Decide(batch);
                    for (int index = 0; index < waiting.Count; index++)
                    {
                        Check(waiting[index].Key, batch[index], waiting[index].Value);
                    }
                    batch.Clear();
                    waiting.Clear();
                };
                foreach (JsonElement step in steps.EnumerateArray())
                {
                    JsonElement happened;
                    if (step.TryGetProperty("event", out happened))
                    {
                        // What was asked before it is decided before it.
                        decide();
                        foreach (Engine engine in new[] { answering, explaining, single, batched })
                        {
                            engine.Apply(happened.GetString());
                        }
                        continue;
                    }
                    string request = step.GetProperty("request").GetString();
                    JsonElement wrong = step.GetProperty("error");
                    if (wrong.ValueKind != JsonValueKind.Null)
                    {
                        var error = Expect.Throws<HighwaterException>(() => answering.Answer(request));
                        Expect.Equal(wrong.GetProperty("message").GetString(), error.Detail);
                        Expect.Equal(wrong.GetProperty("path").GetString(), error.Path);
                        continue;
                    }
                    Expect.Equal(step.GetProperty("answer").GetString(), answering.Answer(request));
                    Expect.Equal(step.GetProperty("explanation").GetString(), explaining.AnswerAndExplain(request));
                    JsonElement parts = step.GetProperty("parts");
                    string claims = parts.GetProperty("claims").GetString();
                    Token token = single.Token(claims);
                    Check(step, single.Decide(token, Circumstances(parts)), token);
                    Token other = batched.Token(claims);
                    batch.Add(other, Circumstances(parts));
                    waiting.Add(new KeyValuePair<JsonElement, Token>(step, other));
                }
                decide();
            }
        }
    }
}
