import os
import subprocess
import sys
from pathlib import Path

import pytest
from http_folder import serve

from flows.prefect_api import (
    configured_url,
    is_reachable,
    reach_loopback_past_proxies,
    require_reachable,
)
from stages.engine.workspace import FactoryError

DEAD = "http://127.0.0.1:9/api"
ASK = "from flows.prefect_api import configured_url; print(configured_url())"


def run_configured_url(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run `configured_url()` in a process of its own, since Prefect reads its files once."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | environment
    return subprocess.run(
        [sys.executable, "-c", ASK], env=variables, capture_output=True, text=True
    )


def test_the_environment_configures_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect:4200/api")
    assert configured_url() == "http://prefect:4200/api"
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert configured_url() is None


def test_a_profile_configures_the_server(tmp_path: Path) -> None:
    profile = 'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://prefect:4200/api"\n'
    (tmp_path / "profiles.toml").write_text(profile)
    assert run_configured_url(PREFECT_HOME=str(tmp_path)).stdout == "http://prefect:4200/api\n"
    assert run_configured_url(PREFECT_HOME=str(tmp_path / "other")).stdout == "None\n"
    assert run_configured_url(PREFECT_HOME=str(tmp_path), PREFECT_API_URL="").stdout == "None\n"


def test_unreadable_prefect_settings_are_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text(
        'active = "a"\n[profiles.a]\nPREFECT_API_REQUEST_TIMEOUT = "soon"\n'
    )
    said = run_configured_url(PREFECT_HOME=str(tmp_path)).stderr.splitlines()[-1]
    assert "FactoryError: Prefect cannot read its settings" in said
    assert "PREFECT_API_URL= flawfactory build" in said


def test_an_unreachable_server_is_a_one_line_error_with_remedies() -> None:
    assert not is_reachable(DEAD)
    with pytest.raises(FactoryError) as error:
        require_reachable(DEAD)
    words = str(error.value)
    assert "\n" not in words and DEAD in words and "refused" in words
    assert "prefect server start" in words and "PREFECT_API_URL= flawfactory build" in words


@pytest.mark.parametrize("version,refused", [("2.20.1", True), ("3.0.0", False)])
def test_a_server_of_another_major_version_is_refused(
    version: str, refused: bool, tmp_path: Path
) -> None:
    (tmp_path / "api" / "admin").mkdir(parents=True)
    (tmp_path / "api" / "health").write_text("true")
    (tmp_path / "api" / "admin" / "version").write_text(f'"{version}"')
    with serve(tmp_path) as served:
        url = f"{served.url.rstrip('/')}/api"
        if not refused:
            require_reachable(url)
            return
        with pytest.raises(FactoryError) as error:
            require_reachable(url)
    words = str(error.value)
    assert "\n" not in words and url in words and version in words
    assert "PREFECT_API_URL= flawfactory build" in words


def test_loopback_is_added_once_to_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    reach_loopback_past_proxies()
    reach_loopback_past_proxies()
    assert os.environ["NO_PROXY"] == "example.org,localhost,127.0.0.1,::1"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost,::1"
