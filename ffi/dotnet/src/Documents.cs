// The documents of one tenant, collected before they are published together.
using System;

namespace Highwater
{
    /// <summary>
    /// Policies, named locations, memberships, tables of countries. One thread at a time while something
    /// is added.
    /// </summary>
    public sealed class Documents
    {
        internal readonly DocumentsHandle Handle;

        /// <summary>
        /// An empty collection. <paramref name="strict"/> refuses what is otherwise corrected with a
        /// warning; with <paramref name="updatesInOrder"/> a later document replaces an earlier one with
        /// the same id.
        /// </summary>
        public Documents(bool strict = false, bool updatesInOrder = false)
        {
            uint flags = (strict ? 1u : 0u) | (updatesInOrder ? 2u : 0u);
            Native.Check(Native.highwater_documents_new(flags, out Handle));
        }

        /// <summary>Adds a document from memory; the name stands in reports.</summary>
        public Documents Add(string name, string text, DocumentKind kind = DocumentKind.Graph)
        {
            return Add(name, Native.Bytes(text), kind);
        }

        /// <summary>Adds a document from memory; the name stands in reports.</summary>
        public Documents Add(string name, byte[] data, DocumentKind kind = DocumentKind.Graph)
        {
            if (data == null) throw new ArgumentNullException(nameof(data));
            byte[] title = Native.Bytes(name);
            Native.Check(Native.highwater_documents_add(
                Handle, (uint)kind, title, Native.Length(title), data, Native.Length(data)));
            return this;
        }

        /// <summary>Adds a file, or for Graph documents a folder with all <c>*.json</c> below it.</summary>
        public Documents AddPath(string path, DocumentKind kind = DocumentKind.Graph)
        {
            byte[] place = Native.Bytes(path);
            Native.Check(Native.highwater_documents_add_path(Handle, (uint)kind, place, Native.Length(place)));
            return this;
        }

        /// <summary>Compiles what was added, publishes nothing, and reports as <c>highwater check</c> does.</summary>
        public string Check()
        {
            return Native.Read(
                (ref TextStruct text) => Native.highwater_documents_check(Handle, ref text), Native.DocumentsRefused);
        }
    }
}
