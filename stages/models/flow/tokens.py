"""FLUX's token geometry as pure functions: 8x latents, packed 2 x 2 into tokens of 64 channels."""

from __future__ import annotations

import torch


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Pack (B, C, 2R, 2S) latents into (B, R * S, 4C) tokens, row by row, each (C, 2, 2).

    Raises:
        ValueError: height or width is odd.
    """
    batch, channels, height, width = latents.shape
    if height % 2 or width % 2:
        raise ValueError(f"latents of {height} x {width} do not pack into 2 x 2 tokens")
    tiles = latents.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * 4)


def unpack(tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Unpack (B, rows * columns, 4C) tokens into (B, C, 2 rows, 2 columns): inverse of `pack`.

    Raises:
        ValueError: the tokens do not fill the grid.
    """
    batch, count, channels = tokens.shape
    rows, columns = grid
    if count != rows * columns:
        raise ValueError(f"{count} tokens do not fill a grid of {rows} x {columns}")
    tiles = tokens.reshape(batch, rows, columns, channels // 4, 2, 2)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels // 4, rows * 2, columns * 2)


def image_ids(grid: tuple[int, int]) -> torch.Tensor:
    """Return FLUX's image token positions ``(0, row, column)``: (rows * columns, 3) float32."""
    rows, columns = grid
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([torch.zeros_like(row), row, column], dim=-1).reshape(-1, 3).float()
