"""Two profiles, red and blue, of made-up back ends."""

from typing import Literal

import pytest

from stages.engine.section import Section, Share
from stages.models.options import Device, Options
from stages.models.registry import BACKENDS, Backend, Choice, backends, profiles


class ThingOptions(Options):
    colour: Literal["red", "green", "blue"]
    device: Device = "cpu"


class ThingParams(Section):
    size: Share = 0.5


class Thing:
    def __init__(self, options, params):
        self.colour, self.size = options.colour, params.size

    @classmethod
    def revision(cls, options):
        return f"thing {options.colour}"


class Toy(Thing):
    def __init__(self):
        pass


class WardrobeOptions(Options):
    device: Device = "cpu"


class Wardrobe:
    def __init__(self, options, judge, seed):
        self.judge, self.seed = judge, seed

    @classmethod
    def revision(cls, options):
        return "wardrobe"


@pytest.fixture
def shelf(monkeypatch):
    thing = Backend("things:Thing", "things:ThingOptions", "things:ThingParams")
    wardrobe = Backend("wardrobes:Wardrobe", "wardrobes:WardrobeOptions", needs=("judge",))
    monkeypatch.setitem(BACKENDS, "judge", {"thing": thing, "toy": Backend("things:Toy")})
    monkeypatch.setitem(BACKENDS, "explainer", {"wardrobe": wardrobe})
    monkeypatch.setattr(backends, "import_name", lambda place: globals()[place.partition(":")[2]])
    choices = {
        name: {
            "judge": Choice.model_validate({"backend": "thing", "colour": name}),
            "explainer": Choice(backend="wardrobe"),
        }
        for name in ("red", "blue")
    }
    monkeypatch.setattr(profiles, "read_profiles", lambda: choices)
