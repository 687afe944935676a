// The numbers of highwater.h by name. Zero is what a field of .NET holds that nobody wrote: there
// it is a denial, or "not known".
namespace Highwater
{
    /// <summary>What to do with a request.</summary>
    public enum Outcome : uint
    {
        /// <summary>Refuse it.</summary>
        Deny = 0,
        /// <summary>Answer 401 with the header of the decision.</summary>
        Challenge = 1129987237,
        /// <summary>Serve it.</summary>
        Allow = 1017496410,
    }

#pragma warning disable 1591 // docs/reason-codes.md explains each
    /// <summary>Why a request was not simply allowed, the strongest first; docs/reason-codes.md.</summary>
    public enum Reason : uint
    {
        TokenExpired = 0,
        TokenNotYetValid = 1,
        TenantUnknown = 2,
        ChallengeLoop = 3,
        SubjectPurged = 4,
        SessionDenied = 5,
        TokenDenied = 6,
        SubjectBlocked = 7,
        TokenRevoked = 8,
        LocationBlocked = 9,
        LocationChanged = 10,
        RiskTooHigh = 11,
        DeviceNotCompliant = 12,
        AssuranceLowered = 13,
        AuthContextRequired = 14,
        SignInTooOld = 15,
        PolicyChanged = 16,
        StreamStale = 17,
        ConditionsUnknown = 18,
        TokenStale = 19,
    }

    /// <summary>The client's platform.</summary>
    public enum Platform : byte
    {
        Unknown = 0,
        Android = 1,
        Ios = 2,
        Windows = 3,
        WindowsPhone = 4,
        Macos = 5,
        Linux = 6,
        Other = 7,
    }

    /// <summary>The kind of client application.</summary>
    public enum ClientAppType : byte
    {
        Unknown = 0,
        Browser = 1,
        MobileAppsAndDesktopClients = 2,
        ExchangeActiveSync = 3,
        EasSupported = 4,
        Other = 5,
    }

    /// <summary>What a document is; docs/documents.md.</summary>
    public enum DocumentKind : uint
    {
        Graph = 1,
        Synced = 2,
        TrustedIps = 3,
        CountryList = 4,
        CountryDatabase = 5,
    }
#pragma warning restore 1591

    /// <summary>The words for numbers.</summary>
    public static class Words
    {
        /// <summary>The published code of a reason, such as <c>token_revoked</c>; null if there is none.</summary>
        public static string Code(this Reason reason)
        {
            return Native.Word(Native.highwater_reason_name((uint)reason));
        }
    }

    /// <summary>What is said of the library itself.</summary>
    public static class Library
    {
        /// <summary>Its version, such as <c>0.1.0</c>.</summary>
        public static string Version
        {
            get { return Native.Word(Native.highwater_version()); }
        }

        /// <summary>The version of what is decided.</summary>
        public static long SemanticsVersion
        {
            get { return Native.highwater_semantics_version(); }
        }
    }
}
