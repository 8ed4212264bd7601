#!/usr/bin/env python3
"""Fits the polynomials of exp, erf and tanh in runtime/kernels/Math.h.

Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

Needs Python 3 and numpy. Prints the coefficients as C++ float literals, lowest order first, and
the largest error of each polynomial over its interval in units of the result's f32 ulp. The
errors of the whole functions, rounding included, are measured by test/runtime/KernelsTest.cpp.

Method: weighted minimax by Lawson's iteration (least squares whose weights grow where the error is
large) on Chebyshev points in double. The coefficients are then rounded to f32 one at a time from
the lowest order, and the rest is fitted again each time, so that rounding costs next to nothing.
"""

import math

import numpy as np


def chebyshev_points(low, high, count):
    k = np.arange(count)
    return (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (k + 0.5) / count)


def lawson(columns, target, weight, iterations=400):
    """Coefficients c that minimise max |weight * (columns @ c - target)|."""
    if columns.shape[1] == 0:
        return np.zeros(0)
    mass = np.full(len(target), 1.0 / len(target))
    best, best_error = None, math.inf
    for _ in range(iterations):
        root = np.sqrt(mass) * weight
        c = np.linalg.lstsq(columns * root[:, None], target * root, rcond=None)[0]
        error = np.abs(weight * (columns @ c - target))
        if error.max() < best_error:
            best, best_error = c, error.max()
        mass = mass * error
        mass /= mass.sum()
    return best


def fit(x, target, weight, terms):
    """f32 coefficients of a polynomial with `terms` terms in x, and its largest error."""
    powers = np.stack([x**i for i in range(terms)], axis=1)
    fixed = np.zeros(0)
    for i in range(terms):
        rest = target - powers[:, :i] @ fixed
        c = lawson(powers[:, i:], rest, weight)
        fixed = np.append(fixed, float(np.float32(c[0])))
    error = np.abs(weight * (powers @ fixed - target)).max()
    return fixed, error


def ulp(values):
    """The distance between f32 neighbours at |values|."""
    return 2.0 ** (np.floor(np.log2(np.abs(values))) - 23)


def show(name, comment, coefficients, error):
    print(f"// {comment}; error {error:.3f} ulp before rounding.")
    print(f"constexpr float {name}[] = {{")
    for c in coefficients:
        print(f"    {np.float32(c):.9g}f,")
    print("};\n")


def main():
    count = 4000

    # exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2 and a little for the rounding of n.
    # The target is computed by series where the closed form cancels.
    r = chebyshev_points(-0.34668, 0.34668, count)
    series = sum(r**i / math.factorial(i + 2) for i in range(18))
    weight = r**2 / ulp(np.exp(r))
    c, e = fit(r, series, weight, 5)
    show("kExp", "(exp(r) - 1 - r) / r^2 on |r| <= ln(2)/2", c, e)

    # erf(x) = x + x p(x^2), |x| <= 1.
    x = chebyshev_points(1e-4, 1.0, count)
    erf = np.array([math.erf(v) for v in x])
    c, e = fit(x * x, erf / x - 1, x / ulp(erf), 7)
    show("kErfSmall", "erf(x)/x - 1 in x^2 on |x| <= 1", c, e)

    # erf(x) = 1 - exp(p(x)), 1 <= x <= 4 (erfc(4) < 2^-25, so erf is 1 from there on). An error d
    # of p moves erf by d erfc(x).
    x = chebyshev_points(1.0, 4.0, count)
    erfc = np.array([math.erfc(v) for v in x])
    c, e = fit(x, np.log(erfc), erfc / ulp(1 - erfc), 7)
    show("kErfLarge", "ln(erfc(x)) on 1 <= x <= 4", c, e)

    # tanh(x) = x + x^3 p(x^2), |x| <= 0.625.
    x = chebyshev_points(1e-3, 0.625, count)
    tanh = np.tanh(x)
    # tanh(x)/x - 1 cancels for small x; there the series is exact enough.
    s = x * x
    series = s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835 - s * 1382 / 155925))))
    ratio = np.where(x < 0.05, series, tanh / x - 1)
    c, e = fit(s, ratio / s, x * s / ulp(tanh), 5)
    show("kTanhSmall", "(tanh(x)/x - 1)/x^2 in x^2 on |x| <= 0.625", c, e)


if __name__ == "__main__":
    main()
