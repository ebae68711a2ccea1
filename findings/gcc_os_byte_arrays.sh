#!/usr/bin/env bash
# GCC for Arm places constant arrays of bytes at word addresses, unless it optimizes for size.
#
# Believed: an array of int8 weights begins at a multiple of 4 whatever the optimization level, as it does in builds with
# -O0, -O1, -O2, -O3 and -Og. Kernels that load four weights as one word then load from aligned addresses, which take
# less time on a Cortex-M4 and are required where CCR.UNALIGN_TRP is set or the memory is of Device type.
# Happens: with -Os, the default of Arduino's cores for Arm, an array of bytes has the alignment of a byte. Behind an
# array whose size is no multiple of 4 it begins at any address. DATA_ALIGNMENT in gcc/config/arm/arm.h raises the
# alignment only if GCC does not optimize for size. An attribute aligned(4) on each array restores it.
#
# Version: gcc-arm-none-eabi 15:12.2.rel1-1 (GCC 12.2.1) of Debian 12, 30 November 2026.
# Source: https://gcc.gnu.org/git/?p=gcc.git;a=blob;f=gcc/config/arm/arm.h;hb=refs/tags/releases/gcc-12.2.0
#
# Output seen (alignment of `second` in bytes):
#   -O0 4
#   -O2 4
#   -Os 1
#   -Os 4 with the attribute
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq gcc-arm-none-eabi=15:12.2.rel1-1 2>/dev/null
dpkg -x gcc-arm-none-eabi_*.deb tree

cat >arrays.c <<'EOF'
#ifndef PLACED
#define PLACED
#endif
static const signed char first[1] PLACED = {1};
static const signed char second[48] PLACED = {2};
const signed char *address(int which) { return which ? second : first; }
EOF

# the directive before a label is a power of two; without one, the alignment is that of a byte
alignment() {
    tree/usr/bin/arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb "$@" -S arrays.c -o - |
        awk '$1 == ".section" || $1 == "first:" { power = 0 } $1 == ".align" { power = $2 } $1 == "second:" { print 2 ^ power }'
}
output=$(
    for level in -O0 -O2 -Os; do echo "$level $(alignment $level)"; done
    echo "-Os $(alignment -Os '-DPLACED=__attribute__((aligned(4)))') with the attribute"
)
echo "$output"
[ "$output" = "-O0 4
-O2 4
-Os 1
-Os 4 with the attribute" ]
