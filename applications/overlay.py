"""Draw what an inspector found on the picture."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from applications.protocols import Finding, Thresholds
from stages.records.images import Image

_COLOUR = (230, 97, 0)
"""Orange: seen by colour-blind people on most photos."""


def draw_overlay(picture: Image, finding: Finding, thresholds: Thresholds) -> Pillow.Image:
    """Return the picture with the regions that count as boxes, and with flawed pixels tinted.

    Args:
        picture: (H, W, 3) uint8 sRGB.
        finding: about this picture.
        thresholds: from which values on pixels and regions count.
    """
    tinted = picture.astype(np.float32)
    if finding.mask is not None:
        inside = finding.mask >= thresholds.pixel
        tinted[inside] = 0.55 * tinted[inside] + 0.45 * np.asarray(_COLOUR, np.float32)
    image = Pillow.fromarray(tinted.round().astype(np.uint8))
    draw = ImageDraw.Draw(image)
    width = max(2, round(min(image.size) / 150))
    for region in thresholds.select_regions(finding):
        x0, y0, x1, y1 = region.box
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=_COLOUR, width=width)
        label = f"{region.tool} {region.score:.2f}".strip()
        size = max(10, round(min(image.size) / 30))
        at = (x0 + width, max(0.0, y0 - size - width))
        draw.rectangle(draw.textbbox(at, label, font_size=size), fill=_COLOUR)
        draw.text(at, label, fill="black", font_size=size)
    return image
