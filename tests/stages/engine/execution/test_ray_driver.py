from multiprocessing import Pipe

import pytest
from toy.factory import line
from toy.source.stage import SourceStage

from stages.engine.execution.ray_driver import _feed, _Incoming
from stages.engine.workspace import FactoryError


def test_an_environment_without_ray_is_one_error_that_names_the_extra(
    factory, tmp_path, monkeypatch
):
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError(\"No module named 'ray'\")")
    monkeypatch.syspath_prepend(tmp_path)
    factory.executor("ray", 0)
    factory.sources(line("a"))
    with pytest.raises(FactoryError, match=r"^executor.kind = 'ray' needs Ray: pip install 'fl.*"):
        factory.compute(SourceStage)


@pytest.mark.parametrize("error", [OSError("no such disk"), ValueError("damaged table")])
def test_an_error_that_ends_the_units_reaches_the_process_that_takes_them(error):
    receiver, sender = Pipe(duplex=False)

    def make_units():
        yield "unit"
        raise error

    _feed(sender, make_units())
    with receiver:
        units = iter(_Incoming(receiver, 3))
        assert next(units) == "unit"
        with pytest.raises(type(error), match=str(error)):
            next(units)


def test_units_are_not_sent_to_a_process_that_has_ended():
    receiver, sender = Pipe(duplex=False)
    receiver.close()
    _feed(sender, ["unit"])
    assert sender.closed
