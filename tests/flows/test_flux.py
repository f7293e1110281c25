"""Run the `flux` profile from photos to shards: real classes with random weights, the real engine,
DVC's cache and the command line, and a chat server in this process. Its model refuses some
questions, answers some unusably and denies some flaws. The builds, in order: stopped by the budget,
finished, up to date, replayed, with another threshold. tests/stages/models/chat/test_kill.py kills
one."""

import gc
import io
import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from canary import find_canary
from chat_server import ChatServer
from flux_factory import (
    KEY,
    KEY_NAME,
    MODEL,
    PHOTOS,
    FluxFactory,
    UnreliableModel,
    caption,
    save_models,
)
from PIL import Image
from rich.console import Console
from tiny_vlm import save_tiny_vlm
from typer.testing import CliRunner, Result
from webdataset import WebDataset

from flows import spending
from flows.cli import app
from flows.commands.plan import plan
from flows.estimates import estimate_calls
from flows.sources import update_source_list
from stages import STAGES
from stages.catalogue import stage_of
from stages.engine.runner import run
from stages.engine.storage.shard import read_shard
from stages.engine.storage.tables import read_table
from stages.engine.workspace import FactoryError
from stages.models import registry
from stages.records.documents import Inversion, Scene
from stages.records.images import read_mask, read_png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]  # for busy machines
QUESTIONS = ("vocabulary", "caption", "verdict", "flaw", "clean")


@dataclass
class Builds:
    """What the builds said, and how many requests the server had received after each."""

    stopped: FactoryError = None
    after_stop: int = 0
    spent: str = ""
    again: Result = None
    count_again: int = 0
    count: int = 0
    files: dict = field(default_factory=dict)


def run_stages(factory, *names):
    """Run stages in this process, where libraries are imported once, with the same bytes as DVC."""
    for name in names:
        verdict = run(stage_of(name, factory.root), factory.workspace)
        assert verdict.success, [str(check) for check in verdict.failures]


def as_text(shown):
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    return console.file.getvalue()


def files_of(factory):
    """Read every file of every stage's output."""
    folders = [factory.workspace.stage(name) for name in STAGES]
    paths = [p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()]
    return {str(p.relative_to(factory.root)): p.read_bytes() for p in paths}


@pytest.fixture(scope="module")
def server():
    with ChatServer(UnreliableModel()) as running:
        yield running


