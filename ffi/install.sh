#!/usr/bin/env bash
# Builds libhighwater and installs it below a prefix: ffi/install.sh PREFIX
#
#   lib/libhighwater.so -> libhighwater.so.0.1 -> libhighwater.so.0.1.0   (stripped of symbols that nobody links)
#   lib/libhighwater.a
#   lib/pkgconfig/highwater.pc
#   lib/cmake/Highwater/HighwaterConfig.cmake, HighwaterConfigVersion.cmake
#   include/highwater.h, include/highwater.hpp
#
# The version comes from the workspace's manifest. LIBDIR (default lib) names the folder of the
# libraries, DESTDIR is put before everything, PROFILE (default release) is cargo's profile.
# Needs cargo, a C compiler and python3.
set -euo pipefail
prefix=${1:?usage: ffi/install.sh PREFIX}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
cd "$(dirname "$0")/.."

libdir=${LIBDIR:-lib}
profile=${PROFILE:-release}
root=${DESTDIR:-}$prefix

version=$(cargo pkgid -p highwater-ffi --locked)
version=${version##*[#@]}
# As in build.rs: before 1.0, minor versions do not go together.
case $version in
0.*) soname=libhighwater.so.${version%.*} ;;
*) soname=libhighwater.so.${version%%.*} ;;
esac

# Both in one go, so that link-time optimisation sees everything and runs once. The last message
# of the build says which files it wrote.
mapfile -t built < <(
    cargo rustc --locked -p highwater-ffi --lib --profile "$profile" \
        --crate-type cdylib,staticlib --message-format json-render-diagnostics |
        python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "highwater_ffi":
        print(*message["filenames"], sep="\n")
'
)
shared='' static=''
for file in "${built[@]}"; do
    case $file in
    *.so) shared=$file ;;
    *.a) static=$file ;;
    esac
done
if [ -z "$shared" ] || [ -z "$static" ]; then
    echo "ffi/install.sh: the build made no library" >&2
    exit 1
fi

mkdir -p "$root/$libdir/pkgconfig" "$root/$libdir/cmake/Highwater" "$root/include"
install -m 755 "$shared" "$root/$libdir/libhighwater.so.$version"
strip --strip-unneeded "$root/$libdir/libhighwater.so.$version"
ln -sf "libhighwater.so.$version" "$root/$libdir/$soname"
ln -sf "$soname" "$root/$libdir/libhighwater.so"
install -m 644 "$static" "$root/$libdir/libhighwater.a"
strip --strip-debug "$root/$libdir/libhighwater.a"
install -m 644 ffi/include/highwater.h ffi/include/highwater.hpp "$root/include/"

fill() {
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@VERSION@|$version|g" \
        -e "s|@SONAME@|$soname|g" -e "s|@COMPATIBLE@|${soname#libhighwater.so.}|g" "$1" >"$2"
    chmod 644 "$2"
}
fill ffi/package/highwater.pc.in "$root/$libdir/pkgconfig/highwater.pc"
for file in HighwaterConfig.cmake HighwaterConfigVersion.cmake; do
    fill "ffi/package/$file.in" "$root/$libdir/cmake/Highwater/$file"
done
echo "installed libhighwater $version below $prefix"
