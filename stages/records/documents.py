"""The documents that pass between stages: one JSON document a photo and a stage.

All boxes are ``(x0, y0, x1, y1)`` in pixels of the ingested photo, half-open. Token indices count
row by row over a window's latent grid: ``index = row * grid_width + column``; one token stands for
16 x 16 pixels of the window at the model's size.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
TOKEN = 16
"""Side of a latent token in model pixels: 8x autoencoder, 2x2 packing (FLUX's geometry)."""

Tool = Literal["add", "remove", "distort", "fuse"]
TOOLS: tuple[Tool, ...] = ("add", "remove", "distort", "fuse")
Box = tuple[int, int, int, int]


class Document(BaseModel):
    """Base of every document: unknown keys are errors, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rle(Document):
    """A binary mask as COCO's uncompressed run lengths (column-major, first run counts zeros)."""

    size: tuple[int, int]
    """Height and width in pixels."""
    counts: list[int]


class Photo(Document):
    """ingest: one photo, decoded and cleaned. Member ``photo.png`` (sRGB, upright, no metadata).

    Nothing of what is said about it: name, licence, origin and batch are the source list's, and
    enter at `package`."""

    schema_version: int = SCHEMA_VERSION
    key: str
    """First 16 hex digits of the sha256 of the source file's bytes."""
    source_sha256: str
    source_bytes: int
    source_format: str
    """Pillow's name: JPEG, PNG, WEBP, AVIF, HEIF."""
    width: int
    height: int
    scaled_from: tuple[int, int] | None
    """Width and height before `ingest.max_side` shrank it; None when it kept its size."""
    phash: str
    """64-bit perceptual hash as 16 hex digits."""
    notes: list[str] = Field(default_factory=list)
    """What had to be assumed or changed: ``cmyk_converted``, ``icc_profile_ignored`` ..."""


class Part(Document):
    """A sub-entity: a named region of one entity that a tool can break."""

    id: str
    """``<entity id>.p<n>``"""
    name: str
    """``left hand``, ``face``; for positional parts ``upper left part``."""
    kind: str
    """The part without its side: ``hand`` for ``left hand``. Same-kind parts are siblings."""
    positional: bool
    """True when only the position is known (superpixels), not what it is."""
    score: float
    box: Box
    mask: Rle
    tools: list[Tool]


class Entity(Document):
    """A thing in the photo with its parts."""

    id: str
    """``e<n>``"""
    name: str
    """``person``, ``tabby cat``."""
    score: float
    box: Box
    mask: Rle
    parts: list[Part]


class Window(Document):
    """The rectangle in which the model works."""

    id: str
    """``w<n>``"""
    box: Box
    """In photo pixels; may be scaled to `size`."""
    size: tuple[int, int]
    """Width and height in model pixels, multiples of 16."""
    parts: list[str]
    """Ids of the parts this window was chosen for."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.size[1] // TOKEN, self.size[0] // TOKEN


class Uncaptioned(Document):
    """perceive: why a photo has no caption though one was asked for."""

    code: str
    """What would be the reject code if the photo fell out for it."""
    message: str
    answers: list[str]
    """What the model said, raw."""


class Scene(Document):
    """perceive: what is in the photo and where to work."""

    schema_version: int = SCHEMA_VERSION
    key: str
    entities: list[Entity]
    windows: list[Window]
    detector: str
    caption: str = ""
    """What the photo shows, for models with text encoders; empty where nobody was asked."""
    uncaptioned: Uncaptioned | None = None
    """Set where the captioner was asked and gave nothing usable: the photo goes on without."""
    prompts: dict[str, str] = Field(default_factory=dict)
    """Back ends that ask a model: question to its version and digest."""


class Variant(Document):
    """One flaw to inject in one window. The mapping as data (algorithm section 2)."""

    id: str
    """``v<n>``, unique in the photo."""
    window: str
    tool: Tool
    kernel: str
    """How the references were drawn: ``ring``, ``neighbours``, ``jitter``, ``voronoi`` ..."""
    entity: str
    entity_name: str
    part: str
    part_name: str
    part_kind: str
    positional: bool
    other: str | None = None
    """fuse: id of the second entity or part."""
    other_name: str | None = None
    within_entity: bool = False
    """fuse: the two belong to one entity, since the photo has no two that touch."""
    seed: int
    targets: list[int]
    """Token indices that change."""
    references: list[int]
    """Same length: where each target takes its appearance from."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What explanations may say: displacement in tokens, share of the part, direction ..."""


class Mapping(Document):
    """map: the variants of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    variants: list[Variant]


class Inversion(Document):
    """invert: per window, which latents were kept. Members ``<window>.latents.safetensors``."""

    schema_version: int = SCHEMA_VERSION
    key: str
    solver: Literal["euler", "rf_solver", "fireflow"]
    timesteps: list[float]
    """Of the first window: the shift depends on a window's token count."""
    windows: list[str]
    prompt: str = ""
    """Text condition, for models with text encoders."""
    noise_std: dict[str, float]
    """Standard deviation of each window's last latent: about 1 where it is noise."""
    latent_bytes: int = 0
    """Size of all windows' latents together."""


class Outcome(Document):
    """inject: one variant as rendered, cropped to `box` at the photo's resolution.

    Members: ``<variant>.artifact.png`` and ``.control.png`` (RGB), ``.mask.png`` and ``.edit.png``
    (8-bit grey, 0 or 255).
    """

    variant: str
    tool: Tool
    """The variant's tool, for the manifest."""
    box: Box
    """The bounding box of `edit`, in photo pixels."""
    target_box: Box
    """The bounding box of the target tokens, in photo pixels."""
    mask_pixels: int
    edit_pixels: int
    difference: float = 0.0
    """Mean absolute difference between artifact and control inside the mask, in grey levels."""
    reconstruction_psnr: float
    """dB of the whole window's control, before the residual, against the photo: what inversion,
    the way back and the autoencoder lose."""
    evaluations: float
    """Forwards of a whole window that this variant cost: its own (a sparse forward counts by its
    tokens) and its share of the source branch; inversion and autoencoder not counted."""
    together: int
    """Variants that shared the source branch: fewer than the window has where memory ran out."""


class Injection(Document):
    """inject: all rendered variants of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    mode: str
    outcomes: list[Outcome]


class Verdict(Document):
    """filter: one variant's scores and whether it passed."""

    variant: str
    tool: Tool
    """The variant's tool, for the manifest."""
    passed: bool
    reason: str
    """Reject code, or ``ok``."""
    message: str
    judge: str
    scores: dict[str, float]
    prompt: str = ""
    """Judges that ask a model: name, version and digest of the question."""
    answers: list[str] = Field(default_factory=list)
    """Raw, where no usable answer came."""


class Curation(Document):
    """filter: the verdicts of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    verdicts: list[Verdict]


class Explanation(Document):
    """explain: the words for one pair."""

    variant: str
    tool: Tool
    local: str
    overall: str
    """Why the image as a whole is flawed."""


class Unexplained(Document):
    """explain: a flaw for which no usable words came."""

    variant: str
    tool: Tool
    code: str
    """Reject code."""
    message: str
    answers: list[str]
    """What the model said, raw."""


class Explanations(Document):
    """explain: all words for a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    author: str
    """``grammar`` or the vision-language model's name."""
    clean: str
    """Why the untouched photo is free of flaws."""
    explanations: list[Explanation]
    unexplained: list[Unexplained] = Field(default_factory=list)
    prompts: dict[str, str] = Field(default_factory=dict)
    """Authors that ask a model: question to its version and digest."""
