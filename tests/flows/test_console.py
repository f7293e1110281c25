import io

from rich.table import Table

from flows import console


def show(thing, **options):
    """Return what is printed on a terminal."""
    written = console._Console(file=io.StringIO(), width=80, color_system=None)
    written.print(thing, **options)
    return written.file.getvalue()


def test_escape_sequences_in_names_are_shown_and_not_obeyed():
    name = "esc\x1b[2J\x9b31m \udcff\u202e.png"
    table = Table("picture", title=name)
    table.add_row(name)
    for printed in (show(name, markup=False), show(table)):
        printed.encode()
        assert "esc\\x1b[2J\\x9b31m \\xff\\u202e.png" in printed
        assert not set(printed) & set("\x1b\x9b\u202e")


def test_errors_and_lines_of_stages_go_to_such_a_console(capsys):
    console.say("\x1b[2Jx")
    console.error_console.print("\x1b[2Jx", markup=False)
    assert "".join(capsys.readouterr()) == "\\x1b[2Jx\n" * 2
