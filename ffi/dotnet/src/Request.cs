// The circumstances of a request, in the library's own struct: properties write where the library
// reads, so that deciding converts nothing.
using System;
using System.Net;
using System.Text;

namespace Highwater
{
    /// <summary>
    /// What a service knows about a call that it is asked to serve. What is not said is unknown, and what
    /// is unknown is never assumed. One thread at a time; may be used again with other values.
    /// </summary>
    public sealed unsafe class Request
    {
        internal RequestStruct Struct;
        private TextHandle context;
        private string contextName;
        private Resource resource;
        private Device device;

        /// <summary>A request at a time in milliseconds since 1970.</summary>
        public Request(long now)
        {
            Struct.Size = (UIntPtr)sizeof(RequestStruct);
            Struct.Now = now;
        }

        /// <summary>A request at the present.</summary>
        public Request() : this(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()) { }

        // What must stay alive as long as a copy of the struct is in use.
        internal object[] Kept()
        {
            return new object[] { context, resource, device };
        }

        /// <summary>The present, in milliseconds since 1970.</summary>
        public long Now
        {
            get { return Struct.Now; }
            set { Struct.Now = value; }
        }

        /// <summary>
        /// The client's address as the host saw it, never one that a client could have written; null if
        /// unknown.
        /// </summary>
        public IPAddress Address
        {
            get
            {
                if (Struct.AddressLength == 0) return null;
                var octets = new byte[Struct.AddressLength];
                fixed (byte* address = Struct.Address)
                {
                    for (int index = 0; index < octets.Length; index++) octets[index] = address[index];
                }
                return new IPAddress(octets);
            }
            set
            {
                byte[] octets = value == null ? Array.Empty<byte>() : value.GetAddressBytes();
                fixed (byte* address = Struct.Address)
                {
                    for (int index = 0; index < octets.Length; index++) address[index] = octets[index];
                }
                Struct.AddressLength = (byte)octets.Length;
            }
        }

        /// <summary>
        /// Sets the address from text: no port, no brackets, no zone. Stricter than
        /// <see cref="IPAddress.Parse(string)"/>, which takes <c>1</c> for an address.
        /// </summary>
        public Request WithAddress(string address)
        {
            byte[] text = Native.Bytes(address);
            fixed (RequestStruct* request = &Struct)
            {
                Native.Check(Native.highwater_request_set_address(request, text, Native.Length(text)));
            }
            return this;
        }

        /// <summary>The authentication context that this operation needs, such as <c>c1</c>; null if none.</summary>
        public string AuthenticationContext
        {
            get { return contextName; }
            set
            {
                TextHandle text = string.IsNullOrEmpty(value) ? null : new TextHandle(value);
                Struct.AuthenticationContext = text == null ? IntPtr.Zero : text.Pointer;
                Struct.AuthenticationContextLength = text == null ? UIntPtr.Zero : text.Length;
                context = text;
                contextName = text == null ? null : value;
            }
        }

        /// <summary>The application id of the resource; null for the token's audience.</summary>
        public Resource Resource
        {
            get { return resource; }
            set
            {
                Struct.Resource = value == null ? IntPtr.Zero : value.Handle.DangerousGetHandle();
                resource = value;
            }
        }

        /// <summary>What is known of the device; null if nothing is.</summary>
        public Device Device
        {
            get { return device; }
            set
            {
                Struct.Device = value == null ? IntPtr.Zero : value.Handle.DangerousGetHandle();
                device = value;
            }
        }

        /// <summary>ISO 3166-1 alpha-2 code of the client's country; null if unknown.</summary>
        public string Country
        {
            get
            {
                fixed (byte* letters = Struct.Country)
                {
                    return letters[0] == 0 ? null : new string(new[] { (char)letters[0], (char)letters[1] });
                }
            }
            set
            {
                byte[] letters = value == null ? new byte[2] : Encoding.UTF8.GetBytes(value);
                if (letters.Length != 2)
                {
                    throw new ArgumentException("`" + value + "` is no country code of two letters", nameof(value));
                }
                fixed (byte* country = Struct.Country)
                {
                    country[0] = letters[0];
                    country[1] = letters[1];
                }
            }
        }

        /// <summary>The client's platform.</summary>
        public Platform Platform
        {
            get { return (Platform)Struct.Platform; }
            set { Struct.Platform = (byte)value; }
        }

        /// <summary>The kind of client application.</summary>
        public ClientAppType ClientAppType
        {
            get { return (ClientAppType)Struct.ClientAppType; }
            set { Struct.ClientAppType = (byte)value; }
        }

        /// <summary>Whether the client came through the compliant network; null if unknown.</summary>
        public bool? CompliantNetwork
        {
            get { return Struct.CompliantNetwork == 0 ? (bool?)null : Struct.CompliantNetwork == 2; }
            set { Struct.CompliantNetwork = (byte)(value == null ? 0 : value.Value ? 2 : 1); }
        }
    }
}
