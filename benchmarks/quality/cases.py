"""Draw the fixed evaluation set: the photos, windows and mappings that every measurement uses.

    python -m benchmarks.quality.cases [--side 512]

Runs the project's own ingest, perceive and map on the checkout's photos and the held-out ones, and
keeps a fixed number of mappings per tool. Writes ``cases-<side>.json`` beside this file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import photos
from flows.trial import limit_params, run_stages
from stages.catalogue import build_stage, parse_params, read_params
from stages.engine.files import canonical_json, write_atomically
from stages.engine.provenance import stage_digest
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError, Workspace
from stages.map.params import MapParams
from stages.map.policy import plan
from stages.map.sites import Atlas
from stages.records.documents import Document, Scene, Variant, Window
from stages.records.grid import indices
from stages.tools import TOOLS, Tool

FOLDER = Path("data/.quality")
"""Default cache folder of these measurements; git ignores it."""
SIDE = 384
COUNT = 13
"""Mappings per tool: four tools make 52, enough for 50 pairwise looks."""
HELD_OUT = 40
"""Number of photos of the shards that mappings are drawn from."""
VARIANTS = 8
"""Mappings drawn per photo, of which few are kept."""


class Sides(Document):
    """fuse: tokens of the two parts that meet; the lists may overlap."""

    part: list[int]
    other: list[int]


class Case(Document):
    """A window of a photo with its mappings."""

    photo: str
    """Name as in `photos.read_photo`."""
    key: str
    """First 16 hex digits of the sha256 of the photo's file."""
    window: Window
    variants: list[Variant]
    sides: dict[str, Sides]
    """fuse variant to its two sides."""

    @property
    def name(self) -> str:
        """Name that is unique in the set and valid in a file name."""
        return f"{self.key}-{self.window.id}"


class EvaluationSet(Document):
    """All cases; variant ids are unique within a photo."""

    side: int
    cases: list[Case]

    def __iter__(self) -> Iterator[Case]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return iter(self.cases)


@dataclass(frozen=True)
class Candidate:
    """A drawn mapping that may be chosen."""

    photo: str
    scene: Scene
    variant: Variant


def path_of(side: int) -> Path:
    """Return the path of the set of that window side."""
    return Path(__file__).with_name(f"cases-{side}.json")


