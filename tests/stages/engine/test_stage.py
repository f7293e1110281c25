import pytest
from pydantic import ValidationError
from toy.double.stage import DoubleParams, DoubleStage
from toy.factory import line
from toy.source.stage import Line, SourceStage

from stages.engine.stage import BaseParams, RejectForNow, RejectPhoto, Sample, StageParams


def test_documents_of_a_sample_are_validated():
    sample = Sample("k", {"source": {"key": "k", "text": "t"}}, {})
    assert sample.document("source", Line) == Line(key="k", text="t")
    with pytest.raises(ValidationError):
        Sample("k", {"source": {"key": "k"}}, {}).document("source", Line)


def test_rejects_have_code_message_and_evidence():
    out = RejectPhoto("too_small", "9 px", side=9)
    assert (out.code, out.message, out.evidence) == ("too_small", "9 px", {"side": 9})
    assert isinstance(RejectForNow("away", "not there"), RejectPhoto)


def test_params_refuse_unknown_keys_and_values_out_of_bounds():
    for values in ({"sed": 1}, {"photos_per_shard": 0}):
        with pytest.raises(ValidationError) as refused:
            BaseParams.model_validate(values)
        assert [error["loc"] for error in refused.value.errors()] == [(key,) for key in values]


def test_only_the_first_stage_reads_the_source_list(tmp_path):
    with pytest.raises(NotImplementedError, match="double reads upstream"):
        DoubleStage(DoubleParams(), BaseParams()).entries(tmp_path)


def test_the_engine_writes_the_folder_by_default(tmp_path):
    stage = SourceStage(StageParams(), BaseParams())
    with pytest.raises(NotImplementedError, match="source leaves its layout"):
        stage.assemble([], tmp_path)
    with pytest.raises(NotImplementedError, match="source has no columns that depend on all"):
        stage.finish([line("a")])
    assert stage.revisions() == {}
