#!/usr/bin/env python3
"""Writes math_table.h: values of 40 digits (mpmath) rounded to double, for test_math.c. Run: ./math_table.py > math_table.h"""
import struct
from mpmath import mp, mpf, exp, log, sin, cos, tanh, erf, power

mp.dps = 60  # the arguments of sin and cos reach 2^32


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def table(name, arguments, *functions):
    print(f"static const double {name}[][{len(functions) + 1}] = {{")
    rows = [[float(x)] + [float(f(mpf(x))) for f in functions] for x in arguments]
    cells = ["{" + ", ".join(v.hex() for v in row) + "}" for row in rows]
    for i in range(0, len(cells), 2):
        print("    " + ", ".join(cells[i : i + 2]) + ",")
    print("};")


STEPS = [i * 0.617 for i in range(-8, 9)]

print("/* Written by math_table.py: argument, value (correctly rounded to double). */")
table("exp_rows", [-708.3, -700.1, -333.3, -104.2, -50.05, -1e-9, 1e-17, 1e-300, 0.34657, 0.34658, 88.7, 333.3, 709.78] + STEPS, exp)
table("log_rows", [5e-324, 3e-310, 2.3e-308, 1e-100, 0.25, 0.5, 0.7071067, 0.7071068, 0.99, 0.9999999999, 1.0000000001, 1.01,
                   1.4142135, 1.4142136, 2, 2.718281828459045, 10, 10000, 500000, 1e6, 1e15, 1e100, 1.7e308], log)
table("sincos_rows", [1e-300, -1e-9, 0.5, -0.785398, 0.785399, 1, -2, 3, 1.5707963267948966, 3.141592653589793, -4.71238898038469,
                      6.283185307179586, 100, -1e4, 131071.5, 1e6, 4e6 + 0.1, -1e8, 2.0**30, 2.0**31 + 0.5, -(2.0**32 - 3),
                      2.0**32, 3294198.0 * 1.5707963267948966, 1367130551.0, 411557987.0], sin, cos)
for base in (10000.0, 500000.0, 1e6, 0.5, 1.0001):
    table(f"pow_{str(base).replace('.', '_')}", [-1, -0.96875, -2 / 3, -0.5, -1 / 64, 0, 0.3, 1, 2, -7.5], lambda e: power(mpf(base), e))
GRID = [f32(i * 0.43) for i in range(-24, 25)]
table("expf_rows", [f32(x) for x in [-87.3365, -87.0, -50.5, -17.32, 1e-30, -1e-8, 6e-8, 30.3, 60.61, 88.0, 88.7228]] + GRID, exp)
table("tanhf_rows", [f32(x) for x in [1e-30, 1e-8, -1e-4, 0.01, 0.3, -0.62499, 0.62501, 8.9, 20, 1e10]] + GRID, tanh)
table("sigmoidf_rows", [f32(x) for x in [-87, -60.6, -16.6357, 16.6, 17.5, 100]] + GRID, lambda x: 1 / (1 + exp(-x)))
table("erff_rows", [f32(x) for x in [1e-30, 1e-8, -1e-4, 0.01, 0.99999, 1.00001, 3.8, 3.9999, 4.0001, 1e10]] + GRID[10:-10], erf)
