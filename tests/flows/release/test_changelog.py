from flows.release.changelog import has_entry, insert_entry, make_entry


def entry(version: str, words: str = "12 pairs.") -> str:
    return make_entry(version, "2026-11-26", words, "**what changed**\n\n| a |\n")


def test_the_newest_entry_comes_first() -> None:
    text = insert_entry("", "v1", entry("v1"))
    assert text == (
        "# Changelog of the data set\n\n## v1 (2026-11-26)\n\n12 pairs.\n\n"
        "**what changed**\n\n| a |\n"
    )
    both = insert_entry(text, "v2", entry("v2"))
    assert both.index("## v2") < both.index("## v1") and both.count("| a |") == 2


def test_an_entry_of_the_same_version_is_replaced() -> None:
    text = "# Ours\n\nText.\n\n"
    for version in ("v1", "v1.1", "v2"):
        text = insert_entry(text, version, entry(version))
    again = insert_entry(text, "v1", entry("v1", "13 pairs."))
    assert again.startswith("# Ours\n\nText.\n\n## v1 ") and again.count("## ") == 3
    assert again.count("13 pairs.") == 1 and again.count("12 pairs.") == 2


def test_versions_are_told_apart() -> None:
    text = insert_entry("", "v1.1", entry("v1.1"))
    assert has_entry(text, "v1.1") and not has_entry(text, "v1") and not has_entry(text, "v1x1")
    assert has_entry("## v1\n", "v1") and not has_entry("", "v1")
