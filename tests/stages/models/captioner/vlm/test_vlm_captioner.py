import pytest

from stages.models.captioner.vlm.captioner import VlmCaptioner
from stages.models.chat.ask import Unusable


def test_a_caption_is_one_line(scripted, photo):
    chat = scripted({"caption": "A dog sits\n in a  box."})
    assert VlmCaptioner(chat).caption(photo) == "A dog sits in a box."


@pytest.mark.parametrize("bad", ["A dog.", "# A big dog"])
def test_a_caption_too_short_or_with_markup_is_refused(scripted, photo, bad):
    with pytest.raises(Unusable):
        VlmCaptioner(scripted(*[{"caption": bad}] * 2)).caption(photo)