def load(
    side: int = SIDE, tools: Collection[Tool] = TOOLS, per_tool: int | None = None
) -> EvaluationSet:
    """Load the set with the mappings of these tools; of each, at most `per_tool`, spread over it.

    Raises:
        FileNotFoundError: there is no set of that side.
    """
    whole = EvaluationSet.model_validate_json(path_of(side).read_text(encoding="utf-8"))
    kept, chosen = [], set[tuple[str, str]]()
    for tool in tools:
        of_tool = [(case.name, v.id) for case in whole for v in case.variants if v.tool == tool]
        count = min(per_tool or len(of_tool), len(of_tool))
        chosen |= {of_tool[n * len(of_tool) // count] for n in range(count)}
    for case in whole:
        variants = [v for v in case.variants if (case.name, v.id) in chosen]
        if variants:
            kept.append(case.model_copy(update={"variants": variants}))
    return EvaluationSet(side=side, cases=kept)


def perceive_scenes(
    names: list[str], shards: Path, cache: Path, side: int
) -> Iterator[tuple[str, Scene]]:
    """Yield the scenes of the photos; photos that are rejected are left out."""
    values = read_params(Workspace.find().root)
    params = parse_params({**values, "perceive": {**values["perceive"], "window": side}})
    stages = [build_stage(name, params) for name in ("ingest", "perceive")]
    for stage in stages:
        stage.setup()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = cache / f"{stage_digest(stages[1])[:12]}" / f"{Path(name).name}.json"
            if not path.is_file():
                try:
                    photo = photos.get_file(name, shards, Path(folder))
                    document = run_stages(photo, stages).outputs["perceive"].document
                    write_atomically(path, document.model_dump_json().encode())
                except FactoryError as problem:
                    print(f"{name}: {problem}", file=sys.stderr)
                    write_atomically(path, b"")
            if data := path.read_bytes():
                yield name, Scene.model_validate_json(data)


def draw(found: Iterable[tuple[str, Scene]], shards: Path) -> list[Candidate]:
    """Return every mapping that the map stage draws in the scenes, all tools with equal weight."""
    values = read_params(Workspace.find().root)
    values["map"] = {**values["map"], "weights": dict.fromkeys(TOOLS, 1.0)}
    params = limit_params(values, None, VARIANTS)
    section, base = params["map"], params["base"]
    assert isinstance(section, MapParams) and isinstance(base, BaseParams)  # noqa: S101
    return [
        Candidate(name, scene, variant)
        for name, scene in found
        for variant in plan(scene, section, base.seed, photos.read_photo(name, shards))[0]
    ]


def choose(candidates: list[Candidate], count: int) -> list[Candidate]:
    """Choose `count` mappings per tool, spread evenly over kernels, photos and origins."""
    chosen: list[Candidate] = []
    uses: Counter[tuple[str, str]] = Counter()
    left = list(candidates)
    for tool in TOOLS * count:
        of_tool = [candidate for candidate in left if candidate.variant.tool == tool]
        if of_tool:
            best = min(of_tool, key=lambda c: [uses[trait] for trait in _traits(c)])
            left.remove(best)
            chosen.append(best)
            uses.update(_traits(best))
    return chosen


def _traits(candidate: Candidate) -> list[tuple[str, str]]:
    """Return the traits that the choice spreads over, the most important ones first."""
    variant = candidate.variant
    origin = "shards" if ".tar/" in candidate.photo else "checkout"
    of_tool = [(variant.tool, what) for what in (variant.kernel, candidate.photo, origin)]
    return [*of_tool, ("any", candidate.photo), (variant.tool, variant.part_kind)]


def group(chosen: list[Candidate]) -> list[Case]:
    """Group the chosen mappings by photo and window, in the photos' order."""
    windows: dict[tuple[str, str], list[Candidate]] = {}
    for drawn in sorted(chosen, key=lambda drawn: (drawn.photo, drawn.variant.id)):
        windows.setdefault((drawn.photo, drawn.variant.window), []).append(drawn)
    return [_make_case(name, items) for (name, _), items in windows.items()]


def _make_case(name: str, items: list[Candidate]) -> Case:
    scene, variants = items[0].scene, [item.variant for item in items]
    window = next(w for w in scene.windows if w.id == variants[0].window)
    atlas, sides = Atlas(scene), {}
    for variant in variants:
        if variant.other is not None:
            part, other = (indices(atlas.tokens(x, window)) for x in (variant.part, variant.other))
            sides[variant.id] = Sides(part=part.tolist(), other=other.tolist())
    return Case(photo=name, key=scene.key, window=window, variants=variants, sides=sides)


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options of every command of this folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--side", type=int, default=SIDE, help="side of a window in pixels")
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="cache folder")
    return parser


def make_drawing_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options of the commands that draw mappings."""
    parser = make_parser(description)
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    return parser


def draw_candidates(args: argparse.Namespace) -> list[Candidate]:
    """Return every mapping that the map stage draws in the selected photos."""
    names = photos.list_checkout() + photos.list_held_out(args.shards)[:HELD_OUT]
    names = photos.select(names, args.photos)
    found = perceive_scenes(names, args.shards, args.folder / "scenes", args.side)
    return draw(found, args.shards)


def _to_json(found: EvaluationSet) -> bytes:
    """Return JSON with one line per case."""
    cases = b",\n".join(canonical_json(case.model_dump(mode="json")) for case in found)
    return b'{"side":%d,"cases":[\n%s\n]}\n' % (found.side, cases)


def main() -> None:
    """Write the set."""
    parser = make_drawing_parser("Draw the fixed evaluation set.")
    parser.add_argument("--count", type=int, default=COUNT, help="mappings per tool")
    args = parser.parse_args()
    chosen = choose(draw_candidates(args), args.count)
    found = EvaluationSet(side=args.side, cases=group(chosen))
    write_atomically(path_of(args.side), _to_json(found))
    tools = Counter(candidate.variant.tool for candidate in chosen)
    print(f"{len(found.cases)} windows of {len({c.photo for c in found})} photos, {dict(tools)}")


if __name__ == "__main__":
    main()
