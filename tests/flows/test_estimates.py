import io

import pytest
import yaml
from rich.console import Console

from flows.estimates import estimate_calls, estimate_table
from stages.engine.workspace import Workspace
from stages.models.chat.ledger import NAME, Call, Ledger
from stages.models.chat.settings import CallSettings

MODEL = "my-model"
PRICE = f'[calls.prices]\n"{MODEL}" = {{ input = 10, output = 100 }}\n'
TODO = {"perceive": 10, "map": 10, "filter": 10, "explain": 10}


@pytest.fixture
def flux_workspace(workspace: Workspace) -> Workspace:
    """Profile flux with a priced model and three variants per photo."""
    params = {
        "base": {"profile": "flux", "models": {"chat": {"name": MODEL}}},
        "map": {"variants": 3},
    }
    (workspace.root / "params.yaml").write_text(yaml.safe_dump(params))
    (workspace.root / "factory.toml").write_text("[calls]\nbudget = 5\n" + PRICE)
    return workspace


def record_call(
    workspace: Workspace,
    purpose: str,
    sent: int,
    received: int,
    model: str = MODEL,
    example_pictures: int = 0,
) -> None:
    ledger = Ledger(workspace.calls / NAME, CallSettings())
    number, _ = ledger.open(Call(purpose, model, 5000, 1000, example_pictures))
    assert number is not None
    ledger.record_answer(number, sent, received)


def render_estimates(workspace: Workspace) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(estimate_table(workspace, estimate_calls(workspace, TODO)))
    return " ".join(console.export_text().split())  # the caption is wrapped


def test_calls_are_counted_per_photo_or_per_variant(flux_workspace: Workspace) -> None:
    calls = {(e.stage, e.question): e.calls for e in estimate_calls(flux_workspace, TODO)}
    assert calls == {
        ("perceive", "vocabulary"): 10,
        ("perceive", "caption"): 10,
        ("filter", "verdict"): 30,
        ("explain", "flaw"): 30,
        ("explain", "clean"): 10,
    }
    assert estimate_calls(flux_workspace, {"perceive": 0, "invert": 10}) == []


def test_pictures_with_several_flaws_are_asked_about_too(flux_workspace: Workspace) -> None:
    path = flux_workspace.root / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["map"] |= {"variants": 5, "flaws_per_picture": 3}
    path.write_text(yaml.safe_dump(params))
    calls = {e.question: e.calls for e in estimate_calls(flux_workspace, {"explain": 10})}
    assert calls == {"flaw": 50, "picture": 20, "clean": 10}


def test_a_profile_without_model_calls_has_no_estimate(workspace: Workspace) -> None:
    assert estimate_calls(workspace, TODO) == []


def test_before_the_first_call_only_the_number_of_calls_is_known(flux_workspace: Workspace) -> None:
    assert all(e.tokens is None and e.money is None for e in estimate_calls(flux_workspace, TODO))
    text = render_estimates(flux_workspace)
    assert "known after the first calls" in text and "the budget is 5" in text
    assert "total 0.0000 without vocabulary" in text
    assert not flux_workspace.calls.exists()  # a plan leaves no trace


def test_cost_is_the_mean_of_earlier_calls_times_the_price(flux_workspace: Workspace) -> None:
    record_call(flux_workspace, "caption", 1000, 100)
    record_call(flux_workspace, "caption", 3000, 300)
    record_call(flux_workspace, "caption", 9000, 900, model="another")
    found = {e.question: e for e in estimate_calls(flux_workspace, TODO)}
    assert found["caption"].tokens == (20_000, 2_000)
    assert found["caption"].money == pytest.approx(0.2 + 0.2)
    assert found["verdict"].money is None
    assert "0.4000" in render_estimates(flux_workspace)


@pytest.mark.parametrize(
    ("examples", "then", "tokens"), [(0, 0, 1000), (2, 6, 1000), (2, 0, 10_600), (0, 6, 1000)]
)
def test_pictures_of_examples_are_counted(
    flux_workspace: Workspace, examples: int, then: int, tokens: int
) -> None:
    path = flux_workspace.root / "params.yaml"
    params = yaml.safe_load(path.read_text()) | {"filter": {"vlm": {"examples": examples}}}
    path.write_text(yaml.safe_dump(params))
    record_call(flux_workspace, "verdict", 1000, 100, example_pictures=then)
    found = {e.question: e for e in estimate_calls(flux_workspace, TODO)}
    assert found["verdict"].example_pictures == 30 * 3 * examples
    assert found["verdict"].tokens == (30 * tokens, 3000)
    assert found["flaw"].example_pictures == 0
    assert str(30 * 3 * examples) in render_estimates(flux_workspace)


def test_an_unknown_price_is_reported(flux_workspace: Workspace) -> None:
    (flux_workspace.root / "factory.toml").write_text("")
    record_call(flux_workspace, "caption", 1000, 100)
    found = {e.question: e for e in estimate_calls(flux_workspace, TODO)}
    assert found["caption"].tokens == (10_000, 1_000) and found["caption"].money is None
    text = render_estimates(flux_workspace)
    assert text.count("unknown price") >= 5 and f"name {MODEL} in [calls] prices" in text


def test_a_model_in_this_process_is_free(flux_workspace: Workspace) -> None:
    (flux_workspace.root / "tiny").mkdir()
    chat = {"backend": "transformers", "name": str(flux_workspace.root / "tiny")}
    params = {"base": {"profile": "flux", "models": {"chat": chat}}}
    (flux_workspace.root / "params.yaml").write_text(yaml.safe_dump(params))
    record_call(flux_workspace, "clean", 1000, 100, model="tiny")
    (clean,) = [e for e in estimate_calls(flux_workspace, {"explain": 4}) if e.question == "clean"]
    assert (clean.model, clean.tokens, clean.money) == ("tiny", (4000, 400), 0.0)
