"""Write the data set card: README.md with Hugging Face's header.

The card has no dates, so the same rows give the same bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import yaml

from stages.engine.storage.tables import list_columns, read_column, select_columns
from stages.package import attribution, rights
from stages.package.markdown import escape, write_table
from stages.package.members import RECORD, find_member
from stages.package.provenance import Provenance
from stages.package.rights import LicencePolicy, Rights
from stages.package.split import SPLITS
from stages.package.terms import Terms

STAND_INS = {
    ("flow", "weights/compact"): "**Model**: a small rectified-flow transformer and autoencoder of "
    "our own stand in for FLUX.1-dev. Its flaws are coarser.",
    ("perceiver", "mediapipe"): "**Perceiver**: MediaPipe's models for people, an ImageNet "
    "classifier and superpixels for everything else stand in for an open-vocabulary detector and "
    "segmenter. Parts marked `positional` are known by their place only.",
    ("vocabulary", "words"): "**Vocabulary**: a fixed word list stands in for a vision-language "
    "model that names what a photo shows.",
    ("judge", "features"): "**Judge**: rules on perceptual features stand in for a vision-language "
    "model.",
    ("explainer", "grammar"): "**Explainer**: a grammar over the record stands in for a "
    "vision-language model. It did not look at the pictures.",
}
"""Role and back end to the text on what it stands in for."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_FIELDS = (
    ("real", "the photo, upright, sRGB, without metadata"),
    ("artifact", "the photo with one flaw or several"),
    ("control", "same regions through the same model without a flaw: clean, but with the "
     "machine's fingerprints. Train against it, or a detector learns to spot the autoencoder"),
    ("mask", "the visible flaws, 0 or 255"),
    ("flaws", "the same pixels: number of the flaw in the list `flaws`, from 1; elsewhere 0"),
    ("edit", "every pixel that may differ; outside it artifact and control equal the photo"),
    ("json", "flaws (label, tool, entity, part, boxes in pixels, scores, text), explanation, "
     "licence, origin, creator, models"),
)  # fmt: skip


def size_category(pairs: int) -> str:
    """Return Hugging Face's size category."""
    return next((name for bound, name in _SIZES if pairs < bound), "n>1M")


def make_header(rows: Sequence[dict[str, Any]], terms: Terms) -> str:
    """Make the YAML front matter."""
    present = set(read_column(rows, "split"))
    splits = [split for split in SPLITS if split in present]
    values: dict[str, Any] = {
        "pretty_name": "flawfactory pairs",
        **make_licence_header(
            set(read_column(rows, "licence")), terms.policy, restricted=bool(terms.restrictions())
        ),
        "task_categories": ["image-classification", "image-segmentation", "image-to-text"],
        "language": ["en"],
        "tags": ["webdataset", "synthetic-artifacts", "image-forensics"],
        "size_categories": [size_category(_count_pairs(rows))],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{s}-*.tar"} for s in splits],
            }
        ],
    }  # fmt: skip
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---\n"


def make_licence_header(
    licences: set[str], policy: LicencePolicy | None = None, *, restricted: bool = False
) -> dict[str, str]:
    """Use only names of the hub's list; other licences go into ``license_name``.

    Args:
        licences: those of the photos.
        policy: None is the default policy.
        restricted: whether the licences of models say something about the data.
    """
    if rights.UNKNOWN in licences:
        return {"license": rights.UNKNOWN}
    if any(rights.find_problem(licence, policy) for licence in licences):
        return {"license": "other", "license_name": "not-publishable"}
    if restricted:
        return {"license": "other", "license_name": "as-photos-and-models-say"}
    if len(licences) != 1:  # a set without pairs is refused by its gate
        return {"license": "other", "license_name": "as-each-photo-says"}
    (licence,) = licences
    if name := rights.hub_name(licence):
        return {"license": name}
    return {"license": "other", "license_name": licence.lower().replace(" ", "-")}


def _count_pairs(rows: Sequence[dict[str, Any]]) -> int:
    return len(set(read_column(rows, "pair")))


def _counts(rows: Sequence[dict[str, Any]], column: str) -> list[tuple[str, int, int]]:
    """Count pairs and photos by value, the most frequent first."""
    pairs: defaultdict[str, set[str]] = defaultdict(set)
    photos: defaultdict[str, set[str]] = defaultdict(set)
    for row in select_columns(rows, ("key", "pair", column)):
        pairs[row[column]].add(row["pair"])
        photos[row[column]].add(row["key"])
    counts = [(value, len(found), len(photos[value])) for value, found in pairs.items()]
    return sorted(counts, key=lambda count: (-count[1], count[0]))


def _tool_counts(rows: Sequence[dict[str, Any]]) -> list[tuple[str, int, int, int]]:
    """Count flaws, pairs and photos by tool, the most frequent first."""
    flaws = Counter(read_column(rows, "tool"))
    counts = [(tool, flaws[tool], pairs, photos) for tool, pairs, photos in _counts(rows, "tool")]
    return sorted(counts, key=lambda count: (-count[1], count[0]))


