import pytest
import torch
from rich.console import Console

from benchmarks import full_shape
from benchmarks.full_shape import FLUX, count_operations, make_random_flow, measure_ceiling
from benchmarks.methods import list_methods
from stages.models.flow.model import FluxTransformer2DModel


def test_full_shape_has_the_parameters_of_flux():
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(**FLUX.transformer)
    assert round(sum(p.numel() for p in transformer.parameters()) / 1e9, 1) == 11.9


def test_random_models_are_created_in_their_dtype(tiny_shape):
    flow = make_random_flow(tiny_shape, torch.bfloat16, torch.device("cpu"))
    models = (flow.transformer, flow.vae)
    assert {p.dtype for model in models for p in model.parameters()} == {torch.bfloat16}
    assert torch.get_default_dtype() == torch.float32
    prompt = flow.prompts("")
    assert prompt.text.shape == (1, flow.prompts.tokens, 8) and prompt.pooled.shape == (1, 8)


def test_operations_grow_with_evaluations(flow, task):
    class Method:
        def __init__(self, evaluations):
            self.evaluations = evaluations

        def job(self, flow, task):
            for _ in range(self.evaluations):
                flow.velocity(torch.zeros(1, 64, 64), 0.5, (8, 8))

    one = count_operations(flow, Method(1), task)
    assert one > 0 and count_operations(flow, Method(3), task) == 3 * one


@pytest.mark.slow
def test_run_measures_every_method_eager_and_compiled(tiny_shape, monkeypatch):
    """The code path of a GPU at a tiny size on the CPU, without the compiler itself."""
    monkeypatch.setattr(full_shape, "list_methods", lambda *args: list_methods(*args)[2:4])
    monkeypatch.setattr(full_shape, "count_operations", lambda *args: 10**7)
    monkeypatch.setattr(full_shape, "STEPS", 2)
    with torch.compiler.set_stance("force_eager"):
        found = list(full_shape.run(torch.device("cpu"), lambda _: None, tiny_shape, (128,)))
    rows = found[-1]["rows"]
    assert len(found) == 4
    assert [(row["compiled"], row["pairs"]) for row in rows] == [
        (False, 8), (False, 4), (True, 8), (True, 4),
    ]  # fmt: skip
    for eager, compiled in zip(rows[:2], rows[2:], strict=True):
        assert eager["evaluations"] == compiled["evaluations"]
    assert rows[0]["evaluations"] < rows[1]["evaluations"] < 2 * 3
    assert all(row["pairs_an_hour"] > 0 and row["share_of_ceiling"] > 0 for row in rows)
    console = Console(width=150)
    with console.capture() as printed:
        console.print(full_shape.make_table(found[-1]))
    assert printed.get().count("compiled") == 2


def test_ceiling_is_the_operations_of_the_products_per_second(monkeypatch):
    clock = iter([0.0, 9.0, 10.0, 14.0])  # the warm-up, then four measured seconds
    monkeypatch.setattr(full_shape.time, "perf_counter", lambda: next(clock))
    found = measure_ceiling(torch.float32, torch.device("cpu"), side=64, rounds=2)
    assert found == 2 * 2 * 64**3 / 4
