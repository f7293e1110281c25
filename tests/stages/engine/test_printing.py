import os

from stages.engine.printing import printable


def test_what_would_change_the_terminal_is_shown():
    assert printable("a\x1b[2J\x9b31m\rb\x07") == "a\\x1b[2J\\x9b31m\\x0db\\x07"
    assert printable("\u202egnp.exe\u2028") == "\\u202egnp.exe\\u2028"


def test_what_cannot_be_encoded_is_shown():
    assert printable(os.fsdecode(b"not utf-8 \xff.png")) == "not utf-8 \\xff.png"
    assert printable("\ud800") == "\\ud800"


def test_texts_of_all_languages_stay():
    text = "é e\u0301 日本\u3000🦆 👩\u200d🚀 a\u00a0b\n\tc"
    assert printable(text) == text