def _licences(rows: Sequence[dict[str, Any]], terms: Terms) -> str:
    parts = [
        *_problems(rows, terms),
        write_table(("licence", "pairs", "photos"), _counts(rows, "licence")),
        "A pair is under its photo's licence (`licence`, `origin`, `creator`, `title` in its "
        f"JSON). [{attribution.FILE}]({attribution.FILE}) names the creators and what was changed.",
    ]
    if terms.models:
        models = [(model.role, model.name, model.licence) for model in terms.models]
        parts += ["The models that made it:", write_table(("role", "model", "licence"), models)]
    parts += [
        f"> **Restricted by {escape(model.name)}** ({escape(model.licence)}): "
        f"{escape(model.terms)}."
        for model in terms.restrictions()
    ]
    return "\n\n".join(parts)


def _problems(rows: Sequence[dict[str, Any]], terms: Terms) -> list[str]:
    """Say why the data set must not be passed on; nothing if it may."""
    needed = select_columns(rows, ("key", "licence", "creator", "origin"))
    photos = {(row["key"], Rights(row["licence"], row["creator"], row["origin"])) for row in needed}
    found = rights.find_problems((photo for _, photo in photos), terms.policy)
    reasons = [f"{escape(name)}: {problem}" for name, _, problem in found]
    remedies = [
        "give the photos' licences and creators in their folder's ledger (licences as SPDX "
        "identifiers), or withdraw the photos"
    ] * bool(found)
    models = terms.model_problems()
    reasons += [f"model {escape(model.name)}: {problem}" for model, problem in models]
    remedies += ["give the models' licences in `package.licences.models`"] * bool(models)
    if not reasons:
        return []
    return [
        f"> **Not publishable.** {'; '.join(dict.fromkeys(reasons))}. Before passing this data set "
        f"on, {'; '.join(remedies)}."
    ]


def _find_member(picture: str, rows: Sequence[dict[str, Any]]) -> str:
    columns = list_columns(rows)
    return find_member(picture, {name.removeprefix("sha256.") for name in columns})


def _list_members(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(n if n == RECORD else _find_member(n, rows), what) for n, what in _FIELDS]


def make_card(
    rows: Sequence[dict[str, Any]], provenance: Provenance, terms: Terms | None = None
) -> str:
    """Make README.md of a data set with these manifest rows.

    Args:
        rows: the manifest's rows.
        provenance: what made it.
        terms: version, licence policy and licences of models. None: no version, the default policy,
            and no models.
    """
    terms = terms or Terms()
    columns = ("tool", "flaws", "pairs", "photos")
    splits = {split: (split, n, photos) for split, n, photos in _counts(rows, "split")}
    stand_ins = [STAND_INS[chosen] for chosen in provenance.back_ends if chosen in STAND_INS]
    sections = [
        "# flawfactory pairs",
        *([f"Version {escape(terms.version)}."] if terms.version else []),
        f"{_count_pairs(rows)} pairs with {len(rows)} flaws from "
        f"{len(set(read_column(rows, 'key')))} photos. Each pair is a real photo, the same photo "
        "with one flaw or several, a clean control that went through the same model, the flaws' "
        "masks, and words that say what is wrong.",
        "## Splits",
        write_table(("split", "pairs", "photos"), (splits[s] for s in SPLITS if s in splits)),
        "Photos that look alike are in one split: it is drawn from a hash of their near-duplicate "
        "group's name, so it does not change when the data set grows.",
        "## Tools",
        write_table(columns, _tool_counts(rows)),
        "## Licences",
        _licences(rows, terms),
        "## A sample",
        write_table(("member", "what it is"), _list_members(rows)),
        "```python\nfrom datasets import load_dataset\n\n"
        'pairs = load_dataset("webdataset", data_files={"train": "train-*.tar"}, split="train")\n'
        f'pairs[0]["{_find_member("artifact", rows)}"], '
        '[flaw["text"] for flaw in pairs[0]["json"]["flaws"]]\n```',
        "`manifest.parquet` has one row per flaw with the sha256 of every member; `_info.json` "
        "lists the shards as timm reads them; `croissant.json` describes all of it for "
        "mlcroissant.",
        "## How it was made",
        f"Profile `{provenance.profile}`, seed {provenance.seed}, params sha256 "
        f"`{provenance.params_sha256}`.",
        "Every record names these models, the params and a digest of the code of each stage. "
        "`provenance.json` lists the source files behind the digests, all params, and the texts of "
        "prompts.",
        write_table(
            ("stage", "role", "back end", "weights", "source", "sha256"),
            [
                (m.stage, m.role, m.back_end, m.weights, m.source, m.sha256)
                for m in provenance.model_records()
            ],
        ),
    ]
    if stand_ins:
        sections += ["## Stand-ins", "\n".join(f"- {line}" for line in stand_ins)]
    return make_header(rows, terms) + "\n" + "\n\n".join(sections) + "\n"
