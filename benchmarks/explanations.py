"""Measure how varied the grammar's explanations are, on flaws drawn by the map stage.

    python -m benchmarks.explanations [--data data] [--texts 400] [--show 0] [--seed 0]

Reads the scenes of ``<data>/perceive``, draws variants with ``params.yaml``'s map section, one seed
after another, until the tools have their shares of a build of the sample photos (27, 25, 58, 57),
and adds the facts that the explain stage would know; the target tokens stand in for the rendered
mask. Prints for local and overall texts, and for each tool: the number of different skeletons
(texts without names, places, sizes, sides, directions and numbers); the share of texts with the
most frequent skeleton; the share with the most frequent skeleton of a sentence; distinct-n of the
skeletons; the mean number of words; and the number of texts that fail the explain stage's checks.
``--show`` prints that many texts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from stages.explain.facts import find_facts
from stages.map.params import MapParams
from stages.map.policy import plan
from stages.models.explainer import checks
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.models.explainer.grammar.variety import Variety, measure_variety
from stages.records import masks
from stages.records.documents import Scene, Variant
from stages.tools import TOOLS, Tool

SHARES: dict[Tool, int] = {"add": 27, "remove": 25, "distort": 58, "fuse": 57}
"""Accepted flaws of a build of the sample photos."""
_SEEDS = 40
"""Maximum number of map seeds that are tried."""

Texts = list[tuple[str, Variant]]


def read_scenes(folder: Path) -> list[Scene]:
    """Read the scenes of a perceive stage's output folder, in its order.

    Raises:
        SystemExit: there are none.
    """
    found = []
    for path in sorted(folder.glob("shard-*.tar")):
        with tarfile.open(path) as shard:
            for member in shard:
                file = shard.extractfile(member) if member.name.endswith(".json") else None
                if file is not None:
                    found.append(Scene.model_validate(json.load(file)))
    if not found:
        raise SystemExit(f"no scenes in {folder}: run `flawfactory build` first, or pass --data")
    return found


def add_facts(variant: Variant, scene: Scene) -> Variant:
    """Add the facts that the explain stage would know to a mapped variant."""
    window = next(w for w in scene.windows if w.id == variant.window)
    tokens = np.zeros(window.grid, bool)
    tokens.ravel()[variant.targets] = True
    mask = masks.from_grid(tokens, window.box, scene.entities[0].mask.size)
    return variant.model_copy(update={"facts": variant.facts | find_facts(variant, scene, mask)})


def draw_variants(found: list[Scene], params: MapParams, texts: int) -> list[tuple[str, Variant]]:
    """Draw about `texts` pairs of photo key and variant, with the tools' shares of `SHARES`.

    Raises:
        SystemExit: the scenes do not have enough variants of a tool.
    """
    left = {t: round(texts * n / sum(SHARES.values())) for t, n in SHARES.items()}
    chosen: list[tuple[str, Variant]] = []
    for seed in range(_SEEDS):
        for scene in found:
            for variant in plan(scene, params, seed)[0]:
                if left[variant.tool]:
                    left[variant.tool] -= 1
                    key = f"{scene.key}.{seed}"
                    chosen.append((key, add_facts(variant, scene)))
        if not any(left.values()):
            return chosen
    raise SystemExit(f"too few scenes: {left} variants are missing; pass a smaller --texts")


def add_row(table: Table, name: str, figures: Variety, failed: int) -> None:
    """Add a row to the table."""
    table.add_row(
        name,
        str(figures.texts),
        str(figures.skeletons),
        f"{figures.top_share:.1%}",
        f"{figures.top_sentence_share:.1%}",
        " / ".join(f"{share:.2f}" for share in figures.distinct),
        f"{figures.mean_words:.1f}",
        str(failed),
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the variety of explanations.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="seed of the grammar")
    args = parser.parse_args(arguments)
    params = MapParams.model_validate(yaml.safe_load(Path("params.yaml").read_text())["map"])
    found = read_scenes(args.data / "perceive")
    chosen, author = draw_variants(found, params, args.texts), GrammarExplainer(args.seed)
    table = Table("texts", "n", "skeletons", "top text", "top sentence", "distinct-1/2/3",
                  "words", "failed")  # fmt: skip
    texts: dict[str, Texts] = {
        "local": [(author.local(key, v), v) for key, v in chosen],
        "overall": [(author.overall(key, v), v) for key, v in chosen],
    }
    for name, pairs in texts.items():
        for tool in ("", *TOOLS):
            own = [pair for pair in pairs if tool in ("", pair[1].tool)]
            failed = sum(bool(checks.check_flaw(text, variant)) for text, variant in own)
            add_row(table, f"{name} {tool}".strip(), measure_variety(own), failed)
    Console().print(table)
    step = max(1, len(chosen) // max(args.show, 1))
    for number in range(0, len(chosen), step)[: args.show]:
        (local, variant), (overall, _) = texts["local"][number], texts["overall"][number]
        label = f"{variant.tool}/{variant.kernel}, {variant.entity_name}: {variant.part_name}"
        print(f"[{label}]\n  {local}\n  {overall}")


if __name__ == "__main__":
    main(sys.argv[1:])
