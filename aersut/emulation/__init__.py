"""The C library of an export on emulated boards: GCC for Arm builds it, QEMU runs it."""
