import pytest

from stages.package.attribution import list_links, make_attribution


def make_row(key, licence="CC-BY-4.0", **said):
    words = {"creator": "unknown", "origin": "unknown", "title": "", "file_name": "a.png"}
    return {"key": key, "licence": licence, **words, **said}


def test_every_photo_is_listed_once_by_licence_and_key():
    rows = [
        make_row("2", creator="Bo", origin="https://b.example", title="Dusk"),
        make_row("1", "CC0-1.0"),
        make_row("0", creator="Ada"),
        make_row("2", creator="Bo", origin="https://b.example", title="Dusk"),
    ]
    text = make_attribution(rows)
    assert text == make_attribution(reversed(rows))
    assert text.split("## CC-BY-4.0\n", 1)[1] == (
        "\nhttps://creativecommons.org/licenses/by/4.0/\n\n"
        "- `0`: “a.png”, by Ada, source not given\n"
        "- `2`: “Dusk”, by Bo, source: https://b.example\n\n"
        "## CC0-1.0\n\nhttps://creativecommons.org/publicdomain/zero/1.0/\n\n"
        "- `1`: “a.png”, source not given\n"
    )


def test_text_of_a_ledger_cannot_add_lines_or_markup():
    text = make_attribution([make_row("0", "x\n# y", creator="a\n- `b`", title="[z](http://z)")])
    assert "\n# y" not in text and "\n- `b`" not in text and "[z](" not in text


@pytest.mark.parametrize(
    ("licence", "links"),
    [
        ("cc-by-nc-sa-3.0-de", ["https://creativecommons.org/licenses/by-nc-sa/3.0/de/"]),
        ("CC-PDM-1.0", ["https://creativecommons.org/publicdomain/mark/1.0/"]),
        (
            "MIT OR (CC-BY-4.0 AND MIT)",
            ["https://spdx.org/licenses/MIT.html", "https://creativecommons.org/licenses/by/4.0/"],
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ["https://spdx.org/licenses/GPL-2.0-only.html"],
        ),
        ("LicenseRef-mine", []),
        ("openrail++", []),
        ("anything else", []),
    ],
)
def test_licences_are_linked(licence, links):
    assert list_links(licence) == links
