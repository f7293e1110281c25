"""Everything that parses, with the input to feed it and the errors that it promises."""

from __future__ import annotations

import io
import json
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks.fuzz import inputs
from stages.catalogue import load_params
from stages.engine.settings import load_settings
from stages.engine.stage import RejectPhoto
from stages.engine.storage.source_list import SourceListError, read_list
from stages.engine.storage.ustar import walk
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.reviews import parse_review
from stages.ingest.buckets.address import parse_source
from stages.ingest.buckets.names import escape, find_fault
from stages.ingest.buckets.settings import load_bucket_settings
from stages.ingest.colour import read_orientation
from stages.ingest.decode import Limits, decode
from stages.ingest.licences import has_rights, parse_ledger, parse_rights, parse_sidecar
from stages.ingest.sources import ScanError
from stages.ingest.urls.listing import parse_http_url, parse_url_list
from stages.ingest.urls.optout import Rules, find_reservation
from stages.ingest.urls.settings import load_url_settings
from stages.models.captioner.vlm.captioner import CaptionAnswer
from stages.models.chat.ask import Answer, Unusable, ask
from stages.models.chat.prompts import Prompt
from stages.models.chat.request import ChatAnswer, ChatRequest
from stages.models.chat.settings import load_call_settings
from stages.models.explainer.checks import check_clean
from stages.models.explainer.vlm.explainer import CleanAnswer, FlawAnswer, PictureAnswer
from stages.models.judge.vlm.answer import VerdictAnswer
from stages.models.vocabulary.vlm.vocabulary import VocabularyAnswer

LIMITS = Limits(max_pixels=1_000_000, min_side=16, max_side=200)


@dataclass(frozen=True)
class Target:
    """A parser with its input."""

    strategy: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    """Parses; raises if the parser breaks a promise."""


def check_photo(data: bytes) -> None:
    """A photo is decoded to plain RGB within the limits, or rejected with a reason."""
    try:
        decoded = decode(data, LIMITS)
    except RejectPhoto as reject:
        assert reject.message and "\n" not in reject.message  # noqa: S101
        return
    image = decoded.image
    assert image.mode == "RGB" and max(image.size) <= LIMITS.max_side  # noqa: S101
    assert min(image.size) >= LIMITS.min_side and not image.getexif()  # noqa: S101


def check_exif(data: bytes) -> None:
    """Any EXIF block and XMP packet give an orientation."""
    assert 1 <= read_orientation(data, data, set()) <= 8  # noqa: S101


def check_tar(data: bytes) -> None:
    """The entries cover the file in order, or a `ValueError` says what is wrong."""
    position = 0
    try:
        for entry in walk(io.BytesIO(data)):
            assert entry.start == position < entry.stop  # noqa: S101
            assert entry.name.isprintable()  # noqa: S101
            position = entry.stop
    except ValueError:
        return


def check_ledger(text: str) -> None:
    """A ledger is parsed, or a `ScanError` says what is wrong."""
    try:
        ledger = parse_ledger(text, "LICENCES.toml")
    except ScanError:
        return
    for rights in (ledger.default, *ledger.files.values()):
        assert (rights.licence or "x").isprintable()  # noqa: S101


def check_sidecar(text: str) -> None:
    """A sidecar is parsed, or a `ScanError` says what is wrong."""
    try:
        content = parse_sidecar(text, "sidecar")
        has_rights(content)
        parse_rights(content, "sidecar")
    except ScanError:
        return


@contextmanager
def _checkout(**files: bytes) -> Iterator[Workspace]:
    """Yield a folder with files, whose names have ``__`` for ``/`` and ``_`` for ``.``."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name.replace("__", "/").replace("_", "."))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield Workspace(Path(folder))


def check_source_list(halves: tuple[str, str]) -> None:
    """A source list is read, or a `SourceListError` says how to restore it."""
    photos, words = (text.encode("utf-8", "surrogatepass") for text in halves)
    with _checkout(
        data__sources__photos__00000_jsonl=photos, data__sources__words__00000_jsonl=words
    ) as checkout:
        try:
            read_list(checkout.sources)
        except SourceListError:
            return


def check_params(text: str) -> None:
    """params.yaml is valid, or a `FactoryError` says what is wrong."""
    with _checkout(params_yaml=text.encode("utf-8", "surrogatepass")) as checkout:
        try:
            load_params(checkout.root)
        except FactoryError:
            return


def check_settings(text: str) -> None:
    """factory.toml is valid, or a `FactoryError` says what is wrong."""
    with _checkout(factory_toml=text.encode("utf-8", "surrogatepass")) as checkout:
        for load in (load_settings, load_call_settings, load_url_settings, load_bucket_settings):
            try:
                load(checkout)
            except FactoryError:
                continue


def check_review(text: str) -> None:
    """A review file is valid, or a `FactoryError` says what is wrong."""
    try:
        parse_review(text.encode("utf-8", "surrogatepass"), "anna.json")
    except FactoryError:
        return


@dataclass(frozen=True)
class _Parrot:
    """A model that always says the same."""

    text: str
    name: str = "parrot"

    def complete(self, request: ChatRequest) -> ChatAnswer:
        return ChatAnswer(self.text, self.name)


def check_answer(said: tuple[type[Answer], str]) -> None:
    """A model's answer fits its schema, or is unusable."""
    schema, text = said
    prompt = Prompt("question", 1, "system", "user", "0" * 12)
    try:
        reply = ask(_Parrot(text), prompt, {}, [], schema)  # pyright: ignore[reportArgumentType]
    except Unusable as unusable:
        assert len(unusable.message) <= 500  # noqa: S101
        return
    for value in reply.value.model_dump().values():
        if isinstance(value, str):
            check_clean(value, [value[:20]])


