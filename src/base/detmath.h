// Deterministic double-precision mathematics: the same bits on every machine and compiler, from
// IEEE + - * / sqrt, fma and integer steps only (02-determinism, rule 5: no libm in results).
// Stated error against the exact value, tested in detmath_test.cc against long double / MPFR-made
// tables.
#pragma once

namespace assay {

// Error < 1 ulp on normal results. exp(-inf) = 0, exp(x) = inf above 709.78; NaN in, NaN out.
double det_exp(double x);
// Error < 1 ulp. log(0) = -inf, log(x<0) = NaN, log(inf) = inf; subnormals are handled.
double det_log(double x);
// log(1 + x) without cancellation near 0. Error < 2 ulp. Pre: none; x < -1 gives NaN.
double det_log1p(double x);
// x^y = exp(y log x) for x > 0, relative error < 2^-45.
double det_pow(double x, double y);
// |x| <= 2^30: absolute error < 2^-50.
double det_sin(double x);
double det_cos(double x);

}  // namespace assay
