"""Draw and count a blind test: texts of the grammar among sentences that people wrote.

    python -m benchmarks.blind_texts draw OUT PEOPLE.json [--data data] [--count 50] [--seed 0]
    python -m benchmarks.blind_texts tally OUT ANSWERS.json...

``draw`` writes the local texts of the flaws that a build accepted with the grammar of the compact
profile, draws ``--count`` of them, and mixes them with as many sentences of PEOPLE.json: a JSON
list of strings, or LOKI's annotation of images (a list of records with their sentences in
``problems.regional[].desc``), in UTF-8 or UTF-16. Only sentences of like kind are drawn: on the
structure, shape or number of things and body parts (`KEPT`), not on text, light, colour, land or
physics (`DROPPED`). Both are as written, except that white space is made uniform. The folder OUT
gets ``sentences.txt``, numbered and in random order, and ``key.json``, the author of each: ``ours``
or ``people``.

An answer file is a JSON list of the numbers that a looker took for a person's. ``tally`` counts how
many of ours and of theirs each looker took for a person's, and how many all of them did.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.explanations import add_facts, read_scenes
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.records.documents import Mapping

KEPT = re.compile(
    r"\b(?:structur\w*|shapes?|number|extra|multiple|missing|fused|merg\w+|blend\w*|mixed|"
    r"intertwin\w+|boundar\w+|distort\w+|twisted|asymmetr\w+|separat\w+|connected|stuck|incomplete|"
    r"chaotic|disordered|only have|should have|same size|different sizes)\b",
    re.IGNORECASE,
)
"""Words of sentences about the structure, shape or number of things."""
DROPPED = re.compile(
    r"\b(?:texts?|paragraphs?|fonts?|captions?|watermarks?|documents?|forms?|titles?|tables?|columns?|"
    r"margins?|translat\w+|spaces? between|gaps?|letters|numbers and symbols|shadow\w*|light\w*|"
    r"highlights?|reflect\w+|bright\w*|colou?r\w*|saturat\w+|satellite|vegetation|lands?|roads?|"
    r"ground|grass\w*|lawn|sea|lake|water|waves?|ripples?|mountains?|rock\w*|stones?|desert|sky|"
    r"trees?|fields?|terraced?|shore|float\w*|suspended|logic\w*|the area (?:exhibits|contains|has|"
    r"shows)|region|objects on|description|sure|certainly|text translates)\b",
    re.IGNORECASE,
)
"""Words of sentences about text, light, colour, land or physics, and of translators' remarks."""


def read_people(file: Path) -> list[str]:
    """Read sentences of like kind, each once, in the file's order.

    Raises:
        SystemExit: the file holds no such sentence.
    """
    content = file.read_bytes()
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    found = dict.fromkeys(" ".join(sentence.split()) for sentence in _sentences(json.loads(text)))
    fitting = [s for s in found if KEPT.search(s) and not DROPPED.search(s)]
    if not fitting:
        raise SystemExit(f"{file}: no sentence about the structure, shape or number of a thing")
    return fitting


def _sentences(records: Sequence[Any]) -> Iterator[str]:
    for record in records:
        if isinstance(record, str):
            yield record
        else:
            yield from (problem["desc"] for problem in record["problems"]["regional"])


def read_documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON documents of a stage's shards."""
    for path in sorted(folder.glob("shard-*.tar")):
        with tarfile.open(path) as shard:
            for member in shard:
                file = shard.extractfile(member) if member.name.endswith(".json") else None
                if file is not None:
                    yield json.load(file)


def read_accepted(folder: Path) -> dict[str, set[str]]:
    """Read the ids of the explained variants by photo key from the explain stage's output folder.

    Raises:
        SystemExit: there are none.
    """
    found = dict[str, set[str]]()
    for document in read_documents(folder):
        found[document["key"]] = {e["variant"] for e in document["explanations"]}
    if not found:
        raise SystemExit(f"no texts in {folder}: run `flawfactory build` first, or pass --data")
    return found


def write_ours(data: Path, seed: int) -> list[str]:
    """Write the local texts of a build's accepted flaws; each text once, in the build's order."""
    author, texts = GrammarExplainer(seed), dict[str, None]()
    accepted = read_accepted(data / "explain")
    scenes = {scene.key: scene for scene in read_scenes(data / "perceive")}
    for document in read_documents(data / "map"):
        mapping = Mapping.model_validate(document)
        for variant in mapping.variants:
            if variant.id in accepted.get(mapping.key, ()):
                known = add_facts(variant, scenes[mapping.key])
                texts[author.local(mapping.key, known)] = None
    return list(texts)


def draw(
    ours: Sequence[str], people: Sequence[str], count: int, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """Draw `count` texts of each and return them in random order with their author.

    Raises:
        SystemExit: there are fewer.
    """
    drawn = list[tuple[str, str]]()
    for name, texts in (("ours", ours), ("people", people)):
        if len(texts) < count:
            raise SystemExit(f"{len(texts)} texts of {name} for --count {count}: pass fewer")
        drawn += [(texts[i], name) for i in rng.choice(len(texts), count, replace=False)]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def tally(key: Sequence[str], answers: Sequence[set[int]]) -> dict[str, list[int]]:
    """Count, for each author, the texts that each looker, and finally all, took for a person's."""
    everybody = set[int].intersection(*answers)
    return {
        name: [
            sum(key[number - 1] == name for number in chosen) for chosen in (*answers, everybody)
        ]
        for name in ("ours", "people")
    }


def main(arguments: list[str]) -> None:
    """Draw a test, or print its counts."""
    parser = argparse.ArgumentParser(description="Mix our texts with people's.")
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("out", type=Path)
    drawing.add_argument("people", type=Path)
    drawing.add_argument("--data", type=Path, default=Path("data"))
    drawing.add_argument("--count", type=int, default=50)
    drawing.add_argument("--seed", type=int, default=0)
    counting = commands.add_parser("tally")
    counting.add_argument("out", type=Path)
    counting.add_argument("answers", type=Path, nargs="+")
    args = parser.parse_args(arguments)
    if args.command == "tally":
        key = json.loads((args.out / "key.json").read_text())
        answers = [set(json.loads(file.read_text())) for file in args.answers]
        for name, counts in tally(key, answers).items():
            print(f"{name}: {counts[:-1]} of {key.count(name)} by looker, {counts[-1]} by all")
        return
    ours, people = write_ours(args.data, args.seed), read_people(args.people)
    mixed = draw(ours, people, args.count, np.random.default_rng(args.seed))
    args.out.mkdir(parents=True, exist_ok=True)
    lines = [f"{number}. {text}" for number, (text, _) in enumerate(mixed, 1)]
    (args.out / "sentences.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (args.out / "key.json").write_text(json.dumps([name for _, name in mixed]))
    print(f"{args.count} of {len(ours)} texts of ours and of {len(people)} sentences of people's")


if __name__ == "__main__":
    main(sys.argv[1:])