def check_url_list(data: tuple[bytes, str]) -> None:
    """A list of URLs is read, or a `ScanError` says what is wrong; each URL is safe to send."""
    try:
        listed = parse_url_list(*data, "list.csv")
    except ScanError:
        return
    for each in listed:
        if each.url:
            sent = f"{each.url.host} {each.url.request_uri}"
            assert sent.isascii() and sent.isprintable()  # noqa: S101
            assert parse_http_url(each.url.url) == each.url  # noqa: S101


def check_object_name(key: str) -> None:
    """A name of an object is a path below its bucket's folder, or has a fault and a printable
    form."""
    if find_fault(key) is None:
        assert Path(posixpath.normpath(f"/b/{key}")).is_relative_to("/b")  # noqa: S101
        assert Path(f"/b/{key}").as_posix() == f"/b/{key}"  # noqa: S101
    assert escape(key).isprintable()  # noqa: S101
    try:
        assert parse_source(str(parse_source(f"s3://bucket/{key}")))  # noqa: S101
    except FactoryError as refused:
        assert str(refused).isprintable()  # noqa: S101


def check_robots(said: tuple[str, str]) -> None:
    """Any robots.txt and any header give rules."""
    text, header = said
    rules = Rules(text)
    rules.allows("https://example.org/a/b.jpg?c=d")
    assert 0 <= rules.delay <= 60  # noqa: S101
    find_reservation({"x-robots-tag": [header], "tdm-reservation": [header]})


ANSWERS = (CaptionAnswer, CleanAnswer, FlawAnswer, PictureAnswer, VerdictAnswer, VocabularyAnswer)


@st.composite
def _answers(draw: st.DrawFn) -> tuple[type[Answer], str]:
    schema = draw(st.sampled_from(ANSWERS))
    if draw(st.booleans()):
        fields = {name: draw(inputs.VALUES) for name in schema.model_fields}
        return schema, f"{draw(st.text(max_size=10))}{json.dumps(fields)}"
    return schema, draw(inputs.texts(('{"caption": "A dog."}', "```json\n{}\n```"), inputs.JSON))


_SAMPLE = "samples/photos/scikit-image/LICENCES.toml"
_URL_PIECES = (
    "http://", "[::1]", "@", "%0d%0a", "\r\n", '"', ",", "ü", "\0", "//", "?", "#", "\ud7ff", "..",
    "xn--", "9" * 400,
)  # fmt: skip
_ROBOTS_PIECES = (
    "User-agent:", "Allow: /*$", "*" * 40, "%", "\0", "Sitemap:", "Crawl-delay: 1e99",
    "Crawl-delay: nan", "Request-rate: 1/0", "Visit-time:", "$",
)  # fmt: skip
_NAME_PIECES = (
    "/",
    "..",
    ".",
    "//",
    "\0",
    "\n",
    "%2E",
    "\x9b",
    "\udcff",
    "?versionId=",
    "s3://",
    "@",
)


@cache
def targets() -> dict[str, Target]:
    """Return all targets by name."""
    ledger, params, settings = (
        (inputs.ROOT / name).read_text("utf-8") for name in (_SAMPLE, "params.yaml", "factory.toml")
    )
    key = '{"bytes":1,"sha256":"' + "ab" * 32 + '"}\n'
    words = '{"batch":"b","key":"' + "ab" * 8 + '","licence":"MIT","origin":"me","path":"a.jpg"}\n'
    head = {"format": "flawfactory-review", "version": 1, "data_set": "0" * 64, "reviewer": "anna"}
    review = json.dumps({**head, "marks": []})
    sidecar = '{"licence": "CC0-1.0", "origin": "me", "title": "a"}'
    short = '[default]\nlicence = "MIT"\n[files."a.jpg"]\ntitle = "b"\n'
    photo = inputs.damaged(inputs.photos()) | inputs.pngs() | inputs.riffs() | inputs.jpegs()
    tar = inputs.tars() | inputs.tars().flatmap(lambda data: inputs.damaged((data,)))
    table = inputs.texts(("url,licence\nhttp://a.org/b.jpg,MIT\n",), _URL_PIECES)
    separator = st.sampled_from(["", ",", "\t"])
    rules = inputs.texts(("User-agent: *\nDisallow: /a\nCrawl-delay: 5\n",), _ROBOTS_PIECES)
    halves = [inputs.texts((line,), inputs.JSON) for line in (key, words)]
    return {
        "photo": Target(photo, check_photo),
        "exif": Target(st.binary(max_size=200), check_exif),
        "tar": Target(tar, check_tar),
        "ledger": Target(inputs.texts((ledger, short), inputs.TOML), check_ledger),
        "sidecar": Target(
            inputs.texts((sidecar,), inputs.JSON) | inputs.VALUES.map(json.dumps), check_sidecar
        ),
        "source list": Target(st.tuples(*halves), check_source_list),
        "params": Target(inputs.texts((params, "base:\n  seed: 1\n"), inputs.YAML), check_params),
        "settings": Target(
            inputs.texts((settings, "[urls]\nhosts = []\n"), inputs.TOML), check_settings
        ),
        "review": Target(inputs.texts((review,), inputs.JSON), check_review),
        "answer": Target(_answers(), check_answer),
        "url list": Target(
            st.tuples(st.binary(max_size=200) | table.map(str.encode), separator), check_url_list
        ),
        "object name": Target(inputs.texts(("a/b.jpg",), _NAME_PIECES), check_object_name),
        "robots": Target(st.tuples(rules, st.text(max_size=40)), check_robots),
    }
