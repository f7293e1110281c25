import pytest
from toy.factory import line
from toy.source.stage import SourceStage

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
