"""Set up a checkout with three stages and with all that builds keep of a photo."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from dvc_commands import dvc

from flows import pipeline
from flows.gallery.images import Pictures, Sources
from flows.sources import update_source_list
from stages.engine.storage.source_list import Source, read_list
from stages.engine.workspace import CURRENT_PHOTO, Workspace
from stages.filter.reviews import FOLDER, Mark, dump_review, make_review
from stages.models.chat.cache import AnswerCache
from stages.models.chat.request import ChatAnswer, ChatRequest
from stages.records.images import write_png

SCRIPT = """
import io, json, sys
from pathlib import Path

from PIL import Image

from stages.engine.storage.assemble import assemble
from stages.engine.execution.executor import execute
from stages.engine.files import sha256
from stages.engine.provenance import code_digest
from stages.engine.runner import gather
from stages.engine.settings import ExecutorSettings
from stages.engine.storage.shard import read_shard, write_shard
from stages.engine.stage import BaseParams, Reject
from stages.engine.storage.store import Result, Store
from stages.engine.storage.tables import REJECT_COLUMNS, reject_row, write_table
from stages.engine.workspace import Workspace
from stages.ingest.stage import IngestParams, IngestStage

workspace, name = Workspace.find(), sys.argv[1]
store, out = Store(workspace.data / ".store"), workspace.stage(name)


def ingest():
    stage = IngestStage(IngestParams(), BaseParams())
    work = gather(stage, workspace)
    todo = [unit for unit in work.units if not store.has(unit.store_key)]
    inline = ExecutorSettings(kind="inline")
    list(execute(stage, store, todo, inline, code_digest(stage)))
    assemble(stage, store, work.units, work.refused, out)


def photos():
    with (workspace.stage("ingest") / "shard-00000.tar").open("rb") as file:
        members = dict(read_shard(file))
    for member, data in members.items():
        if member.endswith(".png"):
            yield member.split(".")[0], data


