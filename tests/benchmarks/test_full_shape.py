import torch
from rich.console import Console

from benchmarks import full_shape
from benchmarks.contestants import contestants
from benchmarks.full_shape import FLUX, ceiling, operations, random_flow
from stages.models.flow.model import FluxTransformer2DModel


def test_the_full_shape_is_flux(monkeypatch):
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(**FLUX.transformer)
    assert round(sum(p.numel() for p in transformer.parameters()) / 1e9, 1) == 11.9


def test_random_models_are_born_in_their_precision(tiny_shape):
    flow = random_flow(tiny_shape, torch.bfloat16, torch.device("cpu"))
    models = (flow.transformer, flow.vae)
    assert {p.dtype for model in models for p in model.parameters()} == {torch.bfloat16}
    assert torch.get_default_dtype() == torch.float32
    told = flow.prompts("")
    assert told.text.shape == (1, flow.prompts.tokens, 8) and told.pooled.shape == (1, 8)


def test_operations_grow_with_the_evaluations(flow, task):
    class Entry:
        def __init__(self, evaluations):
            self.evaluations = evaluations

        def job(self, flow, task):
            for _ in range(self.evaluations):
                flow.velocity(torch.zeros(1, 64, 64), 0.5, (8, 8))

    one = operations(flow, Entry(1), task)
    assert one > 0 and operations(flow, Entry(3), task) == 3 * one


def test_the_whole_race_eager_and_compiled(tiny_shape, monkeypatch):
    """The path of a GPU at tiny size on the CPU, but for the compiler itself."""
    monkeypatch.setattr(full_shape, "contestants", lambda *args: contestants(*args)[2:4])
    monkeypatch.setattr(full_shape, "operations", lambda *args: 10**7)
    monkeypatch.setattr(full_shape, "STEPS", 2)
    with torch.compiler.set_stance("force_eager"):
        seen = list(full_shape.run(torch.device("cpu"), lambda _: None, tiny_shape, (128,)))
    rows = seen[-1]["rows"]
    assert len(seen) == 4
    assert [(row["compiled"], row["pairs"]) for row in rows] == [
        (False, 8), (False, 4), (True, 8), (True, 4),
    ]  # fmt: skip
    for eager, compiled in zip(rows[:2], rows[2:], strict=True):
        assert eager["evaluations"] == compiled["evaluations"]
    assert rows[0]["evaluations"] < rows[1]["evaluations"] < 2 * 3
    assert all(row["pairs_an_hour"] > 0 and row["share_of_ceiling"] > 0 for row in rows)
    console = Console(width=150)
    with console.capture() as printed:
        console.print(full_shape.table(seen[-1]))
    assert printed.get().count("compiled") == 2


def test_the_ceiling_is_a_rate():
    assert ceiling(torch.float32, torch.device("cpu"), side=64, rounds=2) > 1e6
