from pathlib import Path

import pytest

from flows.release.licences import check_licences
from stages.engine.storage.source_list import Source, write_list
from stages.engine.storage.tables import write_table
from stages.engine.workspace import Workspace

KEYS = [f"{n:016x}" for n in range(6)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path)
    found.stage("ingest").mkdir(parents=True)
    write_table(
        found.stage("ingest") / "manifest.parquet", [{"key": key} for key in KEYS[:5]], {"key": str}
    )
    return found


def write(workspace: Workspace, policy: str = "", base: str = "{}", **said: str) -> None:
    """Write params and a list whose photos have what is `said`."""
    params = f"base: {base}\npackage: {{licences: {{{policy}}}}}\n"
    (workspace.root / "params.yaml").write_text(params)
    words = {"licence": "CC0-1.0", "origin": "unknown", "batch": "b", **said}
    entries = [
        Source(path=f"pictures/{n}.png", bytes=1, sha256=key + "0" * 48, **words)
        for n, key in enumerate(KEYS)
    ]
    write_list(workspace.sources, entries)


def test_public_domain_photos_may_be_released_with_the_terms_of_the_weights(
    workspace: Workspace,
) -> None:
    write(workspace)
    found = check_licences(workspace)
    assert found.refusals == []
    (warning,) = found.warnings
    assert warning.startswith("model weights/compact (LicenseRef-NC-flawfactory-compact): research")


def test_a_denied_licence_names_photos_licence_and_remedy(workspace: Workspace) -> None:
    write(workspace, 'deny: ["*-NC-*"], unknown: warn', licence="CC-BY-NC-4.0", creator="Ada")
    photos, weights = check_licences(workspace).refusals
    assert photos.startswith(
        f"licence 'CC-BY-NC-4.0' of pictures/0.png ({KEYS[0]}), pictures/1.png ({KEYS[1]}), "
        f"pictures/2.png ({KEYS[2]}) and 2 more: `package.licences.deny` has *-NC-*; withdraw them"
    )
    assert "flawfactory withdraw KEY" in photos and "change `package.licences`" in photos
    assert "weights/compact" in weights and "choose another model" in weights


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "no licence is given"),
        ({"licence": "MIT (package)"}, "not an SPDX identifier"),
        ({"licence": "CC-BY-4.0"}, "asks for the creator"),
    ],
)
def test_what_is_unknown_is_refused_or_a_warning(
    workspace: Workspace, said: dict[str, str], words: str
) -> None:
    said = {"licence": "unknown", **said}
    write(workspace, **said)
    (line,) = check_licences(workspace).refusals
    assert words in line and "LICENCES.toml" in line
    assert line.endswith("or set `package.licences.unknown: warn`")
    write(workspace, "unknown: warn", **said)
    found = check_licences(workspace)
    assert found.refusals == [] and words in found.warnings[0]


def test_text_that_somebody_has_read_can_be_allowed(workspace: Workspace) -> None:
    write(workspace, 'allow: ["*", "MIT (package)"]', licence="MIT (package)")
    assert check_licences(workspace).refusals == []


def test_photos_that_ingest_rejected_do_not_count(workspace: Workspace) -> None:
    write(workspace)
    entries = [
        Source(path="bad.png", bytes=1, sha256=key + "0" * 48, origin="unknown", batch="b",
               licence="CC0-1.0" if key in KEYS[:5] else "unknown")
        for key in KEYS
    ]  # fmt: skip
    write_list(workspace.sources, entries)
    assert check_licences(workspace).refusals == []


def test_a_remote_model_needs_a_declared_licence(workspace: Workspace) -> None:
    name = "Qwen/Qwen2.5-VL-7B-Instruct"
    write(workspace, base="{profile: flux}")
    (line,) = check_licences(workspace).refusals
    assert line.startswith(f"model {name} (chat): licence 'unknown': no licence is given; give it")
    write(workspace, f"models: {{{name}: Apache-2.0}}", base="{profile: flux}")
    found = check_licences(workspace)
    assert found.refusals == [] and "competes" in found.warnings[0]
