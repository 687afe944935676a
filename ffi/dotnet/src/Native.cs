// The functions and structs of highwater.h as .NET sees them, and the way from a status to an
// exception.
//
// Everything that crosses is blittable or a SafeHandle: the runtime pins and copies nothing, and
// holds an engine for the time of each call, so that disposing cannot free it under one.
using System;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Highwater
{
    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct RequestStruct
    {
        internal UIntPtr Size;
        internal long Now;
        internal fixed byte Address[16];
        internal byte AddressLength;
        internal byte Platform;
        internal byte ClientAppType;
        internal byte CompliantNetwork;
        internal fixed byte Country[2];
        internal fixed byte Reserved[2];
        internal IntPtr AuthenticationContext;
        internal UIntPtr AuthenticationContextLength;
        internal IntPtr Resource;
        internal IntPtr Device;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct DecisionStruct
    {
        internal UIntPtr Size;
        internal uint Outcome;
        internal uint Reasons;
        internal ushort Status;
        internal byte Uncovered;
        internal byte Degraded;
        internal uint PolicyCount;
        internal fixed uint Policies[4];
        internal long NotBefore;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct TextStruct
    {
        internal IntPtr Data;
        internal UIntPtr Length;
    }

    internal static unsafe class Native
    {
        internal const int BufferTooSmall = 11;
        internal const int DocumentsRefused = 30;
        private const string Name = "highwater";

        // Strict: half of a surrogate pair is refused, not replaced by another character.
        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        // Before the first call, whichever it is.
        static Native()
        {
            NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Open);
        }

        // The rule of every language here: HIGHWATER_LIBRARY, else the installed library.
        private static IntPtr Open(string name, Assembly assembly, DllImportSearchPath? search)
        {
            if (name != Name) return IntPtr.Zero;
            string given = Environment.GetEnvironmentVariable("HIGHWATER_LIBRARY");
            string path = string.IsNullOrEmpty(given) ? "libhighwater.so.0.1" : given;
            try
            {
                return NativeLibrary.Load(path);
            }
            catch (DllNotFoundException error)
            {
                throw new DllNotFoundException(
                    "the library of highwater cannot be loaded from `" + path + "`: " + error.Message
                    + "; set HIGHWATER_LIBRARY to its path, or install it with ffi/install.sh", error);
            }
        }

        internal static byte[] Bytes(string text)
        {
            return text == null ? Array.Empty<byte>() : Utf8.GetBytes(text);
        }

        internal static UIntPtr Length(byte[] bytes)
        {
            return (UIntPtr)(uint)bytes.Length;
        }

        internal delegate int Writing(ref TextStruct text);

        // Makes a call that writes a text, copies it and frees it; with an error it is the report.
        internal static string Read(Writing call, int accepted = 0)
        {
            var text = default(TextStruct);
            try
            {
                int status = call(ref text);
                string copy = text.Length == UIntPtr.Zero
                    ? ""
                    : Utf8.GetString((byte*)text.Data, checked((int)text.Length));
                if (status != accepted) Check(status, copy);
                return copy;
            }
            finally
            {
                highwater_text_free(ref text);
            }
        }

        // Throws what a status stands for, unless it is OK. On the thread that made the call.
        internal static void Check(int status, string report = null)
        {
            if (status != 0) throw Failure(status, report);
        }

        internal static HighwaterException Failure(int status, string report)
        {
            return new HighwaterException(
                status, Word(highwater_status_name(status)), Word(highwater_error_message()),
                Word(highwater_error_path()), report);
        }

        internal static string Word(IntPtr text)
        {
            return Marshal.PtrToStringUTF8(text);
        }

        [DllImport(Name)] internal static extern IntPtr highwater_version();
        [DllImport(Name)] internal static extern uint highwater_semantics_version();
        [DllImport(Name)] internal static extern IntPtr highwater_status_name(int status);
        [DllImport(Name)] internal static extern IntPtr highwater_error_message();
        [DllImport(Name)] internal static extern IntPtr highwater_error_path();
        [DllImport(Name)] internal static extern IntPtr highwater_reason_name(uint reason);
        [DllImport(Name)] internal static extern void highwater_text_free(ref TextStruct text);

        [DllImport(Name)] internal static extern int highwater_engine_new(
            byte[] options, UIntPtr optionsLength, out EngineHandle engine);
        [DllImport(Name)] internal static extern int highwater_engine_open(
            byte[] path, UIntPtr pathLength, byte[] options, UIntPtr optionsLength, out EngineHandle engine);
        [DllImport(Name)] internal static extern void highwater_engine_free(IntPtr engine);
        [DllImport(Name)] internal static extern int highwater_engine_forget_expired(
            EngineHandle engine, long now, out UIntPtr forgotten);
        [DllImport(Name)] internal static extern int highwater_engine_watch_stream(
            EngineHandle engine, byte[] source, UIntPtr sourceLength, long staleAfterSeconds, long now);
        [DllImport(Name)] internal static extern int highwater_engine_observe_stream(
            EngineHandle engine, byte[] source, UIntPtr sourceLength, long heard);
        [DllImport(Name)] internal static extern int highwater_engine_status(
            EngineHandle engine, long now, ref TextStruct status);
        [DllImport(Name)] internal static extern int highwater_engine_reopen(EngineHandle engine);

        [DllImport(Name)] internal static extern int highwater_documents_new(uint flags, out DocumentsHandle documents);
        [DllImport(Name)] internal static extern void highwater_documents_free(IntPtr documents);
        [DllImport(Name)] internal static extern int highwater_documents_add(
            DocumentsHandle documents, uint kind, byte[] name, UIntPtr nameLength, byte[] data, UIntPtr dataLength);
        [DllImport(Name)] internal static extern int highwater_documents_add_path(
            DocumentsHandle documents, uint kind, byte[] path, UIntPtr pathLength);
        [DllImport(Name)] internal static extern int highwater_documents_check(
            DocumentsHandle documents, ref TextStruct report);
        [DllImport(Name)] internal static extern int highwater_engine_publish(
            EngineHandle engine, byte[] tenant, UIntPtr tenantLength, DocumentsHandle documents, byte[] settings,
            UIntPtr settingsLength, ref TextStruct report, ref ulong version);
        [DllImport(Name)] internal static extern int highwater_danger_publish_without_refused(
            EngineHandle engine, byte[] tenant, UIntPtr tenantLength, DocumentsHandle documents, byte[] settings,
            UIntPtr settingsLength, ref TextStruct report, ref ulong version);
        [DllImport(Name)] internal static extern int highwater_engine_remove(
            EngineHandle engine, byte[] tenant, UIntPtr tenantLength, out byte removed);
        [DllImport(Name)] internal static extern int highwater_engine_policies(
            EngineHandle engine, byte[] tenant, UIntPtr tenantLength, ref TextStruct policies);

        [DllImport(Name)] internal static extern int highwater_token_new(
            EngineHandle engine, byte[] claims, UIntPtr claimsLength, out TokenHandle token);
        [DllImport(Name)] internal static extern int highwater_token_renew(
            TokenHandle token, EngineHandle engine, out TokenHandle renewed);
        [DllImport(Name)] internal static extern int highwater_token_facts(TokenHandle token, ref TextStruct facts);
        [DllImport(Name)] internal static extern void highwater_token_free(IntPtr token);
        [DllImport(Name)] internal static extern int highwater_resource_new(
            byte[] id, UIntPtr idLength, out ResourceHandle resource);
        [DllImport(Name)] internal static extern void highwater_resource_free(IntPtr resource);
        [DllImport(Name)] internal static extern int highwater_device_new(
            byte[] attributes, UIntPtr attributesLength, out DeviceHandle device);
        [DllImport(Name)] internal static extern void highwater_device_free(IntPtr device);
        [DllImport(Name)] internal static extern int highwater_request_set_address(
            RequestStruct* request, byte[] address, UIntPtr addressLength);

        // The token as a plain pointer: it is freed by the garbage collector alone, and the caller
        // keeps it alive, which is cheaper than counting.
        [DllImport(Name)] internal static extern int highwater_engine_decide(
            EngineHandle engine, IntPtr token, RequestStruct* request, DecisionStruct* decision);
        [DllImport(Name)] internal static extern int highwater_engine_decide_batch(
            EngineHandle engine, IntPtr* tokens, RequestStruct* requests, DecisionStruct* decisions, UIntPtr count);
        [DllImport(Name)] internal static extern int highwater_decision_header(
            DecisionStruct* decision, TokenHandle token, RequestStruct* request, byte[] buffer, UIntPtr capacity,
            ref UIntPtr length);
        [DllImport(Name)] internal static extern int highwater_decision_header_with_claims(
            DecisionStruct* decision, TokenHandle token, RequestStruct* request, byte[] claims, UIntPtr claimsLength,
            byte[] buffer, UIntPtr capacity, ref UIntPtr length);
        [DllImport(Name)] internal static extern int highwater_engine_answer(
            EngineHandle engine, byte[] request, UIntPtr requestLength, ref TextStruct answer);
        [DllImport(Name)] internal static extern int highwater_engine_answer_and_explain(
            EngineHandle engine, byte[] request, UIntPtr requestLength, ref TextStruct explanation);
        [DllImport(Name)] internal static extern int highwater_engine_explain(
            EngineHandle engine, TokenHandle token, RequestStruct* request, ref TextStruct explanation);

        [DllImport(Name)] internal static extern int highwater_engine_apply(
            EngineHandle engine, byte[] events, UIntPtr eventsLength, out UIntPtr changed);
        [DllImport(Name)] internal static extern int highwater_engine_receive(
            EngineHandle engine, byte[] token, UIntPtr tokenLength, long now, ref TextStruct report);
        [DllImport(Name)] internal static extern int highwater_engine_receive_trusted(
            EngineHandle engine, byte[] claims, UIntPtr claimsLength, long now, ref TextStruct report);
        [DllImport(Name)] internal static extern int highwater_engine_set_keys(
            EngineHandle engine, byte[] transmitter, UIntPtr transmitterLength, byte[] keys, UIntPtr keysLength, long now);
        [DllImport(Name)] internal static extern int highwater_engine_due_keys(
            EngineHandle engine, long now, ref TextStruct transmitters);
        [DllImport(Name)] internal static extern int highwater_engine_ingest(
            EngineHandle engine, byte[] expectation, UIntPtr expectationLength, byte[] name, UIntPtr nameLength,
            byte[] data, UIntPtr dataLength, long now, ref TextStruct report);

        [DllImport(Name)] internal static extern int highwater_feed_new(
            byte[] options, UIntPtr optionsLength, out FeedHandle feed);
        [DllImport(Name)] internal static extern int highwater_feed_next(FeedHandle feed, long now, ref TextStruct action);
        [DllImport(Name)] internal static extern int highwater_feed_respond(
            FeedHandle feed, EngineHandle engine, ushort httpStatus, long retryAfterSeconds, byte[] data,
            UIntPtr dataLength, long now, ref TextStruct outcome);
        [DllImport(Name)] internal static extern int highwater_feed_lost(FeedHandle feed, long now);
        [DllImport(Name)] internal static extern int highwater_feed_state(FeedHandle feed, ref TextStruct state);
        [DllImport(Name)] internal static extern void highwater_feed_free(IntPtr feed);
    }
}
