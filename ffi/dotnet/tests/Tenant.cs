// What the tests share: a tenant with a policy, a user's claims, the present.
namespace Highwater.Tests
{
    internal static class Tenant
    {
        internal const string Name = "contoso";
        internal const long Now = 1763760100000;

        internal const string OfficeOnly = @"
[{""@odata.type"": ""#microsoft.graph.ipNamedLocation"", ""id"": ""0ff1ce00-0000-4000-8000-000000000001"",
  ""displayName"": ""Office"", ""isTrusted"": true,
  ""ipRanges"": [{""@odata.type"": ""#microsoft.graph.iPv4CidrRange"", ""cidrAddress"": ""203.0.113.0/24""}]},
 {""id"": ""b10c0000-0000-4000-8000-000000000001"", ""displayName"": ""Block outside the office"",
  ""state"": ""enabled"",
  ""conditions"": {""users"": {""includeUsers"": [""All""]}, ""applications"": {""includeApplications"": [""All""]},
   ""locations"": {""includeLocations"": [""All""], ""excludeLocations"": [""AllTrusted""]}},
  ""grantControls"": {""operator"": ""OR"", ""builtInControls"": [""block""]}}]";

        internal const string Claims = @"
{""iss"": ""https://sts.windows.net/contoso/"", ""tid"": ""contoso"", ""oid"": ""ada"", ""aud"": ""api://orders"",
 ""iat"": 1763759000, ""exp"": 1763762900, ""xms_cc"": [""cp1""]}";

        internal const string AnyTenant = @"{""settings"": {""accept_any_tenant"": true}}";

        internal static string Event(string effect)
        {
            return @"{""time"": 1763760070, ""tenant"": ""contoso"", ""subject"": {""user"": ""ada""}, ""effect"": """
                + effect + @""", ""source"": ""directory""}";
        }

        internal static Request Office()
        {
            return new Request(Now).WithAddress("203.0.113.7");
        }

        internal static Request Elsewhere()
        {
            return new Request(Now).WithAddress("198.51.100.9");
        }

        internal static Engine Started()
        {
            var engine = new Engine();
            engine.Publish(Name, new Documents().Add("office.json", OfficeOnly));
            return engine;
        }
    }
}
