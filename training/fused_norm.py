"""Fuse GroupNorm and SiLU into one kernel for training in bfloat16, with the same state dict.

The kernel is compiled with the system's g++ on first use; without g++ the stock modules are used.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stages.engine.files import replacing
from training.models import AutoencoderKL, ResnetBlock2D

log = logging.getLogger(__name__)
SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]


def compile_kernel(folder: Path) -> ctypes.CDLL | None:
    """Load the kernel's library, built into `folder` if missing; None without a compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        log.info("no g++: the stock GroupNorm is used")
        return None
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    library = folder / f"fused_norm-{digest}.so"
    if not library.exists():
        with replacing(library) as partial:
            command = [compiler, *FLAGS, "-o", str(partial), str(SOURCE)]
            subprocess.run(command, check=True)  # noqa: S603 - our own source, no shell
    return ctypes.CDLL(str(library))


def _pointers(*tensors: Tensor) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


class _GroupNormSilu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float, kernel: Any
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        count, channels = x.shape[:2]
        y = torch.empty_like(x)
        mean, rstd = torch.empty(2, count, groups).unbind()
        sizes = map(ctypes.c_long, (count, x[0, 0].numel(), channels, groups))
        kernel.forward(*_pointers(x, weight, bias, y, mean, rstd), *sizes, ctypes.c_float(eps))
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        ctx.groups, ctx.kernel = groups, kernel
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, rstd = ctx.saved_tensors
        dy = gradients[0].to(x.dtype).contiguous(memory_format=torch.channels_last)
        dx, dweight, dbias = torch.empty_like(x), torch.zeros_like(weight), torch.zeros_like(bias)
        sizes = map(ctypes.c_long, (x.shape[0], x[0, 0].numel(), x.shape[1], ctx.groups))
        tensors = (dy, x, weight, bias, mean, rstd, dx, dweight, dbias)
        ctx.kernel.backward(*_pointers(*tensors), *sizes)
        return dx, dweight, dbias, None, None, None


class FusedNorm(nn.Module):
    """A GroupNorm fused with the SiLU that follows it; has the GroupNorm's parameters."""

    def __init__(self, norm: nn.GroupNorm, kernel: ctypes.CDLL) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        self.groups, self.eps, self.kernel = norm.num_groups, norm.eps, kernel

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W), with the kernel for bfloat16, else with stock operators."""
        if x.dtype != torch.bfloat16:
            y = nn.functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)
            return nn.functional.silu(y)
        return _GroupNormSilu.apply(x, self.weight, self.bias, self.groups, self.eps, self.kernel)  # pyright: ignore[reportReturnType]


def fuse_norms(model: AutoencoderKL, kernel: ctypes.CDLL | None) -> AutoencoderKL:
    """Replace every GroupNorm-SiLU pair by the kernel, in place; None changes nothing."""
    if kernel is None:
        return model
    for module in list(model.modules()):
        if isinstance(module, ResnetBlock2D):
            module.norm1 = FusedNorm(module.norm1, kernel)  # pyright: ignore
            module.norm2 = FusedNorm(module.norm2, kernel)  # pyright: ignore
            module.nonlinearity = nn.Identity()
    halves: list[Any] = [model.encoder, model.decoder]
    for half in halves:
        half.conv_norm_out = FusedNorm(half.conv_norm_out, kernel)  # pyright: ignore
        half.conv_act = nn.Identity()
    return model
