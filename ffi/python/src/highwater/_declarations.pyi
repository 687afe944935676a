# The module is written when the wheel is built, from the header.
from cffi import FFI

ffi: FFI
