import hashlib

import pytest

from stages.models.weights import hub
from stages.models.weights.packages import WeightsError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS, CONFIG = b"weights" * 99, b'{"model_type": "thing"}'


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def model(**change):
    pin = hub.HubFile(path="model.safetensors", bytes=len(WEIGHTS), sha256=sha256(WEIGHTS))
    fields = {
        "repo": "lab/thing", "revision": COMMIT, "licence": "MIT", "files": (pin,),
        "patterns": ("*.json", "*.safetensors"),
    }  # fmt: skip
    return hub.HubModel.model_validate({**fields, **change})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub's client, and one pinned model."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "catalogue", lambda: {"lab/thing": model()})
    return tmp_path


def fill(cache, files=None, listed=True):
    """Write what the client's `snapshot_download` leaves on disk."""
    files = files or {"config.json": CONFIG, "model.safetensors": WEIGHTS}
    repo = cache / "models--lab--thing"
    snapshot = repo / "snapshots" / COMMIT
    for folder in (snapshot, repo / "blobs", repo / "refs", repo / "trees"):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "main").write_text(COMMIT)
    entries = []
    for name, data in files.items():
        big = name.endswith(".safetensors")
        blob = sha256(data) if big else git_sha1(data)
        (repo / "blobs" / blob).write_bytes(data)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(repo / "blobs" / blob)
        entries.append((name, data, blob, big))
    if listed:
        from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

        tree = {
            name: TreeCacheEntry(
                size=len(data), blob_id=git_sha1(data) if big else blob,
                lfs_sha256=blob if big else None, lfs_size=len(data) if big else None,
                xet_hash=None,
            )
            for name, data, blob, big in entries
        }  # fmt: skip
        write_tree_cache(repo, COMMIT, tree)
    return snapshot


@pytest.fixture
def served(monkeypatch, cache):
    """A hub that serves the model; returns the calls it receives."""
    import huggingface_hub

    calls, real = [], huggingface_hub.snapshot_download

    def download(repo, **options):
        if not options.get("local_files_only"):
            calls.append((repo, options["revision"]))
            return fill(cache)
        return real(repo, **options)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return calls


def test_every_pin_is_a_commit():
    assert {"black-forest-labs/FLUX.1-dev", "IDEA-Research/grounding-dino-base"} <= set(
        hub.catalogue()
    )
    assert all(hub.COMMIT.fullmatch(pinned.revision) for pinned in hub.catalogue().values())


def test_flux_patterns_exclude_the_copies_at_its_root():
    from huggingface_hub.utils import filter_repo_objects

    flux = hub.catalogue()["black-forest-labs/FLUX.1-dev"]
    wanted = [
        "model_index.json", "transformer/config.json", "tokenizer/merges.txt",
        "text_encoder_2/model-00001-of-00002.safetensors", "tokenizer_2/spiece.model",
    ]  # fmt: skip
    unwanted = ["flux1-dev.safetensors", "ae.safetensors", "dev_grid.jpg", "README.md"]
    assert list(filter_repo_objects(wanted + unwanted, allow_patterns=flux.patterns)) == wanted


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "weights" / "mine"
    (out / "vae").mkdir(parents=True)
    (out / "vae" / "config.json").write_bytes(CONFIG)
    (out / "vae" / "model.safetensors").write_bytes(WEIGHTS)
    return out


def test_a_local_folder_resolves_to_itself(folder):
    assert hub.resolve(str(folder)) == hub.resolve(folder) == folder


def test_a_relative_folder_is_found_from_any_working_directory(monkeypatch, tmp_path, folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "ROOT", folder.parents[1])
    assert hub.resolve("weights/mine") == folder


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folders_revision_depends_on_weights_and_configuration(folder, name):
    first = hub.revision(str(folder))
    assert hub.revision(str(folder)) == first and len(first) == 64
    (folder / "README.md").write_text("words")
    assert hub.revision(str(folder)) == first
    file = folder / "vae" / name
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert hub.revision(str(folder)) != first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody/knows", "not pinned"),
        ("no-slash", "neither a folder nor a name"),
        ("../../nobody", "neither a folder nor a name"),
        ("a/b/c", "neither a folder nor a name"),
        ("lab/thing@../main", "neither a folder nor a name"),
    ],
)
def test_names_that_are_not_pinned_are_refused(cache, name, message):
    for function in (hub.find, hub.revision, hub.resolve):
        with pytest.raises(WeightsError, match=message):
            function(name)


def test_a_pinned_revision_needs_no_files(cache):
    assert hub.revision("lab/thing") == f"lab/thing@{COMMIT}"
    other = COMMIT[::-1]
    assert hub.revision(f"other/thing@{other}") == f"other/thing@{other}"


def test_a_branch_named_by_the_user_resolves_to_the_fetched_commit(cache):
    with pytest.raises(WeightsError, match="not on this machine"):
        hub.revision("lab/thing@main")
    fill(cache)
    assert hub.revision("lab/thing@main") == f"lab/thing@{COMMIT}"


def test_a_model_that_was_not_fetched_names_the_remedy(cache):
    with pytest.raises(WeightsError, match="not on this machine: run `flawfactory models fetch`"):
        hub.resolve("lab/thing")
    assert not hub.is_available(model())


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "older client"])
def test_a_fetched_model_is_found(cache, listed):
    snapshot = fill(cache, listed=listed)
    assert hub.resolve("lab/thing") == snapshot and hub.is_available(model())


def test_damaged_weights_are_not_resolved(cache):
    snapshot = fill(cache)
    (snapshot / "model.safetensors").resolve().write_bytes(WEIGHTS[:-1] + b"x")
    with pytest.raises(WeightsError, match="missing or damaged"):
        hub.resolve("lab/thing")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_every_damaged_file_is_detected(cache, name):
    path = (fill(cache) / name).resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert not hub.is_available(model())


def test_a_missing_file_is_detected(cache):
    (fill(cache) / "config.json").unlink()
    assert not hub.is_available(model())


def test_fetching_twice_downloads_once(cache, served):
    assert [hub.fetch(model()), hub.fetch(model())] == ["fetched", "present"]
    assert served == [("lab/thing", COMMIT)]


def test_fetching_replaces_damaged_files(cache, served):
    path = (fill(cache) / "model.safetensors").resolve()
    path.write_bytes(b"x" * len(WEIGHTS))
    assert hub.fetch(model()) == "fetched" and hub.is_available(model())
    assert path.read_bytes() == WEIGHTS


def test_a_download_that_does_not_match_its_pin_is_refused(cache, served):
    pin = hub.HubFile(path="model.safetensors", bytes=3, sha256="0" * 64)
    with pytest.raises(WeightsError, match="does not match its pin"):
        hub.fetch(model(files=(pin,)))


def test_a_gated_model_names_the_remedy(cache, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    def refuse(repo, **options):
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(WeightsError, match=r"accept its licence at .*lab/thing, then set HF_TOKEN"):
        hub.fetch(model())


def test_an_unreachable_hub_is_reported(cache):
    # the client is offline in the tests' environment
    with pytest.raises(WeightsError, match=r"lab/thing@0123456789ab could not be fetched"):
        hub.fetch(model())
