from __future__ import annotations

import pytest

from stages.ingest.licences import Licences, parse_ledger, parse_sidecar
from stages.ingest.sources import ScanError


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "trip" / "day 1").mkdir(parents=True)
    return tmp_path


def write(path, text):
    path.write_text(text, encoding="utf-8")


def test_nobody_said(tree):
    assert Licences(tree).of(tree / "a.jpg") == ("unknown", "unknown")


@pytest.mark.parametrize("name", ["a.jpg.json", "a.json"])
def test_sidecar(tree, name):
    write(tree / name, '{"licence": "CC0-1.0", "origin": "me", "camera": {"iso": 100}}')
    assert Licences(tree).of(tree / "a.jpg") == ("CC0-1.0", "me")
    assert Licences(tree).of(tree / "b.jpg") == ("unknown", "unknown")


def test_american_spelling_in_a_sidecar(tree):
    write(tree / "a.json", '{"license": "MIT"}')
    assert Licences(tree).of(tree / "a.jpg") == ("MIT", "unknown")


def test_ledger_names_files_below_it_and_the_nearest_speaks_first(tree):
    write(
        tree / "LICENCES.toml",
        '[default]\nlicence = "CC-BY-4.0"\norigin = "Ada"\n'
        '[files."trip/day 1/ü.jpg"]\nlicence = "CC0-1.0"\n',
    )
    licences = Licences(tree)
    assert licences.of(tree / "trip" / "day 1" / "ü.jpg") == ("CC0-1.0", "Ada")
    assert licences.of(tree / "trip" / "x.jpg") == ("CC-BY-4.0", "Ada")
    write(tree / "trip" / "LICENCES.toml", '[files."x.jpg"]\nlicence = "MIT"\n')
    licences = Licences(tree)
    assert licences.of(tree / "trip" / "x.jpg") == ("MIT", "unknown")
    assert licences.of(tree / "trip" / "y.jpg") == ("CC-BY-4.0", "Ada")


def test_sidecar_goes_before_the_ledger_which_fills_it_up(tree):
    write(tree / "LICENCES.toml", '[default]\nlicence = "MIT"\norigin = "Ada"\n')
    write(tree / "a.json", '{"licence": "CC0-1.0"}')
    assert Licences(tree).of(tree / "a.jpg") == ("CC0-1.0", "Ada")


def test_ledgers_above_the_scanned_folder_say_nothing(tree):
    write(tree / "LICENCES.toml", '[default]\nlicence = "MIT"\n')
    assert Licences(tree / "trip").of(tree / "trip" / "a.jpg") == ("unknown", "unknown")


def test_accents_match_however_they_are_spelt(tree):
    write(tree / "LICENCES.toml", '[files."\u00fc.jpg"]\nlicence = "MIT"\n')
    assert Licences(tree).of(tree / "u\u0308.jpg")[0] == "MIT"


def test_words_become_one_clean_line(tree):
    said = parse_sidecar('{"licence": " CC0\\n 1.0\\u0007 ", "origin": "  "}', "x")
    assert (said.licence, said.origin) == ("CC0 1.0", None)


@pytest.mark.parametrize(
    "text,words",
    [
        ('{"licence":\n 1 2}', "line 2: is not JSON"),
        ("[" * 60_000, "is not JSON"),
        ("[]", "must be a table"),
        ('{"licence": 7}', "licence must be text"),
        ('{"origin": "' + "x" * 501 + '"}', "at most 500"),
    ],
)
def test_malformed_sidecars_are_named(tree, text, words):
    write(tree / "a.json", text)
    with pytest.raises(ScanError, match=words) as error:
        Licences(tree).of(tree / "a.jpg")
    assert str(tree / "a.json") in str(error.value) and "\n" not in str(error.value)


def test_oversized_and_binary_sidecars_are_named(tree):
    write(tree / "a.json", "{" + " " * 70_000 + "}")
    with pytest.raises(ScanError, match="65,536"):
        Licences(tree).of(tree / "a.jpg")
    (tree / "b.json").write_bytes(b'{\n"licence": "\xff"}')
    with pytest.raises(ScanError, match="line 2: is not UTF-8"):
        Licences(tree).of(tree / "b.jpg")


@pytest.mark.parametrize(
    "text,words",
    [
        ("[default]\nlicence = MIT", "line 2"),
        ('[defaults]\nlicence = "MIT"', "unknown table 'defaults'"),
        ('[default]\nlicenec = "MIT"', "unknown key 'licenec'"),
        ('[files."a.jpg"]\nlicence = 3', "licence must be text"),
        ("files = 3", "must hold a table"),
        ('[files]\n"a.jpg" = "MIT"', "must be a table"),
    ],
)
def test_malformed_ledgers_are_named(text, words):
    with pytest.raises(ScanError, match=words) as error:
        parse_ledger(text, "LICENCES.toml")
    assert str(error.value).startswith("LICENCES.toml")


def test_very_long_photo_name_needs_no_sidecar(tree):
    assert Licences(tree).of(tree / ("x" * 251 + ".jpg")) == ("unknown", "unknown")
