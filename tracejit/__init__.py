"""tracejit: eager array code with autograd, and `@tj.compile` to turn it into fused native code with the same results."""

from __future__ import annotations

import math as _math
import sys as _sys

from . import amp, autograd, cuda, fft, linalg, nn, optim, random
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .autograd.transforms import grad, hessian, jacobian, value_and_grad, vjp
from .backends.cuda.libraries.products import get_float32_matmul_precision, set_float32_matmul_precision
from .backends.native.threads import get_num_threads, set_num_threads
from .compile import compile
from .control import cond, fori_loop, map, scan, switch, while_loop
from .errors import (
    ArgumentError, AxisError, CompileError, DeviceError, DTypeError, FullGraphError, GradError, IndexingError, LateIndexingError, LazyWarning, LinAlgError,
    OutOfMemoryError, RetraceWarning, ShapeError, SpecsError, StateError, TracejitError, TracejitWarning, VerifyWarning,
)  # fmt: skip
from .ops import (  # noqa: F401 (their methods are attached to Tensor by importing them)
    methods as _methods,
    more_methods as _more_methods,
    namespace as _namespace,
    numpy_protocol as _numpy_protocol,
    shape_methods as _shape_methods,
    surface as _surface,
)
from .ops.activation import (
    celu, elu, gelu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu, relu6, selu, silu, softplus,
    softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from .ops.casts import conj, conjugate, imag, real, where
from .ops.conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d
from .ops.create import (
    arange, asarray, empty, empty_like, eye, from_dlpack, full, full_like, linspace, logspace, meshgrid, ones, ones_like, tensor, tri,
    tril, tril_indices, triu, triu_indices, zeros, zeros_like,
)  # fmt: skip
from .ops.distributions import bernoulli, exponential, multinomial, normal, permutation, randperm, shuffle, uniform
from .ops.dtypes import (
    FloatInfo, IntInfo, astype, can_cast, finfo, iinfo, is_floating_point, is_tensor, isdtype, promote_types, result_type,
)  # fmt: skip
from .ops.einsum import einsum
from .ops.elementwise import (
    abs, add, ceil, clip, copysign, divide, exp, floor, floor_divide, fmax, fmin, fmod, log, maximum, minimum, multiply, negative,
    nextafter, positive, pow, reciprocal, remainder, round, sign, sqrt, square, subtract, trunc,
)  # fmt: skip
from .ops.index import (
    gather, index_add, index_select, masked_fill, masked_select, nonzero, one_hot, scatter, scatter_add, segment_sum, take,
    take_along_axis,
)  # fmt: skip
from .ops.interp import interp
from .ops.join import cat, concat, diag, hstack, pad, repeat, roll, stack, tile, vstack
from .ops.linalg import addmm, bmm, dot, inner, kron, matmul, mm, mv, outer, tensordot, trace, vdot, vecdot
from .ops.logic import (
    bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_or, bitwise_right_shift, bitwise_xor, equal, greater, greater_equal,
    isfinite, isinf, isnan, less, less_equal, logical_and, logical_not, logical_or, logical_xor, not_equal, signbit,
)  # fmt: skip
from .ops.manipulate import (
    as_tensor, atleast_1d, atleast_2d, atleast_3d, broadcast_arrays, chunk, diagonal, expand_dims, flatten, flip, matrix_transpose,
    moveaxis, narrow, permute_dims, ravel, rot90, sliding_window_view, split, squeeze, swapaxes, transpose, unbind, unflatten, unsqueeze,
    unstack,
)  # fmt: skip
from .ops.names import torch_names as _torch_names
from .ops.namespace import __array_namespace_info__
from .ops.pairs import max, min, sort
from .ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from .ops.random import (
    Generator, default_generator, get_rng_state, initial_seed, manual_seed, rand, rand_like, randint, randint_like, randn, randn_like,
    seed, set_rng_state,
)  # fmt: skip
from .ops.reduce import (
    all, argmax, argmin, count_nonzero, cumprod, cumsum, cumulative_prod, cumulative_sum, log_softmax, logsumexp, mean, prod, softmax, std,
    sum, var,
)  # fmt: skip
from .ops.reduce import any_ as any
from .ops.reduce import max as amax
from .ops.reduce import min as amin
from .ops.shape_methods import repeat_interleave
from .ops.sort import (
    argsort, bincount, histogram, isin, kthvalue, searchsorted, topk, unique, unique_all, unique_counts, unique_inverse, unique_values,
)  # fmt: skip
from .ops.statistics import median, percentile, quantile
from .ops.gather import index_copy, index_fill
from .ops.masks import argwhere
from .ops.matrices import cross
from .ops.transcendental import (
    acos, acosh, angle, asin, asinh, atan, atan2, atanh, cbrt, cos, cosh, deg2rad, digamma, erf, erfc, erfinv, exp2, expit, expm1,
    heaviside, hypot, lerp, lgamma, log1p, log2, log10, logaddexp, logaddexp2, logit, nan_to_num, polygamma, rad2deg, rsqrt, sigmoid, sin,
    sinc, sinh, tan, tanh, xlogy,
)  # fmt: skip
from .ops.utility import allclose, array_equal, diff, isclose
from .ops.view import broadcast_to, reshape
from .optim import GradScaler
from .precision import autocast, get_autocast_dtype, is_autocast_enabled
from .printing import set_printoptions
from .spec import (
    TensorSpec, bfloat16, broadcast_shapes, check_device, complex64, complex128, float16, float32, float64, get_default_dtype, int8, int16,
    int32, int64, set_default_dtype, uint8, uint16, uint32, uint64,
)  # fmt: skip
from .spec import Device as device
from .spec import bool_ as bool
from .disabled import disable
from .tensor import Tensor

__all__ = [
    "ArgumentError", "AxisError", "CompileError", "DTypeError", "DeviceError", "FloatInfo", "FullGraphError", "Generator", "GradError", "GradScaler", "IndexingError",
    "LateIndexingError", "IntInfo", "LazyWarning", "LinAlgError", "OutOfMemoryError", "RetraceWarning", "ShapeError", "SpecsError", "StateError", "Tensor", "TensorSpec", "TracejitError",
    "TracejitWarning", "VerifyWarning", "__array_api_version__",
    "__array_namespace_info__", "__version__", "abs", "absolute", "acos", "acosh", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "add",
    "addmm", "all", "allclose", "amax", "amin", "amp", "angle", "any", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argsort", "argwhere", "array_equal", "as_tensor", "asarray", "asin", "asinh", "astype", "atan",
    "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "autocast", "autograd", "avg_pool1d", "avg_pool2d", "bernoulli", "bfloat16",
    "bincount", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "bmm", "bool", "bool_", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "can_cast", "cat", "cbrt", "cdouble",
    "ceil", "celu", "cfloat", "check_device", "chunk", "clamp", "clip", "compile", "complex128", "complex64", "concat", "concatenate", "cond",
    "conj", "conjugate", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "copysign", "cos", "cosh",
    "count_nonzero", "cross", "cuda", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "default_generator", "deg2rad", "device",
    "diag", "diagonal", "diff", "digamma", "disable", "div", "divide", "dot", "double", "e", "einsum", "elu", "empty", "empty_like",
    "enable_grad", "eq", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims", "expit", "expm1", "exponential", "eye", "fft",
    "finfo", "flatten", "flip", "float", "float16", "float32", "float64", "floor", "floor_divide", "fmax", "fmin", "fmod", "fori_loop",
    "from_dlpack", "from_numpy", "full", "full_like", "gather", "ge", "gelu", "get_autocast_dtype", "get_default_dtype", "get_float32_matmul_precision", "get_num_threads", "get_rng_state",
    "grad", "greater",
    "greater_equal", "gt", "half", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heaviside", "hessian", "histogram", "hstack",
    "hypot", "iinfo", "imag", "index_add", "index_copy", "index_fill", "index_select", "inf", "inference_mode", "initial_seed", "inner",
    "int", "int16", "int32", "int64", "int8", "interp", "is_autocast_enabled", "is_floating_point", "is_grad_enabled", "is_tensor", "isclose", "isdtype",
    "isfinite", "isin", "isinf", "isnan", "jacobian", "kron", "kthvalue", "le", "leaky_relu", "lerp", "less", "less_equal", "lgamma",
    "linalg", "linspace", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logaddexp2", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logit", "logsigmoid", "logspace", "logsumexp", "long", "lt", "manual_seed", "map", "masked_fill",
    "masked_select", "matmul", "matrix_transpose", "max", "max_pool1d", "max_pool2d", "maximum", "mean", "median", "meshgrid", "min",
    "minimum", "mish", "mm", "moveaxis", "movedim", "mul", "multinomial", "multiply", "mv", "nan", "nan_to_num", "narrow", "ne", "neg",
    "negative", "newaxis", "nextafter", "nn", "no_grad", "nonzero", "normal", "not_equal", "one_hot", "ones", "ones_like", "optim",
    "outer", "pad", "percentile", "permutation", "permute", "permute_dims", "pi", "polygamma", "positive", "pow", "power", "prelu",
    "prod", "promote_types", "quantile", "rad2deg", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random",
    "randperm", "ravel", "real", "reciprocal", "relu", "relu6", "remainder", "repeat", "repeat_interleave", "reshape", "result_type",
    "rint", "roll", "rot90", "round", "rsqrt", "scan", "scatter", "scatter_add", "searchsorted", "seed", "segment_sum", "selu",
    "set_default_dtype", "set_float32_matmul_precision", "set_grad_enabled", "set_num_threads", "set_printoptions", "set_rng_state", "short", "shuffle", "sigmoid", "sign", "signbit",
    "silu", "sin", "sinc", "sinh", "sliding_window_view", "softmax", "softplus", "softshrink", "softsign", "sort", "split", "sqrt",
    "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "swapaxes", "swapdims", "switch", "take", "take_along_axis", "tan", "tanh",
    "tanhshrink", "tensor", "tensordot", "threshold", "tile", "topk", "trace", "transpose", "tri", "tril", "tril_indices", "triu",
    "triu_indices", "true_divide", "trunc", "uint16", "uint32", "uint64", "uint8", "unbind", "unflatten", "uniform", "unique",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "unsqueeze", "unstack", "value_and_grad", "var", "vdot", "vecdot",
    "vjp", "vstack", "where", "while_loop", "xlogy", "zeros", "zeros_like",
]  # fmt: skip

__version__ = "0.1.0"
__array_api_version__ = "2024.12"

# Constants

e, inf, nan, pi, newaxis = _math.e, _math.inf, _math.nan, _math.pi, None

# NumPy's and PyTorch's other names

half, float, double, short, int, long = float16, float32, float64, int16, int32, int64
cfloat, cdouble, bool_ = complex64, complex128, bool
absolute, arccos, arccosh, arcsin, arcsinh = abs, acos, acosh, asin, asinh
arctan, arctan2, arctanh, power, rint = atan, atan2, atanh, pow, round
mul, sub, div, true_divide, neg = multiply, subtract, divide, divide, negative
eq, ne, lt, le, gt, ge = equal, not_equal, less, less_equal, greater, greater_equal
bitwise_not, clamp, concatenate, permute = bitwise_invert, clip, concat, permute_dims
movedim, swapdims, from_numpy = moveaxis, swapaxes, asarray

# Functions of an `axis` also take PyTorch's `dim` and `keepdim`

for _name, _function in list(globals().items()):
    if callable(_function) and getattr(_function, "__module__", "").startswith("tracejit.ops") and not isinstance(_function, type):
        globals()[_name] = _torch_names(_function)

_methods.attach_all()
_namespace.install(_sys.modules[__name__])
