"""The C library of an export on emulated boards: GCC builds it, QEMU runs it."""
