"""Make a photo with its records, as the input of the package stage."""

import numpy as np
import pytest

from stages.engine.stage import Sample
from stages.records.documents import (
    Curation,
    Entity,
    Explanation,
    Explanations,
    Injection,
    Mapping,
    Outcome,
    Part,
    Photo,
    PictureText,
    Rle,
    Scene,
    Variant,
    Verdict,
    Window,
)
from stages.records.images import write_png

TOOLS = ("add", "remove", "distort", "fuse")
SIDE = 64


def variant(name, tool, picture):
    return Variant(
        id=name, picture=picture, window="w0", tool=tool, kernel="ring", entity="e0",
        entity_name="person", part="e0.p0", part_name="left hand", part_kind="hand",
        positional=False, other_name="neck" if tool == "fuse" else None,
        within_entity=tool == "fuse", seed=2**62,
        targets=[1, 2], references=[3, 4],
        facts={"direction": "below"} if tool == "add" else {"share": 0.5},
    )  # fmt: skip


def build(key, count=4, spoil=None, pictures=None, left=None):
    """Make a sample of `count` variants; `spoil(name, crop arrays)` may damage them.

    `pictures` are those of the variants; by default each has its own. `left` are the variants that
    are explained; by default all. The flaws of a picture lie side by side, their boxes overlap.
    """
    rng = np.random.default_rng(int(key, 16) % 2**32)
    names = [f"v{n}" for n in range(count)]
    pictures = pictures or [f"p{n}" for n in range(count)]
    left = names if left is None else left
    photo = rng.integers(0, 256, (SIDE, SIDE + 16, 3), dtype=np.uint8)
    mask = Rle(size=(SIDE, SIDE + 16), counts=[SIDE * (SIDE + 16)])
    members = {"ingest/photo.png": write_png(photo)}
    variants = [variant(n, TOOLS[i % 4], pictures[i]) for i, n in enumerate(names)]
    boxes = {}
    for made in variants:
        place = [v.id for v in variants if v.picture == made.picture].index(made.id)
        x0 = 8 + 20 * place
        boxes[made.id] = (x0, 16, x0 + 32, 48) if place == 0 else (x0, 16, x0 + 30, 48)
        x0, y0, x1, y1 = boxes[made.id]
        crop = photo[y0:y1, x0:x1]
        edit, flaw = np.zeros((2, *crop.shape[:2]), dtype=bool)
        edit[4:28, 4:28] = True
        flaw[10:20, 8:24] = True
        if place or pictures.count(made.picture) > 1:  # disjoint edits in overlapping boxes
            edit[:, 22:], flaw[:, 22:] = False, False
        parts = {
            "artifact": np.where(edit[..., None], 255 - crop, crop),
            "control": np.where(edit[..., None], crop // 2, crop),
            "edit": edit,
            "mask": flaw,
        }
        if spoil:
            spoil(made.id, parts)
        members |= {f"inject/{made.id}.{name}.png": write_png(a) for name, a in parts.items()}
    part = Part(
        id="e0.p0", name="left hand", kind="hand", positional=False, score=0.9,
        box=(10, 20, 30, 40), mask=mask, tools=["add"],
    )  # fmt: skip
    documents = {
        "explain": Explanations(
            key=key, author="grammar", clean="The photo is consistent.",
            explanations=[
                Explanation(
                    variant=v.id, tool=v.tool, label=f"{v.tool} left hand",
                    local=f"The person's left hand, {v.tool}.",
                    overall="The image is flawed at the left hand of the person.",
                )
                for v in variants if v.id in left
            ],
            pictures=[
                PictureText(
                    picture=p,
                    variants=[v.id for v in variants if v.picture == p and v.id in left],
                    overall=f"The image of the person is flawed: {p}."
                )
                for p in dict.fromkeys(v.picture for v in variants if v.id in left)
            ],
        ),
        "filter": Curation(
            key=key,
            verdicts=[
                Verdict(variant=v.id, tool=v.tool, passed=v.id in left, reason="ok", message="",
                        judge="features",
                        scores={"lpips": 0.25} | ({"change": 0.5} if v.tool == "add" else {}))
                for v in variants
            ],
        ),
        "inject": Injection(
            key=key, mode="compact",
            outcomes=[
                Outcome(variant=v.id, tool=v.tool, box=boxes[v.id], target_box=(12, 20, 36, 44),
                        mask_pixels=160, edit_pixels=576, reconstruction_psnr=30.0,
                        evaluations=8.0, together=1)
                for v in variants
            ],
        ),
        "map": Mapping(key=key, variants=variants),
        "perceive": Scene(
            key=key, detector="test",
            entities=[Entity(id="e0", name="person", score=0.9, box=(0, 0, 60, 60), mask=mask,
                             parts=[part])],
            windows=[Window(id="w0", box=(0, 0, 64, 64), size=(384, 384), parts=["e0.p0"])],
            caption="A person waves.", prompts={"caption": "caption 1 0123456789ab"},
        ),
        "ingest": Photo(
            key=key, source_sha256="0" * 64,
            source_bytes=10, source_format="PNG", width=SIDE + 16, height=SIDE, scaled_from=None,
            phash="0" * 16,
        ),
    }  # fmt: skip
    dumped = {name: document.model_dump(mode="json") for name, document in documents.items()}
    return Sample(key, dumped, members)


@pytest.fixture
def make_sample():
    return build
