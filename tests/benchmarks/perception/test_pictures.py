import numpy as np

from benchmarks.perception.pictures import (
    CAPTION,
    CELL,
    COLUMNS,
    GREEN,
    WHITE,
    draw_labels,
    draw_sheet,
)


def has(image, colour):
    return bool((image == colour).all(-1).any())


def test_labels_are_white_and_predictions_green(photo, entity, cat):
    grey = np.full((60, 80, 3), 90, np.uint8)
    assert not has(draw_labels(photo(), grey, []), WHITE)
    assert has(draw_labels(photo(thing=cat), grey, []), WHITE)
    assert has(draw_labels(photo(people=[(5, 5, 30, 40)]), grey, []), WHITE)
    assert has(draw_labels(photo(), grey, [entity("cat", (10, 10, 30, 30))]), GREEN)
    assert (grey == 90).all()


def test_row_begins_after_the_last_column():
    cell = ("cat", np.zeros((30, 30, 3), np.uint8))
    assert draw_sheet([cell] * (COLUMNS + 1)).size == (COLUMNS * CELL, 2 * (CELL + CAPTION))