def smaller(png):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).resize((32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


def perceive():
    samples, rejects = [], []
    for key, png in photos():
        document = {"key": key, "caption": f"what {key} shows"}
        rejects.append(Reject(key, "v1", "not_a_flaw", "nothing is wrong", {"answer": key[::-1]}))
        store.put(sha256(key.encode()), Result(document, {"thumb.png": smaller(png)}, rejects[-1:]))
        samples.append((key, {"thumb.png": smaller(png), "json": json.dumps(document).encode()}))
    write_shard(out / "shard-00000.tar", samples)
    write_table(out / "rejects.parquet", [reject_row(reject) for reject in rejects], REJECT_COLUMNS)


def package():
    samples = [(f"{key}-v0", {"real.png": png, "json": b"{}"}) for key, png in photos()]
    write_shard(out / "train-00000.tar", samples)
    rows = [{"key": k.split("-")[0], "pair": k} for k, _ in samples]
    write_table(out / "manifest.parquet", rows, {"key": str, "pair": str})


{"ingest": ingest, "perceive": perceive, "package": package}[name]()
"""


class Factory:
    """A checkout: does what users do, and writes what builds leave behind."""

    def __init__(self, folder: Path) -> None:
        self.root, self.photos = folder / "a factory", folder / "her pictures"
        self.shelf, self.prefect = folder / "shelf", folder / "prefect"
        self.workspace = Workspace(self.root)
        self.root.mkdir()
        (self.root / "stage.py").write_text(SCRIPT)
        data = "data/sources/photos"
        stages = {
            name: {"cmd": f"python stage.py {name}", "deps": [dep], "outs": [f"data/{name}"]}
            for name, dep in {"ingest": data, "perceive": "data/ingest", "package": "data/ingest"}
            .items()
        }  # fmt: skip
        (self.root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
        (self.root / "params.yaml").write_text("{}\n")
        (self.root / ".gitignore").write_text("data/?*\n!data/*.dvc\n")
        self.run("git", "init", "-q")
        self.dvc("init", "-q")
        self.dvc("remote", "add", "-q", "-d", "shelf", str(self.shelf))

    def run(self, *command: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b") if command[0] == "git" else ()
        command = (command[0], *who, *command[1:])
        environment = pipeline.child_environment()
        subprocess.run(command, cwd=self.root, env=environment, check=True, capture_output=True)

    def dvc(self, *words: str) -> None:
        dvc(self.root, *words)

    def add_photo(self, name: str, seed: int) -> Source:
        """Write a photo to the folder, scan it and return its entry."""
        pixels = np.random.default_rng(seed).integers(0, 256, (130, 140, 3), dtype=np.uint8)
        self.photos.mkdir(exist_ok=True)
        (self.photos / name).write_bytes(write_png(pixels))
        self.scan()
        return next(e for e in read_list(self.workspace.sources) if e.path.endswith(name))

    def scan(self) -> str:
        return update_source_list(self.workspace, [self.photos])

    def build(self, tag: str) -> None:
        """Run the stages; commit and tag the version."""
        self.dvc("repro")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", tag)
        self.run("git", "tag", tag)

    def members(self) -> dict[str, bytes]:
        """Read every picture in the outputs' shards."""
        from stages.engine.storage.shard import read_shard

        found = {}
        for shard in self.workspace.data.glob("*/*.tar"):
            with shard.open("rb") as file:
                found |= {f"{shard.parent.name}/{name}": data for name, data in read_shard(file)}
        return {name: data for name, data in found.items() if name.endswith(".png")}

    def leave_traces(self, photo: Source, png: bytes) -> dict[str, bytes]:
        """Write what models, galleries, reports and Prefect keep of a photo; return its content."""
        data = self.workspace.data
        pictures = Pictures(data / "gallery" / "images")
        flaws = write_png(np.zeros((130, 140), dtype=bool))
        box = (10, 10, 60, 60)
        sources = Sources(png, png, png, flaws, box, box, (140, 130))
        pictures.draw("f" * 20, "0" * 20, sources)
        shown = [pictures.path("photos", "f" * 20), pictures.path("thumbs", "0" * 20)]
        os.environ[CURRENT_PHOTO] = photo.key
        request = ChatRequest("caption", "caption 1", "", "What is this?", (png,), {})
        answer = ChatAnswer("a face nobody else has", "m")
        AnswerCache(self.workspace.calls / "answers").put(photo.key * 4, request, answer)
        del os.environ[CURRENT_PHOTO]
        self.workspace.reports.mkdir(exist_ok=True)
        (self.workspace.reports / "ingest.json").write_text(f'{{"example": "{photo.name}"}}')
        fetched = data / ".fetched" / "people" / "1.png"
        fetched.parent.mkdir(parents=True)
        fetched.write_bytes((self.photos / photo.path).read_bytes())
        partial = data / ".store" / "ab" / ".abc.partial"
        partial.parent.mkdir(exist_ok=True)
        partial.write_bytes(png)
        os.utime(partial, (1, 1))
        review = self.root / FOLDER / "anna.json"
        review.parent.mkdir()
        mark = Mark(pixels_sha256="a" * 64, flaw=f"{photo.key}-v1", verdict="reject",
                    note="not her hand", time=datetime(2026, 11, 26, tzinfo=UTC))  # fmt: skip
        review.write_bytes(dump_review(make_review("0" * 64, "anna", [mark])))
        sheet = b"data:image/jpeg;base64,c2hlZXQ"
        self._show_in_prefect(photo, sheet.decode())
        return {
            **{path.parts[-3]: path.read_bytes() for path in shown},
            "answer": b"a face nobody else has",
            "sheet": sheet,
            "mark": b"not her hand",
        }

    def _show_in_prefect(self, photo: Source, sheet: str) -> None:
        self.prefect.mkdir()
        db = sqlite3.connect(self.prefect / "prefect.db")
        db.executescript(
            "CREATE TABLE artifact (key TEXT, type TEXT, data JSON);"
            "CREATE TABLE artifact_collection (key TEXT, type TEXT, data JSON);"
            "CREATE TABLE log (level INTEGER, message TEXT);"
        )
        for table in ("artifact", "artifact_collection"):
            db.execute(f"INSERT INTO {table} VALUES ('contact-sheet', 'image', ?)", (sheet,))
            db.execute(f"INSERT INTO {table} VALUES ('map-gate', 'table', '[]')")
        db.execute("INSERT INTO log VALUES (20, ?)", (f"{photo.name} is too small",))
        db.commit()
        db.close()


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Factory:
    factory = Factory(tmp_path)
    monkeypatch.chdir(factory.root)
    monkeypatch.setenv("PREFECT_HOME", str(factory.prefect))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return factory
