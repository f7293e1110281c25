"""The search that the tests of secrets rely on finds what is planted."""

import base64
import gzip
import subprocess
import urllib.parse
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from canary import find_canary

SECRET = 'sk-"plant ed"'


@pytest.mark.parametrize(
    "data",
    [f"key={SECRET}".encode(), b"x" + base64.b64encode(f"u:{SECRET}!".encode()),
     base64.b64encode(f"{SECRET}..".encode()), urllib.parse.quote(SECRET).encode(),
     b'{"a": "sk-\\"plant ed\\""}', gzip.compress(SECRET.encode()), zlib.compress(SECRET.encode())],
    ids=["plain", "base64", "shifted base64", "URL", "JSON", "gzip", "zlib"],  # gzip tells the time
)  # fmt: skip
def test_a_planted_secret_is_found_in_every_form(tmp_path, data):
    (tmp_path / "clean").write_bytes(b"nothing")
    (tmp_path / "planted").write_bytes(data)
    assert find_canary(tmp_path, SECRET) == ["planted"]


def test_a_planted_secret_is_found_in_tables_names_and_git(tmp_path):
    pq.write_table(pa.table({"a": [SECRET] * 3}), tmp_path / "rows.parquet", compression="zstd")
    (tmp_path / f"{SECRET}.txt").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", "hash-object", "-w", "--stdin"]
    subprocess.run(command, cwd=tmp_path, input=SECRET.encode(), check=True, capture_output=True)
    found = find_canary(tmp_path, SECRET)
    assert "rows.parquet" in found and f"{SECRET}.txt" in found and "git objects" in found[-1]
