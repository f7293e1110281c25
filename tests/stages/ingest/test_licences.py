from __future__ import annotations

import re

import pytest

from stages.ingest.licences import Licences, PhotoRights, parse_ledger
from stages.ingest.sources import ScanError


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "trip" / "day 1").mkdir(parents=True)
    return tmp_path


def pair(licences, photo):
    """Licence and origin."""
    found = licences.of(photo)
    return found.licence, found.origin


def write(path, text):
    path.write_text(text, encoding="utf-8")


def test_licence_and_origin_default_to_unknown(tree):
    assert pair(Licences(tree), tree / "a.jpg") == ("unknown", "unknown")


@pytest.mark.parametrize("name", ["a.jpg.flawfactory.json", "a.jpg.json", "a.json"])
def test_sidecar_is_read(tree, name):
    write(tree / name, '{"licence": "CC0-1.0", "origin": "me", "camera": {"iso": 100}}')
    licences = Licences(tree)
    assert pair(licences, tree / "a.jpg") == ("CC0-1.0", "me")
    assert pair(licences, tree / "b.jpg") == ("unknown", "unknown")
    assert not licences.foreign and not licences.skipped


def test_sidecar_may_use_american_spelling(tree):
    write(tree / "a.json", '{"license": "MIT"}')
    assert pair(Licences(tree), tree / "a.jpg") == ("MIT", "unknown")


def test_our_own_suffix_has_priority_over_common_names(tree):
    write(tree / "a.jpg.flawfactory.json", '{"licence": "CC0-1.0"}')
    write(tree / "a.json", '{"license": "MIT"}')
    assert pair(Licences(tree), tree / "a.jpg") == ("CC0-1.0", "unknown")


