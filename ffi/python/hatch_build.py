"""Puts what is not Python into the wheel: the library, built by cargo, and its declarations.

Both come from this tree, so that a wheel cannot call what its library does not have: the library
is built by `ffi/install.sh`, as for every other language, and the declarations are what the C
preprocessor leaves of `highwater.h`. `HIGHWATER_LIBRARY` names a library that is built already.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from cffi import FFI
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface[Any]):
    """Builds the library and writes the declarations, for every wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files of the wheel are collected."""
        ffi = Path(self.root).parent
        header = ffi / "include" / "highwater.h"
        if not header.is_file():
            raise RuntimeError(
                f"`{header}` is missing: wheels are built from a checkout of the repository"
            )
        self.folder = tempfile.TemporaryDirectory()
        built = Path(self.folder.name)
        declarations = built / "_declarations.py"
        write_declarations(header, declarations)
        build_data["force_include"][str(declarations)] = "highwater/_declarations.py"
        # An editable installation finds the library as every other language does.
        if version != "editable":
            build_data["force_include"][str(library(ffi, built))] = "highwater/libhighwater.so"
            platform = re.sub("[^0-9a-z]", "_", sysconfig.get_platform().lower())
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel is written."""
        self.folder.cleanup()


def library(ffi: Path, prefix: Path) -> Path:
    """The library that goes into the wheel."""
    given = os.environ.get("HIGHWATER_LIBRARY")
    if given:
        return Path(given).resolve(strict=True)
    subprocess.run([ffi / "install.sh", prefix], check=True)
    return (prefix / "lib" / "libhighwater.so").resolve(strict=True)


def write_declarations(header: Path, target: Path) -> None:
    """Writes a module with the declarations of the header as cffi stores them."""
    # The two includes only name types that cffi knows, and whose real definitions it does not read.
    text = re.sub(r"(?m)^#include .*$", "", header.read_text(encoding="utf-8"))
    compiler = os.environ.get("CC", "cc")
    plain = subprocess.run(
        [compiler, "-E", "-P", "-std=c99", "-x", "c", "-"],
        input=text,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    ).stdout
    declarations = FFI()
    declarations.cdef(plain)
    declarations.set_source("highwater._declarations", None)
    declarations.emit_python_code(str(target))
