import os
from pathlib import Path

import pytest

from flows.trial import run_stages
from stages.engine.workspace import FactoryError


def test_only_regular_files_with_content_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty.jpg").touch()
    cases = {"pipe.jpg": "not opened", "empty.jpg": "has no bytes", "gone.jpg": "is not there"}
    for name, words in cases.items():
        with pytest.raises(FactoryError, match=words) as error:
            run_stages(tmp_path / name, [])
        assert str(error.value).startswith(str(tmp_path / name))
        assert "\n" not in str(error.value)
