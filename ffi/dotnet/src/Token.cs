// What is made once and used in any number of requests and threads: tokens, resources, devices.
//
// None of them can be disposed of: a struct of C may still point there. The garbage collector frees
// them when neither a request nor a batch holds them any more.
using System;

namespace Highwater
{
    /// <summary>
    /// One verified access token of one engine: its claims are read once, and decided as often as it is
    /// presented. Any number of threads may use it.
    /// </summary>
    public sealed class Token
    {
        internal readonly TokenHandle Handle;

        internal Token(TokenHandle handle)
        {
            Handle = handle;
        }

        /// <summary>What was read from the claims, a JSON object.</summary>
        public string Facts()
        {
            return Native.Read((ref TextStruct text) => Native.highwater_token_facts(Handle, ref text));
        }
    }

    /// <summary>The application id of a resource, or whatever the policies call it.</summary>
    public sealed class Resource
    {
        internal readonly ResourceHandle Handle;

        /// <summary>Makes a resource of its id.</summary>
        public Resource(string id)
        {
            byte[] text = Native.Bytes(id);
            Native.Check(Native.highwater_resource_new(text, Native.Length(text), out Handle));
        }
    }

    /// <summary>
    /// What a host knows of a device. Whoever supplies one speaks for all of it: an attribute that is
    /// missing counts as null.
    /// </summary>
    public sealed class Device
    {
        internal readonly DeviceHandle Handle;

        /// <summary>Makes a device of its attributes by rule name without <c>device.</c>, a JSON object.</summary>
        public Device(string attributes)
        {
            byte[] text = Native.Bytes(attributes);
            Native.Check(Native.highwater_device_new(text, Native.Length(text), out Handle));
        }
    }
}
