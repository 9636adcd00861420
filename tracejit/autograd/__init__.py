"""Automatic differentiation: reverse mode over recorded applications, with PyTorch's rules."""

from . import hooks, transforms
from .check import GradcheckError, gradcheck, gradgradcheck
from .engine import backward, grad
from .function import Function, FunctionContext
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)  # fmt: skip
from .transforms import hessian, jacobian, value_and_grad, vjp

__all__ = [
    "Function", "FunctionContext", "GradcheckError", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck",
    "hessian", "hooks", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "jacobian", "no_grad", "set_detect_anomaly",
    "set_grad_enabled", "transforms", "value_and_grad", "vjp",
]  # fmt: skip
