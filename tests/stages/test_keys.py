"""Which edits of the source recompute which stages, in a copy of the tree."""

import shutil
from pathlib import Path

import pytest

from stages import STAGES, tools
from stages.catalogue import build_stage, parse_params
from stages.engine import closure
from stages.engine.provenance import code_digest, code_files
from stages.left_out import LEFT_OUT

ROOT = Path(__file__).parents[2]
PROFILES = ("compact", "flux")
BUILT = {
    (profile, name): build_stage(name, parse_params({"base": {"profile": profile}}))
    for profile in PROFILES
    for name in STAGES
}


def digests():
    return {key: code_digest(stage) for key, stage in BUILT.items()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of stages/ in which edits do no harm, found in place of this checkout's."""
    root = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stages", root / "stages", ignore=ignored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closure, "_top_folder", lambda top: root if top == "stages" else None)
        yield root


@pytest.fixture(scope="module")
def before(tree):
    assert all(path.is_relative_to(tree) for s in BUILT.values() for path in code_files(s).values())
    return digests()


@pytest.fixture
def recomputed(tree, before):
    """Edits a file; returns the stages whose digests change, by profile."""
    paths = []

    def edit(name):
        path = tree / name
        paths.append((path, path.read_bytes() if path.exists() else None))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("\n# edited\n")
        after = digests()
        return {p: {n for n in STAGES if after[p, n] != before[p, n]} for p in PROFILES}

    yield edit
    for path, content in paths:
        path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize(
    "name",
    [
        "stages/__init__.py",
        "stages/__main__.py",
        "stages/catalogue.py",
        "stages/conditions.py",
        "stages/left_out.py",
        "stages/tools/__init__.py",
        "stages/run.sh",
        "stages/filter/gate.json",
        "stages/map/README.md",
        "stages/models/judge/vlm/README.md",
        "stages/models/explainer/docs/words.md",
        "stages/ingest/scan.py",
        "stages/engine/execution/executor.py",
        "stages/engine/execution/progress.py",
        "stages/engine/gates/complaint.py",
        "stages/models/__init__.py",
        "stages/models/profiles.yaml",
        "stages/models/registry/backends.py",
        "stages/models/weights/weights.toml",
        "stages/models/chat/ledger.py",
        "stages/models/chat/limits.py",
        "stages/models/chat/cache.py",
        "stages/models/chat/retries.py",
        "stages/models/chat/local.py",
        "stages/models/vocabulary/words.py",
        "stages/models/new_back_end.py",
        "stages/models/registry/used.py",
        "stages/package/attribution.py",
        "stages/package/card.py",
        "stages/package/croissant.py",
        "stages/package/croissant_context.json",
        "stages/package/hub_licences.txt",
        "stages/models/judge/other/judge.py",
    ],
)
def test_these_edits_recompute_nothing(recomputed, name):
    assert recomputed(name) == {"compact": set(), "flux": set()}


def both(*names):
    return {"compact": set(names), "flux": set(names)}


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("stages/ingest/decode.py", both("ingest")),
        ("stages/map/policy.py", both("map")),
        ("stages/invert/inversion.py", both("invert")),
        ("stages/invert/params.py", both("invert")),
        ("stages/filter/bounds.py", both("filter")),
        ("stages/package/pair.py", both("package")),
        ("stages/package/assemble.py", both("package")),
        ("stages/records/masks.py", both(*STAGES)),
        ("stages/records/seeding.py", both("map", "inject", "explain")),
        ("stages/tools/add/mapping.py", both("map")),
        ("stages/tools/add/released.py", both("map")),
        ("stages/tools/fuse/parts.py", both("perceive")),
        ("stages/tools/remove/injection.py", both("inject")),
        ("stages/tools/distort/filtering.py", both("filter")),
        ("stages/tools/distort/words.py", both("explain")),
        ("stages/tools/add/briefing.py", {"flux": {"filter", "explain"}}),
        ("stages/models/flow/model.py", both("invert", "inject")),
        ("stages/models/metric/lpips.py", both("filter")),
        ("stages/models/explainer/grammar/rules/overall.py", both("explain")),
        ("stages/models/perceiver/people/hands.py", {"compact": {"perceive"}}),
        ("stages/models/perceiver/mediapipe/perceiver.py", {"compact": {"perceive"}}),
        ("stages/models/perceiver/grounded/boxes.py", {"flux": {"perceive"}}),
        ("stages/models/vocabulary/vlm/vocabulary.md", {"flux": {"perceive"}}),
        ("stages/models/captioner/vlm/caption.md", {"flux": {"perceive"}}),
        ("stages/models/judge/features/coefficients.json", {"compact": {"filter"}}),
        ("stages/models/judge/features/seams.py", {"compact": {"filter"}}),
        ("stages/models/judge/features/new.json", {"compact": {"filter"}}),
        ("stages/models/judge/vlm/verdict.md", {"flux": {"filter"}}),
        ("stages/models/explainer/vlm/flaw.md", {"flux": {"explain"}}),
        ("stages/models/chat/ask.py", {"flux": {"perceive", "filter", "explain"}}),
        ("stages/models/chat/endpoint.py", {"flux": {"perceive", "filter", "explain"}}),
    ],
)
def test_these_edits_recompute_these_stages(recomputed, name, stages):
    assert recomputed(name) == {profile: stages.get(profile, set()) for profile in PROFILES}


def test_another_order_of_tools_recomputes_the_stages_that_use_tools(before, monkeypatch):
    monkeypatch.setattr(tools, "TOOLS", ("fuse", "add", "remove", "distort"))
    after = digests()
    changed = {name for profile, name in BUILT if after[profile, name] != before[profile, name]}
    assert changed == {"perceive", "map", "inject", "filter", "explain"}


def test_every_exception_leaves_something_out():
    paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").rglob("*.*")]
    for pattern in LEFT_OUT:
        assert any(closure.matches(path, [pattern]) for path in paths), pattern


def test_every_file_is_of_a_kind_that_keys_know():
    """Python, or data beside it: another suffix would be covered by no digest."""
    files = [path for path in (ROOT / "stages").rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files if "__pycache__" not in path.parts}
    assert kinds <= {".py", ".sh", *closure.DATA}
