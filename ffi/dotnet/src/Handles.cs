// One SafeHandle per type of handle: the runtime frees it exactly once, after the last call that
// was given it, whether it is disposed of or collected.
using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Highwater
{
    internal sealed class EngineHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal EngineHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_engine_free(handle);
            return true;
        }
    }

    internal sealed class TokenHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal TokenHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_token_free(handle);
            return true;
        }
    }

    internal sealed class ResourceHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal ResourceHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_resource_free(handle);
            return true;
        }
    }

    internal sealed class DeviceHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal DeviceHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_device_free(handle);
            return true;
        }
    }

    internal sealed class DocumentsHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal DocumentsHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_documents_free(handle);
            return true;
        }
    }

    internal sealed class FeedHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal FeedHandle() : base(true) { }

        protected override bool ReleaseHandle()
        {
            Native.highwater_feed_free(handle);
            return true;
        }
    }

    // A text in memory of C, to which structs point.
    internal sealed class TextHandle : SafeHandleZeroOrMinusOneIsInvalid
    {
        internal readonly UIntPtr Length;

        internal TextHandle(string text) : base(true)
        {
            byte[] bytes = Native.Bytes(text);
            Length = Native.Length(bytes);
            SetHandle(Marshal.AllocHGlobal(bytes.Length));
            Marshal.Copy(bytes, 0, handle, bytes.Length);
        }

        internal IntPtr Pointer
        {
            get { return handle; }
        }

        protected override bool ReleaseHandle()
        {
            Marshal.FreeHGlobal(handle);
            return true;
        }
    }
}