@pytest.fixture(scope="module")
def factory(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flux")
    made = FluxFactory(folder / "checkout", save_models(folder / "models"), server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLAWFACTORY_ROOT", str(made.root))
        patch.setenv(KEY_NAME, KEY)
        patch.chdir(made.root)
        yield made


@pytest.fixture(scope="module")
def builds(factory, server):
    builds = Builds()
    update_source_list(factory.workspace, [factory.root / "photos"])
    run_stages(factory, *STAGES[:5])
    # Covers what perceive has cost and a verdict's maximum, but not that of all verdicts.
    factory.settings(budget=0.28)
    with pytest.raises(FactoryError) as stopped:
        run_stages(factory, "filter")
    builds.stopped = stopped.value
    builds.after_stop = server.count
    factory.settings(budget=10)
    start = time.time()
    run_stages(factory, *STAGES[5:])
    builds.spent = as_text(spending.spending_table(factory.workspace, start))
    factory.commit(*STAGES)
    builds.count = server.count
    builds.again = CliRunner().invoke(app, ["build"])
    builds.count_again = server.count
    builds.files = files_of(factory)
    return builds


def count_requests(server):
    """Count the requests by question."""
    return Counter(seen.name for seen in server.requests)


def documents(factory, stage, model):
    folder = factory.workspace.stage(stage)
    for shard in sorted(folder.glob("*.tar")):
        for name, data in read_shard(io.BytesIO(shard.read_bytes())):
            if name.endswith(".json"):
                yield model.model_validate_json(data)


def test_the_build_writes_pairs_that_decode(builds, factory):
    rows = read_table(factory.workspace.stage("package") / "manifest.parquet")
    assert rows and {row["profile"] for row in rows} == {"flux"}
    shards = sorted(map(str, factory.workspace.stage("package").glob("*.tar")))
    pairs = list(WebDataset(shards, shardshuffle=False))
    assert len(pairs) == len(rows)
    for pair in pairs:
        real, artifact = read_png(pair["real.png"]), read_png(pair["artifact.png"])
        mask, edit = read_mask(pair["mask.png"]), read_mask(pair["edit.png"])
        assert (real != artifact).any() and mask.any()
        assert (real == artifact)[~edit].all()


def test_every_question_reaches_the_server_and_its_answers_reach_the_pairs(builds, factory, server):
    assert set(count_requests(server)) == set(QUESTIONS)
    ids = registry.prompts("flux", *registry.roles("flux"))
    rows = read_table(factory.workspace.stage("package") / "manifest.parquet")
    for row in rows:
        assert row["author"] == MODEL
        assert row["clean_text"] == "Every part is complete and the light falls from one side."
        assert row["overall_text"].startswith("The picture is flawed, because the ")
        wanted = set(QUESTIONS) - ({"verdict"} if row["tool"] == "distort" else set())
        assert set(row["prompts"].split(", ")) == {ids[name] for name in wanted}
    assert {row["judge"] for row in rows} <= {"vlm", "bounds"}
    card = (factory.workspace.stage("package") / "README.md").read_text()
    assert all(name in card for name in ("flow", "perceiver", "captioner", "judge", "explainer"))
    assert "Stand-ins" not in card


def test_pairs_record_their_calls_and_what_they_cost(builds, factory):
    shards = factory.workspace.stage("package").glob("*.tar")
    records = [
        json.loads(p["json"]) for p in WebDataset(sorted(map(str, shards)), shardshuffle=False)
    ]
    for record in records:
        questions = json.loads(record["calls"]["questions"])
        named = [question["prompt"].split()[0] for question in questions]
        assert named[:3] == ["vocabulary", "caption", "clean"] and set(named) <= set(QUESTIONS)
        assert named[3:] == (["flaw"] if "verdict" not in named else ["verdict", "flaw"])
        assert sum(record["calls"][part]["requests"] for part in ("photo", "pair")) == sum(
            question["requests"] for question in questions
        )
        for usage in (record["calls"]["photo"], record["calls"]["pair"]):
            assert usage["input_tokens"] > 0 and usage["unpriced"] == 0
            assert usage["cost"] == pytest.approx(0.002 * usage["requests"])


def test_refusals_unusable_answers_and_negative_verdicts_are_rejects(builds, factory):
    fallen = {
        (stage, row["code"], "variant" if row["variant"] else "photo")
        for stage in STAGES
        for row in read_table(factory.workspace.stage(stage) / "rejects.parquet")
    }
    assert fallen >= {
        ("perceive", "refused_to_answer", "photo"),
        ("filter", "refused_to_answer", "variant"),
        ("filter", "unusable_answer", "variant"),
        ("filter", "not_a_flaw", "variant"),
        ("explain", "unusable_answer", "variant"),
    }
    for stage in STAGES:
        report = json.loads((factory.workspace.reports / f"{stage}.json").read_bytes())
        assert report["gate"]["success"], report["gate"]


def test_a_photos_caption_is_its_text_condition_and_is_published(builds, factory):
    photos = {caption(Image.open(factory.root / "photos" / f"{name}.png")) for name in PHOTOS}
    scenes = {scene.key: scene for scene in documents(factory, "perceive", Scene)}
    inversions = {made.key: made for made in documents(factory, "invert", Inversion)}
    assert len({scene.caption for scene in scenes.values()}) == len(scenes) > 1
    assert {scene.caption for scene in scenes.values()} <= photos
    assert inversions and all(made.prompt == scenes[k].caption for k, made in inversions.items())
    rows = read_table(factory.workspace.stage("package") / "manifest.parquet")
    assert {row["caption"] for row in rows} == {scenes[row["key"]].caption for row in rows}


def test_another_caption_gives_other_latents(builds, factory):
    import torch

    from stages.invert.inversion import invert
    from stages.invert.params import InvertParams

    flow = registry.create("flow", stage_of("invert", factory.root).base)
    photo = read_png((factory.root / "photos" / f"{PHOTOS[0]}.png").read_bytes())[:64, :64]
    params = InvertParams(steps=2)
    one, same, other = (
        invert(flow, photo, params, prompt).points[-1]
        for prompt in ("a dog on grass", "a dog on grass", "two boats at night")
    )
    assert torch.equal(one, same) and (one - other).abs().max() > 1e-3


def test_an_exhausted_budget_stops_a_build_and_keeps_results(builds, factory, server):
    said = str(builds.stopped)
    assert "the budget of 0.28 is reached" in said and "All results so far are kept" in said
    # Nothing from before was computed or requested again.
    later = Counter(seen.name for seen in server.requests[builds.after_stop :])
    assert set(later) == {"verdict", "flaw", "clean"} and builds.after_stop < builds.count


def test_calls_tokens_and_cost_are_shown_by_stage(builds, factory, server):
    accounts = spending.read_accounts(factory.workspace)
    sent = {(a.stage, a.purpose): a.sent for a in accounts}
    assert {stage for stage, _ in sent} == {"perceive", "filter", "explain"}
    assert {purpose: count for (_, purpose), count in sent.items()} == count_requests(server)
    for account in accounts:
        answered = account.sent - account.lost
        assert (account.input_tokens, account.output_tokens) == (100 * answered, 10 * answered)
        assert account.unpriced == 0
        assert account.lost or account.money == pytest.approx(0.002 * answered)
    for name in ("verdict", "flaw", "clean"):
        assert name in builds.spent
    assert "perceive" not in builds.spent and "the budget is 10" in builds.spent


def test_the_plan_of_another_build_estimates_its_cost(builds, factory):
    todo = {"perceive": 100, "explain": 10}
    estimates = {e.question: e for e in estimate_calls(factory.workspace, todo)}
    assert set(estimates) == {"vocabulary", "caption", "flaw", "clean"}
    assert estimates["caption"].calls == 100 and estimates["flaw"].calls == 30
    assert estimates["caption"].tokens == (10_000, 1_000)
    assert estimates["caption"].money == pytest.approx(0.2)


def test_a_second_build_sends_nothing(builds):
    assert builds.again.exit_code == 0 and "up to date" in builds.again.output
    assert builds.count_again == builds.count


def test_the_key_is_found_nowhere(builds, factory, server):
    """Neither in the files of the checkout (store, caches, DVC's cache, ledger, logs, reports,
    card, gallery, shards), nor in git's objects, nor in what the builds said."""
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr([seen.body for seen in server.requests])
    gc.collect()  # closing an unreferenced ledger removes its log
    assert list(factory.root.rglob("ledger.sqlite*")) and list(factory.root.rglob("*.parquet"))
    assert find_canary(factory.root, KEY) == []
    assert KEY not in str(builds.stopped) + builds.spent + builds.again.output


def test_a_replay_sends_nothing_and_gives_the_same_bytes(builds, factory, server):
    for name in STAGES:
        shutil.rmtree(factory.workspace.stage(name))
    shutil.rmtree(factory.workspace.data / ".store")
    run_stages(factory, *STAGES[:6])
    factory.repro("explain")  # settings, cache and key reach a stage of DVC's
    run_stages(factory, "package")
    assert server.count == builds.count
    assert files_of(factory) == builds.files


def test_another_threshold_is_planned_and_sends_nothing(builds, factory, server, capsys):
    factory.save(filter={"lpips": {"low": 0, "high": 1.9, "control": 0, "mask": 0}})
    plan()
    said = capsys.readouterr().out
    assert "calls to models, at most" in said and "verdict" in said and "clean" in said
    assert "the budget is 10" in said
    run_stages(factory, "filter", "explain", "package")
    assert server.count == builds.count


def test_a_local_model_replaces_the_endpoint(tmp_path, server, monkeypatch):
    """Random weights give no usable answer: every photo is rejected, with the answers as evidence,
    and the gate stops the build."""
    models = save_models(tmp_path / "models")
    local = FluxFactory(tmp_path / "checkout", models, server, photos=PHOTOS[:1])
    chat = {"backend": "transformers", "name": str(save_tiny_vlm(tmp_path / "tiny-vlm"))}
    local.params["base"]["models"]["chat"] = {**chat, "dtype": "float32", "max_tokens": 8}
    local.save()
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(local.root))
    before = server.count
    update_source_list(local.workspace, [local.root / "photos"])
    run_stages(local, "ingest")
    verdict = run(stage_of("perceive", local.root), local.workspace)
    assert not verdict.success and server.count == before
    (check,) = verdict.failures
    assert check.message.startswith("no photo is left: ")
    assert f"1 unusable_answer (photos/{PHOTOS[0]}.png: " in check.message
    (reject,) = read_table(local.workspace.stage("perceive") / "rejects.parquet")
    assert reject["code"] == "unusable_answer"
    assert "tiny-vlm gave no usable answer" in reject["message"]
    assert len(json.loads(reject["evidence"])["answers"]) == 2  # the question and one correction
    (account,) = spending.read_accounts(local.workspace)
    assert (account.model, account.sent, account.money, account.unpriced) == ("tiny-vlm", 2, 0, 0)
