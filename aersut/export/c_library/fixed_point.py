"""Fixed-point numbers of TensorFlow Lite's integer kernels: a factor is an int32 multiplier and a power of two.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018, and gemmlowp's fixedpoint.h, whose roundings the kernels of `sources/aersut_kernels.c` repeat.
"""

import math


def multiplier(real: float) -> tuple[int, int]:
    """The pair (m, shift) with real ≈ m · 2**(shift − 31), and m an int32 of at least 2**30.

    Raises:
        ValueError: the factor is 2**30 or more.

    >>> multiplier(0.75), multiplier(3.0), multiplier(0.0)
    ((1610612736, 0), (1610612736, 2), (0, 0))
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    scaled = math.floor(fraction * (1 << 31) + 0.5)
    if scaled == 1 << 31:
        scaled, shift = scaled // 2, shift + 1
    if shift > 30:
        raise ValueError(f"a factor of {real:g} is too large")
    return (0, 0) if shift < -31 else (scaled, shift)


def rescaled(value: int, factor: tuple[int, int]) -> int:
    """`value` times a factor, rounded as the kernels do: twice, first ties up, then ties away from zero.

    >>> rescaled(100, multiplier(0.125)), rescaled(-100, multiplier(0.125))
    (13, -13)
    """
    scaled, shift = factor
    high = ((value << max(shift, 0)) * scaled + (1 << 30)) >> 31
    right = max(-shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
