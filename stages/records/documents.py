"""The documents that pass between stages: one JSON document per photo and stage.

All boxes are ``(x0, y0, x1, y1)`` in pixels of the ingested photo, half-open. Token indices count
row by row over a window's latent grid: ``index = row * grid_width + column``; one token stands for
16 x 16 pixels of the window at the model's size.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.tools import Tool

SCHEMA_VERSION = 3
"""Version of the documents and of the published record. 1: one flaw in each picture. 2: without
calls, code and values of params."""
TOKEN = 16
"""Side of a latent token in model pixels: 8x autoencoder, 2x2 packing (FLUX's geometry)."""

Box = tuple[int, int, int, int]


class Document(BaseModel):
    """Base of all documents: unknown keys are errors, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rle(Document):
    """A binary mask as uncompressed COCO run lengths (column-major, the first run counts zeros)."""

    size: tuple[int, int]
    """Height and width in pixels."""
    counts: list[int]


class ModelCalls(Document):
    """The requests of one question to a chat model that were answered, repairs included."""

    prompt: str
    """Name, version and digest of the question's template."""
    model: str
    """The model's name as its server reports it."""
    requests: int
    input_tokens: int
    """Tokens sent; 0 for requests whose server does not report them."""
    output_tokens: int
    cost: float
    """At the prices of factory.toml when the answer was paid for, in their currency. An answer from
    the cache keeps its price."""
    unpriced: int
    """Number of requests of unknown price, which are not in `cost`."""


class Photo(Document):
    """ingest: one photo, decoded and cleaned. Member ``photo.png`` (sRGB, upright, no metadata).

    Its name, licence, origin and batch are in the source list and are added by `package`."""

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
    """Width and height before it was scaled down to `ingest.max_side`; None if it was not."""
    phash: str
    """64-bit perceptual hash as 16 hex digits."""
    notes: list[str] = Field(default_factory=list)
    """Assumptions and changes: ``cmyk_converted``, ``icc_profile_ignored`` ..."""


class Part(Document):
    """A sub-entity: a named region of an entity into which tools can inject a flaw."""

    id: str
    """``<entity id>.p<n>``"""
    name: str
    """``left hand``, ``face``; for positional parts ``upper left part``."""
    kind: str
    """Name without the side: ``hand`` for ``left hand``. Parts of the same kind are siblings."""
    positional: bool
    """Whether only the position is known (superpixels), not what the part is."""
    score: float
    box: Box
    mask: Rle
    tools: list[Tool]


class Entity(Document):
    """A person or thing in the photo, with its parts."""

    id: str
    """``e<n>``"""
    name: str
    """``person``, ``tabby cat``."""
    score: float
    box: Box
    mask: Rle
    parts: list[Part]


class Window(Document):
    """A rectangle of the photo in which the flow model works."""

    id: str
    """``w<n>``"""
    box: Box
    """In photo pixels; scaled to `size` if the sizes differ."""
    size: tuple[int, int]
    """Width and height in model pixels, multiples of 16."""
    parts: list[str]
    """Ids of the parts for which the window was chosen."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.size[1] // TOKEN, self.size[0] // TOKEN


class Uncaptioned(Document):
    """perceive: why a photo has no caption although the profile has a captioner."""

    code: str
    """A reject code, although the photo is not rejected for it."""
    message: str
    answers: list[str]
    """The model's raw answers."""


class Scene(Document):
    """perceive: the contents of the photo and its work windows."""

    schema_version: int = SCHEMA_VERSION
    key: str
    entities: list[Entity]
    windows: list[Window]
    detector: str
    caption: str = ""
    """Description of the photo, for flow models with text encoders; empty without a captioner."""
    uncaptioned: Uncaptioned | None = None
    """Set if the captioner gave no usable answer; the photo is processed without a caption."""
    prompts: dict[str, str] = Field(default_factory=dict)
    """For back ends that prompt a model: name of the prompt to its version and digest."""
    calls: list[ModelCalls] = Field(default_factory=list)
    """The questions about the photo: vocabulary, caption."""


class Variant(Document):
    """One flaw to inject in one window: the mapping as data (algorithm section 2)."""

    id: str
    """``v<n>``, unique in the photo."""
    picture: str = Field(default_factory=lambda known: known["id"].replace("v", "p", 1))
    """``p<n>``: the flawed picture into which the flaw goes; one of its own by default."""
    window: str
    """Id of the window."""
    tool: Tool
    kernel: str
    """The method that drew the references: ``ring``, ``neighbours``, ``jitter``, ``voronoi`` ..."""
    entity: str
    entity_name: str
    part: str
    part_name: str
    part_kind: str
    positional: bool
    other: str | None = None
    """Tools that work on two: id of the second entity or part."""
    other_name: str | None = None
    within_entity: bool = False
    """The two belong to one entity, since the photo has no two that touch."""
    seed: int
    targets: list[int]
    """Token indices that change."""
    references: list[int]
    """Token indices that the targets take their appearance from, one for each target."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """Facts for the explanations: displacement in tokens, share of the part, direction ..."""


class Mapping(Document):
    """map: the variants of a photo, each with its picture."""

    schema_version: int = SCHEMA_VERSION
    key: str
    variants: list[Variant]
    left_out: int = 0
    """Number of variants that were drawn and are left out because of `map.quotas`."""


class Inversion(Document):
    """invert: the windows whose latents are stored. Members ``<window>.latents.safetensors``."""

    schema_version: int = SCHEMA_VERSION
    key: str
    solver: Literal["euler", "rf_solver", "fireflow"]
    timesteps: list[float]
    """Timesteps of the first window; those of others may differ, as the shift depends on a window's
    number of tokens."""
    windows: list[str]
    prompt: str = ""
    """Text condition, for flow models with text encoders."""
    noise_std: dict[str, float]
    """Window to the standard deviation of its last latent: about 1 if that is noise."""
    latent_bytes: int = 0
    """Total size of the latents of all windows."""


class Outcome(Document):
    """inject: one rendered variant, cropped to `box` at the photo's resolution.

    Members: ``<variant>.artifact.png`` and ``.control.png`` (RGB), ``.mask.png`` and ``.edit.png``
    (8-bit grey, 0 or 255). Outside ``edit``, artifact and control equal the photo. The ``edit``
    masks of a picture's variants are disjoint; their boxes may overlap.
    """

    variant: str
    tool: Tool
    """The variant's tool, for the manifest."""
    box: Box
    """Bounding box of the ``edit`` mask, in photo pixels."""
    target_box: Box
    """Bounding box of the target tokens, in photo pixels."""
    mask_pixels: int
    edit_pixels: int
    difference: float = 0.0
    """Mean absolute difference between artifact and control inside the mask, in grey levels."""
    reconstruction_psnr: float
    """PSNR in dB of the whole window's control, before the residual is added, against the photo:
    the loss of inversion, denoising and autoencoder."""
    evaluations: float
    """Cost in forward passes over a whole window: the variant's own passes (a sparse pass counts
    the share of its tokens) and its share of the source branch; without inversion and autoencoder.
    The variants of a picture in a window are rendered in one and share its cost equally."""
    together: int
    """Number of pictures that shared the source branch: less than the window's pictures if memory
    ran out."""


class Injection(Document):
    """inject: all rendered variants of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    mode: str
    outcomes: list[Outcome]


class Verdict(Document):
    """filter: the scores of one variant, and whether it passed."""

    variant: str
    tool: Tool
    """The variant's tool, for the manifest."""
    passed: bool
    """The final verdict: that of the reviewers if there is one, else that of the judge."""
    reason: str
    """Reject code, or ``ok``."""
    message: str
    judge: str
    """The back end that judged it, or ``bounds`` if none did."""
    scores: dict[str, float]
    pixels_sha256: str = ""
    """Digest of the flaw's picture, the member ``<variant>.artifact.png`` of inject: the key of
    people's marks."""
    verdict_by: Literal["judge", "review"] = "judge"
    """Who decided: bounds and judge, or people."""
    judge_verdict: str = ""
    """The verdict of bounds and judge, whoever decided: reject code, or ``ok``."""
    accepted_by: str = ""
    rejected_by: str = ""
    """Reviewers who accept and who reject it: 16 hex digits each, comma-separated
    (`stages.filter.reviews.reviewer_digest`)."""
    prompt: str = ""
    """For judges that prompt a model: name, version and digest of the prompt."""
    answers: list[str] = Field(default_factory=list)
    """The model's raw answers, if none was usable."""
    calls: list[ModelCalls] = Field(default_factory=list)
    """The questions about the variant."""


class Curation(Document):
    """filter: the verdicts of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    verdicts: list[Verdict]


class Explanation(Document):
    """explain: the texts about one flaw."""

    variant: str
    tool: Tool
    label: str
    """The flaw in a few words, without article: ``extra left eye``."""
    local: str
    """What is wrong and where."""
    overall: str
    """Why an image with this flaw alone is flawed as a whole."""
    calls: list[ModelCalls] = Field(default_factory=list)
    """The questions about the flaw."""


class PictureText(Document):
    """explain: the text about all flaws of a picture that are left."""

    picture: str
    variants: list[str]
    """The picture's flaws that are left."""
    overall: str
    """Why the image as a whole is flawed; that of the flaw if only one is left."""
    prompt: str = ""
    """For authors that prompt a model for the texts of pictures with several flaws: name, version
    and digest of the prompt."""
    calls: list[ModelCalls] = Field(default_factory=list)
    """The questions about the picture."""


class Unexplained(Document):
    """explain: a flaw for which no usable text was written."""

    variant: str
    tool: Tool
    code: str
    """Reject code."""
    message: str
    answers: list[str]
    """The model's raw answers."""


class Explanations(Document):
    """explain: all texts of a photo."""

    schema_version: int = SCHEMA_VERSION
    key: str
    author: str
    """``grammar`` or the vision-language model's name."""
    clean: str
    """Why the original photo is free of flaws."""
    explanations: list[Explanation]
    pictures: list[PictureText] = Field(default_factory=list)
    """One for each picture with an explained flaw."""
    unexplained: list[Unexplained] = Field(default_factory=list)
    prompts: dict[str, str] = Field(default_factory=dict)
    """For authors that prompt a model: name of the prompt to its version and digest."""
    calls: list[ModelCalls] = Field(default_factory=list)
    """The questions about the original photo."""
