"""`tj.linalg`: the array API's linear algebra extension, and what NumPy and PyTorch keep beside it."""

from .errors import LinAlgError
from .ops.decompose import EighResult, EigResult, QRResult, SVDResult, cholesky, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from .ops.linalg import diagonal, matmul, multi_dot, outer, tensordot, trace, vecdot
from .ops.manipulate import matrix_transpose
from .ops.matrices import LstsqResult, cond, cross, lstsq, matrix_norm, matrix_power, matrix_rank, norm, pinv, vector_norm
from .ops.names import torch_names as _torch_names
from .ops.solve import SlogdetResult, det, inv, slogdet, solve, solve_triangular

__all__ = [
    "EigResult", "EighResult", "LinAlgError", "LstsqResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross",
    "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip

for _name in __all__:  # functions of an `axis` also take PyTorch's `dim` and `keepdim`
    if not isinstance(globals()[_name], type):
        globals()[_name] = _torch_names(globals()[_name])