@pytest.mark.parametrize(
    "text",
    [
        '{"version": "5.4.1", "shapes": [], "imageData": null}',
        '{"imageData": "' + "A" * 90_000 + '"}',
        '[{"SourceFile": "pic.jpg", "Make": "X"}]',
        '{"license": 3, "file_name": "pic.jpg"}',
        '{"license": {"id": "4", "name": "CC BY"}, "title": "x"}',
        '{"license": "MIT", "origin": {"x": 1}}',
        "7",
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jpg.json"])
def test_files_of_other_programs_are_ignored(tree, name, text):
    write(tree / name, text)
    write(tree / "LICENCES.toml", '[default]\nlicence = "CC0-1.0"\n')
    licences = Licences(tree)
    assert pair(licences, tree / "a.jpg") == ("CC0-1.0", "unknown")
    assert pair(licences, tree / "b.jpg") == ("CC0-1.0", "unknown")
    assert licences.foreign == {tree / name} and not licences.skipped


def test_byte_order_marks_are_ignored(tree):
    (tree / "a.json").write_bytes(b'\xef\xbb\xbf{"licence": "CC0-1.0"}')
    (tree / "LICENCES.toml").write_bytes(b'\xef\xbb\xbf[default]\norigin = "Ada"\n')
    assert pair(Licences(tree), tree / "a.jpg") == ("CC0-1.0", "Ada")


def test_nearest_ledger_that_lists_the_file_applies(tree):
    write(
        tree / "LICENCES.toml",
        '[default]\nlicence = "CC-BY-4.0"\norigin = "Ada"\n'
        '[files."trip/day 1/ü.jpg"]\nlicence = "CC0-1.0"\n',
    )
    licences = Licences(tree)
    assert pair(licences, tree / "trip" / "day 1" / "ü.jpg") == ("CC0-1.0", "Ada")
    assert pair(licences, tree / "trip" / "x.jpg") == ("CC-BY-4.0", "Ada")
    write(tree / "trip" / "LICENCES.toml", '[files."x.jpg"]\nlicence = "MIT"\n')
    licences = Licences(tree)
    assert pair(licences, tree / "trip" / "x.jpg") == ("MIT", "unknown")
    assert pair(licences, tree / "trip" / "y.jpg") == ("CC-BY-4.0", "Ada")


def test_sidecar_has_priority_and_the_ledger_completes_it(tree):
    write(tree / "LICENCES.toml", '[default]\nlicence = "MIT"\norigin = "Ada"\n')
    write(tree / "a.json", '{"licence": "CC0-1.0"}')
    assert pair(Licences(tree), tree / "a.jpg") == ("CC0-1.0", "Ada")


def test_ledgers_above_the_scanned_folder_are_ignored(tree):
    write(tree / "LICENCES.toml", '[default]\nlicence = "MIT"\n')
    assert pair(Licences(tree / "trip"), tree / "trip" / "a.jpg") == ("unknown", "unknown")


def test_accents_match_in_either_encoding(tree):
    write(tree / "LICENCES.toml", '[files."\u00fc.jpg"]\nlicence = "MIT"\n')
    assert Licences(tree).of(tree / "u\u0308.jpg").licence == "MIT"


def test_values_become_one_clean_line(tree):
    write(tree / "a.json", '{"licence": " CC0\\n 1.0\\u0007 ", "origin": "  "}')
    assert pair(Licences(tree), tree / "a.jpg") == ("CC0 1.0", "unknown")


@pytest.mark.parametrize(
    "text,words",
    [
        ('{"licence":\n 1 2}', "line 2: not JSON"),
        ('{"license":"CC0-1.0","title":"x', "line 1: not JSON; fix or remove it"),
        ("[" * 60_000, "not JSON"),
        ('{"licence": ' + "1" * 5000 + "}", "not JSON"),
        ("[]", "must be a table"),
        ('{"licence": 7}', "licence must be text"),
        ('{"origin": "' + "x" * 501 + '"}', "at most 500"),
        ("{" + " " * 70_000 + "}", "65,536"),
    ],
)
def test_unusable_sidecar_is_reported_and_skipped(tree, text, words):
    sidecar = tree / "a.jpg.flawfactory.json"
    write(sidecar, text)
    write(tree / "LICENCES.toml", '[default]\nlicence = "MIT"\n')
    licences = Licences(tree)
    assert pair(licences, tree / "a.jpg") == ("MIT", "unknown")
    (said,) = licences.skipped.values()
    assert str(sidecar) in said and re.search(words, said) and "\n" not in said


def test_sidecar_in_another_encoding_is_reported(tree):
    (tree / "b.json").write_bytes(b'{\n"licence": "\xff"}')
    licences = Licences(tree)
    assert pair(licences, tree / "b.jpg") == ("unknown", "unknown")
    assert "line 2: not UTF-8" in licences.skipped[tree / "b.json"]


@pytest.mark.parametrize(
    "text,words",
    [
        ("[default]\nlicence = MIT", "line 2"),
        ('[defaults]\nlicence = "MIT"', "unknown table 'defaults'"),
        ('[default]\nlicenec = "MIT"', "unknown key 'licenec'"),
        ('[files."a.jpg"]\nlicence = 3', "licence must be text"),
        ("files = 3", "must have a table"),
        ('[files]\n"a.jpg" = "MIT"', "must be a table"),
    ],
)
def test_malformed_ledger_is_an_error(text, words):
    with pytest.raises(ScanError, match=words) as error:
        parse_ledger(text, "LICENCES.toml")
    assert str(error.value).startswith("LICENCES.toml")


def test_very_long_photo_name_needs_no_sidecar(tree):
    assert pair(Licences(tree), tree / ("x" * 251 + ".jpg")) == ("unknown", "unknown")


def test_creator_and_title_come_from_the_same_places(tree):
    write(
        tree / "LICENCES.toml",
        '[default]\nlicence = "CC-BY-4.0"\ncreator = "Ada Example"\n'
        '[files."b.jpg"]\nauthor = "Bo"\ntitle = "Harbour\\n at night"\n',
    )
    write(tree / "a.jpg.flawfactory.json", '{"title": "Dawn"}')
    licences = Licences(tree)
    assert licences.of(tree / "a.jpg") == PhotoRights("CC-BY-4.0", "unknown", "Ada Example", "Dawn")
    assert licences.of(tree / "b.jpg") == PhotoRights(
        "CC-BY-4.0", "unknown", "Bo", "Harbour at night"
    )
    assert licences.of(tree / "c.jpg").title == ""


def test_creator_of_another_type_is_left_out_of_a_common_file(tree):
    write(tree / "a.json", '{"license": "MIT", "author": {"id": 3}, "title": ["x"]}')
    licences = Licences(tree)
    assert licences.of(tree / "a.jpg") == PhotoRights("MIT")
    write(tree / "a.jpg.flawfactory.json", '{"license": "MIT", "author": {"id": 3}}')
    licences = Licences(tree)
    licences.of(tree / "a.jpg")
    assert "creator must be text" in licences.skipped[tree / "a.jpg.flawfactory.json"]
