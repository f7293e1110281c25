"""How varied the grammar's explanations are, on the flaws of a real map stage.

    python -m benchmarks.explanations [--data data] [--texts 400] [--show 0] [--seed 0]

Takes the scenes of ``<data>/perceive``, draws variants with ``params.yaml``'s map section, seed
after seed, until the texts have the tools' shares of a build of the sample photos (27, 25, 58, 57),
and adds what the explain stage knows of each; the target tokens stand in for the rendered mask.
For local and overall texts, and for each tool: different skeletons (names, places, sizes, sides,
directions and numbers taken out), the share of texts that have the most frequent one, and that
hold the most frequent skeleton of one sentence; distinct-n of the skeletons; mean words; and how
many texts fail the checks of the explain stage. ``--show`` prints so many texts.
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

from stages.explain.facts import known
from stages.map.params import MapParams
from stages.map.policy import plan
from stages.models.explainer import checks
from stages.models.explainer.grammar import GrammarExplainer
from stages.models.explainer.grammar.variety import Variety, variety
from stages.records import masks
from stages.records.documents import TOOLS, Scene, Tool, Variant

SHARES: dict[Tool, int] = {"add": 27, "remove": 25, "distort": 58, "fuse": 57}
"""Accepted flaws of a build of the sample photos."""
_SEEDS = 40
"""So many map seeds are tried at most."""

Told = list[tuple[str, Variant]]


def scenes(folder: Path) -> list[Scene]:
    """The scenes of a perceive stage's output folder, in its order.

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


def informed(variant: Variant, scene: Scene) -> Variant:
    """A mapped variant with what the explain stage would know of it."""
    window = next(w for w in scene.windows if w.id == variant.window)
    tokens = np.zeros(window.grid, bool)
    tokens.ravel()[variant.targets] = True
    mask = masks.from_grid(tokens, window.box, scene.entities[0].mask.size)
    return variant.model_copy(update={"facts": variant.facts | known(variant, scene, mask)})


def mix(found: list[Scene], params: MapParams, texts: int) -> list[tuple[str, Variant]]:
    """About `texts` pairs of photo key and variant with the tools' shares of `SHARES`.

    Raises:
        SystemExit: the scenes do not allow so many of a tool.
    """
    left = {t: round(texts * n / sum(SHARES.values())) for t, n in SHARES.items()}
    chosen: list[tuple[str, Variant]] = []
    for seed in range(_SEEDS):
        for scene in found:
            for variant in plan(scene, params, seed)[0]:
                if left[variant.tool]:
                    left[variant.tool] -= 1
                    key = f"{scene.key}.{seed}"
                    chosen.append((key, informed(variant, scene)))
        if not any(left.values()):
            return chosen
    raise SystemExit(f"these scenes lack {left} more variants")


def row(table: Table, name: str, figures: Variety, unfit: int) -> None:
    """One line of the table."""
    table.add_row(
        name,
        str(figures.texts),
        str(figures.skeletons),
        f"{figures.top_share:.1%}",
        f"{figures.top_sentence_share:.1%}",
        " / ".join(f"{share:.2f}" for share in figures.distinct),
        f"{figures.mean_words:.1f}",
        str(unfit),
    )


def main(arguments: list[str]) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="How varied the grammar's explanations are.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of the grammar")
    options = parser.parse_args(arguments)
    params = MapParams.model_validate(yaml.safe_load(Path("params.yaml").read_text())["map"])
    found = scenes(options.data / "perceive")
    chosen, author = mix(found, params, options.texts), GrammarExplainer(options.seed)
    table = Table("texts", "n", "skeletons", "top text", "top sentence", "distinct-1/2/3",
                  "words", "unfit")  # fmt: skip
    told: dict[str, Told] = {
        "local": [(author.local(key, v), v) for key, v in chosen],
        "overall": [(author.overall(key, v), v) for key, v in chosen],
    }
    for name, pairs in told.items():
        for tool in ("", *TOOLS):
            own = [pair for pair in pairs if tool in ("", pair[1].tool)]
            unfit = sum(bool(checks.flaw(text, variant)) for text, variant in own)
            row(table, f"{name} {tool}".strip(), variety(own), unfit)
    Console().print(table)
    step = max(1, len(chosen) // max(options.show, 1))
    for number in range(0, len(chosen), step)[: options.show]:
        (local, variant), (overall, _) = told["local"][number], told["overall"][number]
        label = f"{variant.tool}/{variant.kernel}, {variant.entity_name}: {variant.part_name}"
        print(f"[{label}]\n  {local}\n  {overall}")


if __name__ == "__main__":
    main(sys.argv[1:])
