"""Define the codes of files of the source list that do not become photos of the data set."""

from __future__ import annotations

from stages.engine.codes import AsideCode, RejectCode


class IngestCode(RejectCode):
    """The file is defective, or it cannot be read."""

    CORRUPT = "corrupt"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    BLANK = "blank"
    EMPTY = "empty"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_SCANS = "too_many_scans"
    TOO_LARGE = "too_large"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNREADABLE_FOLDER = "unreadable_folder"
    NAME_NOT_UTF8 = "name_not_utf8"
    CHANGED_SINCE_SCAN = "changed_since_scan"
    KEY_COLLISION = "key_collision"


class IngestAside(AsideCode):
    """The file is a copy, an entry of the list's history, or not a photo that is accepted."""

    DUPLICATE = "duplicate"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ANIMATED = "animated"
    NOT_A_FILE = "not_a_file"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
