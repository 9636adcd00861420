"""`tj.fft`: the array API's Fourier transforms."""

from .ops.fft import fft, fftfreq, fftn, fftshift, hfft, ifft, ifftn, ifftshift, ihfft, irfft, irfftn, rfft, rfftfreq, rfftn
from .ops.names import torch_names as _torch_names

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft", "rfftfreq", "rfftn",
]  # fmt: skip

for _name in __all__:  # functions of an `axis` also take PyTorch's `dim` and `keepdim`
    if not isinstance(globals()[_name], type):
        globals()[_name] = _torch_names(globals()[_name])
