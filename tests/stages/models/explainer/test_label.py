import pytest
from flaw_records import make, records
from hypothesis import given

from stages.models.explainer.label import describe_label


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (make(), "extra left hand"),
        (make("remove", "nose"), "missing nose"),
        (make("distort", "face"), "deformed face"),
        (make("distort", "upper part", "cat"), "distorted cat"),
        (make("fuse", "upper part", "cat", other_name="left part"), "cat with parts fused"),
        (make("fuse"), "left hand fused with neck"),
        (make("fuse", "person", other_name="person"), "person fused with another person"),
        (make("distort", "head", "African chameleon"), "deformed head"),
    ],
)
def test_a_label_says_what_is_wrong_with_which_part(made, label):
    assert describe_label(made) == label


@given(records())
def test_a_label_is_lower_case_and_short(made):
    label = describe_label(made)
    assert label == label.lower() and 2 <= len(label.split()) <= 10
    assert (made.entity_name if made.positional else made.part_name).lower() in label
