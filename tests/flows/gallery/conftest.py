"""Write a data folder as the stages do, with synthetic photos, as far as the gallery reads it."""

import json
import shutil

import numpy as np
import pytest
from tables import write_rows

from flows.gallery.render import render
from stages.engine.files import sha256
from stages.engine.storage.shard import write_shard
from stages.engine.storage.source_list import Source, write_list
from stages.engine.storage.tables import (
    PHOTO_COLUMNS,
    REJECT_COLUMNS,
    PhotoEntry,
    photo_row,
    write_table,
)
from stages.records.documents import SCHEMA_VERSION
from stages.records.images import write_png
from stages.records.masks import bounding_box

TOOLS = ("add", "remove", "distort", "fuse")
HOSTILE = "<img src=x onerror=document.title='owned'></script>\u2028 {x}.jpg"


def pngs(pictures):
    return {f"{name}.png": write_png(pixels) for name, pixels in pictures.items()}


def scene(number, size=(96, 128)):
    """Draw a smooth gradient with a disc."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    disc = (rows - 48) ** 2 + (columns - 40 - 3 * number) ** 2 < 500
    out = np.stack([rows * 2, columns, (rows + columns + 30 * number) % 256], -1).astype(np.uint8)
    out[disc] = (230, 180, 120)
    return out


def make_flaw(photo, tool, box):
    """Change the photo visibly in `box`; return it with the mask."""
    x0, y0, x1, y1 = box
    out, mask = photo.copy(), np.zeros(photo.shape[:2], np.uint8)
    crop = photo[y0:y1, x0:x1]
    out[y0:y1, x0:x1] = {
        "add": np.roll(photo, 20, 1)[y0:y1, x0:x1], "remove": photo[y0:y1, x1 - 1 : x1],
        "distort": crop[::-1, ::-1], "fuse": 255 - crop,
    }[tool]  # fmt: skip
    mask[y0:y1, x0:x1] = 255
    return out, mask


def make_pair(key, number, tools, photo, split, file_name):
    """A pair whose flaws lie side by side; its variants are v<number>1, v<number>2 ..."""
    picture = f"p{number}"
    height, width = photo.shape[:2]
    artifact, numbers = photo, np.zeros(photo.shape[:2], np.uint8)
    flaws = []
    for index, tool in enumerate(tools, start=1):
        x0 = width * index // 4 - width // 8 * (index - 1)
        box = [x0, height // 4, x0 + width // 10 if len(tools) > 1 else width // 2, height // 2]
        artifact, mask = make_flaw(artifact, tool, box)
        numbers[mask > 0] = index
        flaws.append({
            "id": f"v{number}{index}", "index": index, "label": f"{tool} left hand", "tool": tool,
            "kernel": "ring", "entity": "person" if tool != "fuse" else "tabby cat",
            "part": "left hand", "other": "torso" if tool == "fuse" else "",
            "positional": tool == "distort", "judge": "features", "mask_box": box, "edit_box": box,
            "mask_pixels": int(mask.sum()) // 255, "edit_pixels": int(mask.sum()) // 255,
            "scores": [{"name": "lpips", "value": 0.1 + 0.1 * index},
                       {"name": "probability", "value": 0.9 - 0.1 * index}],
            "text": f"The person's left hand shows the work of {tool}.",
        })  # fmt: skip
    mask = numbers > 0
    box = list(bounding_box(mask))
    document = {
        "schema_version": SCHEMA_VERSION,
        "pair": f"{key}-{picture}", "photo": key, "picture": picture, "flaws": flaws,
        "taken_out": 0, "split": split, "licence": "CC0-1.0", "origin": "tests",
        "file_name": file_name, "width": width, "height": height, "mask_box": box, "edit_box": box,
        "mask_pixels": int(mask.sum()), "edit_pixels": int(mask.sum()),
        "explanation": {"author": "grammar", "clean": "The photo is coherent.",
                        "overall": "The picture as a whole is flawed."},
    }  # fmt: skip
    pictures = {"real": photo, "artifact": artifact, "control": photo // 8 * 8, "mask": mask,
                "edit": mask, "flaws": numbers}  # fmt: skip
    members = pngs(pictures) | {"json": json.dumps(document).encode()}
    digests = {f"sha256.{name}": sha256(data) for name, data in members.items()}
    return document["pair"], members, [row | digests for row in make_rows(document)]


def make_rows(pair):
    """The rows of the manifest, as far as the gallery reads them."""
    whole = {name: pair[name] for name in ("pair", "schema_version", "taken_out", "split",
             "licence", "origin", "file_name", "width", "height")}  # fmt: skip
    own = ("label", "tool", "kernel", "entity", "part", "other", "positional", "judge",
           "mask_pixels", "text")  # fmt: skip
    words = pair["explanation"]
    return [
        {
            "key": pair["photo"], "variant": flaw["id"], "shard": "train-00000.tar", **whole,
            "author": words["author"], "overall_text": words["overall"],
            "clean_text": words["clean"], **{name: flaw[name] for name in own},
            **{f"score.{score['name']}": score["value"] for score in flaw["scores"]},
            "score.of_no_tool": None,
        }
        for flaw in pair["flaws"]
    ]  # fmt: skip


def stage_tables(folder, rows, photos, rejects, photos_aside=0, variants_aside=0):
    """Write the tables and metrics of a stage; of its rejects some are set aside."""
    write_rows(folder / "manifest.parquet", rows, ["key"])
    write_table(folder / "photos.parquet", photos, PHOTO_COLUMNS)
    columns = [dict(zip(REJECT_COLUMNS, row, strict=True)) for row in rejects]
    write_table(folder / "rejects.parquet", columns, REJECT_COLUMNS)
    variants = sum(bool(row["variant"]) for row in columns)
    metrics = {
        "photos_accepted": len(photos),
        "photos_rejected": len(columns) - variants - photos_aside,
        "photos_aside": photos_aside,
        "variants_rejected": variants - variants_aside,
        "variants_aside": variants_aside,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


def build(data, count=3, make=scene, several=False):
    """Write `count` photos with one pair per tool, one refused variant and some rejects; with
    `several`, also a pair with three flaws."""
    keys = [f"{n:016x}" for n in range(count)]
    photos = {key: make(n) for n, key in enumerate(keys)}
    pairs = [
        make_pair(key, n, [tool], photos[key], "train", HOSTILE if index == 0 else f"{index}.jpg")
        for index, key in enumerate(keys)
        for n, tool in enumerate(TOOLS)
    ]
    if several:
        pairs.append(make_pair(keys[-1], 9, TOOLS[:3], photos[keys[-1]], "train", "9.jpg"))
    write_shard(data / "package" / "train-00000.tar", [pair[:2] for pair in pairs])
    rows = [row for *_, rows in pairs for row in rows]
    stage_tables(data / "package", rows, [], [])

    index = write_shard(
        data / "ingest" / "shard-00000.tar",
        [(key, {"photo.png": write_png(photos[key]), "json": b"{}"}) for key in keys],
    )
    entries = [photo_row(PhotoEntry(k, n, "shard-00000.tar", index[k]), 1)
               for n, k in enumerate(keys)]  # fmt: skip
    words = {"bytes": 1, "licence": "unknown", "origin": "tests", "batch": "b"}
    write_list(data / "sources", [
        Source(folder="Pictures", path=f"a/{HOSTILE}", sha256=k + "0" * 48, **words) for k in keys
    ])  # fmt: skip
    ingested = [{"key": k, "width": photo.shape[1], "height": photo.shape[0]}
                for k, photo in photos.items()]  # fmt: skip
    stage_tables(data / "ingest", ingested, entries, [
        ("f" * 16, "", "too_many_pixels", f"{HOSTILE}: 60000 x 60000", '{"limit": 100}'),
        ("e" * 16, "", "animated", "an animation", "{}"),
    ], photos_aside=1)  # fmt: skip

    key, box = keys[0], [20, 20, 60, 60]
    artifact, mask = make_flaw(photos[key], "add", box)
    crop = np.s_[20:60, 20:60]
    refused = {
        "json": json.dumps(
            {"schema_version": SCHEMA_VERSION, "outcomes": [{"variant": "v7", "box": box}]}
        ).encode(),
        **pngs({"v7.artifact": artifact[crop], "v7.control": photos[key][crop],
                "v7.mask": mask[crop], "v7.edit": mask[crop]}),
    }  # fmt: skip
    injected = {k: {} for k in keys} | {key: refused}
    for row in rows:  # only their digests are read
        pixels = f"{row['pair']} {row['variant']}".encode()
        injected[row["key"]][f"{row['variant']}.artifact.png"] = pixels
    index = write_shard(data / "inject" / "shard-00000.tar", list(injected.items()))
    entries = [photo_row(PhotoEntry(k, n, "shard-00000.tar", index[k]), 1)
               for n, k in enumerate(keys)]  # fmt: skip
    stage_tables(data / "inject", [{"key": key, "variant": "v7", "mask_share": 0.1}], entries, [])
    variant = {"key": key, "variant": "v7", "tool": "add", "kernel": "ring", "entity_name": "owl",
               "part_name": "left wing", "other_name": "", "positional": False}  # fmt: skip
    stage_tables(data / "map", [variant], entries[:1], [
        (key, "v8", "over_quota", "tool add has more than its share", '{"limit": 0.4}'),
    ], variants_aside=1)  # fmt: skip
    stage_tables(data / "filter", [{"key": key}], [], [
        (key, "v7", "imperceptible", "LPIPS below the band", '{"tool": "add", "lpips": 0.01}'),
    ])  # fmt: skip
    return data


@pytest.fixture
def data(tmp_path):
    return build(tmp_path / "data")


@pytest.fixture
def make_data():
    return build


CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,900",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def open_page(browser):
    """Open pages; afterwards, the console has to be empty and no network request made."""
    from selenium.webdriver.support.wait import WebDriverWait

    allowed = ["file://", "data:", "blob:"]

    def open_page(address, clear=True):
        if address.startswith("http"):
            allowed.append(address)
        browser.get(address)
        stored = "const count = localStorage.length; localStorage.clear(); return count"
        if clear and browser.execute_script(stored):
            browser.refresh()
        ready = "return document.documentElement.dataset.ready"
        WebDriverWait(browser, 60).until(lambda _: browser.execute_script(ready))
        return browser

    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    yield open_page
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages
            if m["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert urls and all(url.startswith(tuple(allowed)) for url in urls)


@pytest.fixture
def page(open_page, data, tmp_path):
    """The gallery of `data` in the browser."""
    return open_page(render(data, tmp_path / "out page").as_uri())
