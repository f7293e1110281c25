"""Stand-in renderings on real photos: tokens gathered in pixels, a lossy autoencoder imitated."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import Sample
from stages.records import masks
from stages.records.documents import Injection, Mapping, Outcome, Scene, Variant, Window
from stages.records.images import write_png

SIDE, TOKEN, GRID = 384, 16, 24
PHOTOS = Path(__file__).parents[3] / "samples" / "photos"
KEY = "0123456789abcdef"


def autoencoder(image, scale=2.0, quality=22):
    """Halved, recompressed, doubled: LPIPS 0.14 to the photo, like a small autoencoder."""
    side = int(SIDE / scale)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file))


def noisy(image, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


class Standin:
    """One photo with one variant on a round part, and what a renderer might make of it."""

    def __init__(self, photo, tool: str, seed: int = 0) -> None:
        self.photo, self.tool = photo, tool
        self.rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[:GRID, :GRID]
        self.part = (rows - 12) ** 2 + (columns - 10) ** 2 <= 3.2**2
        self.targets, self.references = self._mapping()
        tokens = np.zeros((GRID, GRID), dtype=bool)
        tokens.ravel()[self.targets] = True
        self.zone = np.kron(tokens, np.ones((TOKEN, TOKEN), dtype=bool))
        near = cv2.dilate(self.zone.astype(np.uint8), np.ones((33, 33), np.uint8)) > 0
        distance = cv2.distanceTransform((~near).astype(np.uint8), cv2.DIST_L2, 5)
        ramp = np.clip(1 - distance / 11, 0, 1)[..., None]
        self.alpha = ramp * ramp * (3 - 2 * ramp)
        self.control = self.composite(autoencoder(photo))

    def _mapping(self):
        index = np.arange(GRID * GRID).reshape(GRID, GRID)
        own, around = np.argwhere(self.part), np.argwhere(~self.part)
        if self.tool == "add":
            moved = own + np.array([0, 7])
            return index[tuple(moved.T)], index[tuple(own.T)]
        if self.tool == "distort":
            jittered = own + np.rint(self.rng.normal(0, 1, own.shape)).astype(int)
            return index[tuple(own.T)], index[tuple(jittered.T)]
        distance = np.abs(around[None] - own[:, None]).sum(2).astype(float)
        weight = np.where(distance.min(0) <= 3, distance**-10.0, 0)
        drawn = [self.rng.choice(len(around), p=w / w.sum()) for w in weight]
        targets, references = index[tuple(own.T)], index[tuple(around[drawn].T)]
        if self.tool == "fuse":  # only the half towards the other thing
            half = own[:, 1] >= 10
            return targets[half], references[half]
        return targets, references

    def composite(self, new):
        return np.rint(self.photo * (1 - self.alpha) + new * self.alpha).astype(np.uint8)

    def flawed(self):
        """The gathered tokens, their seams softened, through the autoencoder."""
        gathered = self.photo.copy()
        for target, reference in zip(self.targets, self.references, strict=True):
            (a, b), (c, d) = divmod(int(target), GRID), divmod(int(reference), GRID)
            gathered[a * 16 : a * 16 + 16, b * 16 : b * 16 + 16] = self.photo[
                c * 16 : c * 16 + 16, d * 16 : d * 16 + 16
            ]
        soft = cv2.GaussianBlur(self.zone.astype(np.float32), (0, 0), 6)[..., None]
        weight = np.clip((soft - 0.2) / 0.5, 0, 1)
        mixed = (self.photo * (1 - weight) + gathered * weight).astype(np.uint8)
        return self.composite(autoencoder(mixed))

    def null(self, kind: str):
        """The identity mapping, rendered with other faults."""
        if kind == "same":
            return self.control
        if kind == "photo":
            return self.photo
        clean = autoencoder(self.photo)
        changed = {
            "noise": lambda: noisy(clean, 5),
            "recompressed": lambda: autoencoder(self.photo, quality=12),
            "blurred": lambda: autoencoder(self.photo, scale=3),
            "tinted": lambda: np.clip(clean + np.array([10, -6, 4]), 0, 255).astype(np.uint8),
        }[kind]()
        return self.composite(changed)

    def sample(self, artifact) -> Sample:
        """What the filter stage gets."""
        edit = self.alpha[..., 0] > 0
        difference = np.abs(artifact.astype(int) - self.control).sum(2)
        seen = (cv2.blur(difference.astype(np.float32), (5, 5)) > 12) & edit
        x0, y0, x1, y1 = box = masks.bounding_box(edit)
        window = Window(id="w0", box=(0, 0, SIDE, SIDE), size=(SIDE, SIDE), parts=[])
        variant = Variant(
            id="v0", window="w0", tool=self.tool, kernel="standin", entity="e0",
            entity_name="thing", part="e0.p0", part_name="part", part_kind="part",
            positional=False, seed=0, targets=self.targets.tolist(),
            references=self.references.tolist(),
        )  # fmt: skip
        outcome = Outcome(
            variant="v0", tool=self.tool, box=box, target_box=masks.bounding_box(self.zone),
            mask_pixels=int(seen.sum()), edit_pixels=int(edit.sum()),
            reconstruction_psnr=30.0, evaluations=1.0, together=1,
        )  # fmt: skip
        scene = Scene(key=KEY, entities=[], windows=[window], detector="standin")
        inject = Injection(key=KEY, mode="standin", outcomes=[outcome])
        crops = {
            "artifact": artifact[y0:y1, x0:x1],
            "control": self.control[y0:y1, x0:x1],
            "mask": seen[y0:y1, x0:x1],
            "edit": edit[y0:y1, x0:x1],
        }
        return Sample(
            KEY,
            {
                "ingest": {"width": SIDE, "height": SIDE},
                "perceive": scene.model_dump(),
                "map": Mapping(key=KEY, variants=[variant]).model_dump(),
                "inject": inject.model_dump(),
            },
            {f"inject/v0.{name}.png": write_png(crop) for name, crop in crops.items()}
            | {"ingest/photo.png": write_png(self.photo)},
        )


@pytest.fixture(scope="session")
def photos():
    """Middle squares of the CC0 sample photos, 384 px, in the order of their names."""
    out = []
    for path in sorted(p for p in PHOTOS.rglob("*") if p.suffix in {".jpg", ".png"}):
        with Image.open(path) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
        out.append(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
    return out


@pytest.fixture(scope="session")
def standin():
    return Standin
