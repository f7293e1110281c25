import pytest

from flows.comparison.causes import STAGES_OF_ASPECT, explain, explain_stage, find_moves
from flows.comparison.pairs import ASPECTS
from stages import STAGES


def lock(**stages):
    return {
        name: {
            "params": {"params.yaml": {"base": {"seed": 0}, name: params}},
            "deps": [{"path": path, "md5": digest} for path, digest in deps.items()],
        }
        for name, (params, deps) in stages.items()
    }


BEFORE = lock(
    map=({"variants": 4, "gate": {"max": 1}}, {"stages/map": "1", "data/perceive": "1"}),
    filter=({"features": {"probability": 0.64}}, {"stages/filter": "1", "data/inject": "1"}),
    inject=({"rho": 0.0}, {"weights/compact": "1"}),
)


def test_params_code_and_models_move_but_not_gates_and_other_stages_outputs() -> None:
    after = lock(
        map=({"variants": 4, "gate": {"max": 2}}, {"stages/map": "2", "data/perceive": "2"}),
        filter=({"features": {"probability": 0.5}}, {"stages/filter": "1", "data/inject": "2"}),
        inject=({"rho": 0.0}, {"weights/compact": "2"}),
    )
    moves = {name: list(map(str, moved)) for name, moved in find_moves(BEFORE, after).items()}
    assert moves["map"] == ["code stages/map"]
    assert moves["filter"] == ["filter.features.probability: 0.64 -> 0.5"]
    assert moves["inject"] == ["model weights/compact"]
    assert moves["explain"] == []


def test_changed_reviews_are_peoples_verdicts() -> None:
    first, second = (lock(filter=({}, {"reviews": digest})) for digest in "12")
    assert list(map(str, find_moves(first, second)["filter"])) == ["people's verdicts (reviews/)"]


def test_an_aspect_is_explained_by_its_stages_or_the_nearest_before_them() -> None:
    after = lock(
        map=({"variants": 8}, {"stages/map": "1"}),
        filter=({"features": {"probability": 0.5}}, {"stages/filter": "1"}),
        inject=({"rho": 0.0}, {"weights/compact": "1"}),
    )
    moves = find_moves(BEFORE, after)
    assert list(map(str, explain("scores", moves))) == ["filter.features.probability: 0.64 -> 0.5"]
    assert list(map(str, explain("picture", moves))) == ["map.variants: 4 -> 8"]
    assert explain("photo", moves) == ()
    assert list(map(str, explain_stage("explain", moves))) == [
        "filter.features.probability: 0.64 -> 0.5"
    ]


@pytest.mark.parametrize("known", [({}, BEFORE), (BEFORE, {})])
def test_without_both_locks_nothing_is_known(known) -> None:
    assert find_moves(*known) == {}
    assert explain("text", find_moves(*known)) == ()


def test_every_aspect_has_stages() -> None:
    assert set(STAGES_OF_ASPECT) == set(ASPECTS)
    assert {stage for stages in STAGES_OF_ASPECT.values() for stage in stages} <= set(STAGES)
