"""Test the page in a real browser, from file://."""

import json

import pytest
from browsing import cards, choose, count, find, open_card, press, text, wait_until
from tables import write_rows

from flows.gallery.changes import Changes
from flows.gallery.index import script
from flows.gallery.render import render
from stages.engine.storage.tables import MANIFEST, read_table

HOSTILE_FIELDS = (
    "entity", "part", "other", "text", "split", "label", "tool", "overall_text", "licence",
    "kernel",
)  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def keys():
    from selenium.webdriver.common.keys import Keys

    return Keys


def test_the_page_loads_and_shows_every_thumbnail(page):
    assert len(count(page, 12)) == 12
    assert page.title == "flawfactory gallery"
    counts = text(page, "counts")
    assert "pairs\n12" in counts and "photos scanned\n5" in counts and "refused\n1" in counts
    broken = page.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([...document.images].filter(i => i.closest('.card')).map(i => i.decode()))"
        ".then(() => done('')).catch(e => done(String(e)))"
    )
    assert broken == ""
    alt = find(page, ".card img")[0].get_attribute("alt")
    assert alt == "Photo and flawed picture: person · left hand"


def test_cards_are_filtered_by_tool_verdict_entity_and_reason(page):
    page.find_element("css selector", ".chip:has(input[value=remove])").click()
    assert all("remove" in card.text for card in count(page, 3))
    page.find_element("css selector", ".chip:has(input[value=fuse])").click()
    count(page, 6)
    choose(page, "entity", "tabby cat")
    count(page, 3)
    page.find_element("id", "reset").click()
    count(page, 12)
    choose(page, "reason", "imperceptible")
    (card,) = count(page, 1)
    assert "imperceptible" in card.text and "owl · left wing" in card.text
    choose(page, "verdict", "")
    choose(page, "reason", "")
    count(page, 13)


def test_cards_are_filtered_and_sorted_by_numbers(open_page, data, tmp_path):
    rows = read_table(data / "package" / MANIFEST)
    for number, row in enumerate(rows):
        row |= {"score.lpips": number / 100, "mask_pixels": 1000 - 10 * number}
    write_rows(data / "package" / MANIFEST, rows)
    page = open_page(render(data, tmp_path / "out").as_uri())
    page.find_element("name", "lpips-min").send_keys("0.05")
    page.find_element("name", "lpips-max").send_keys("0.07")
    assert len(count(page, 3)) == 3
    page.find_element("id", "reset").click()
    count(page, 12)
    page.find_element("name", "area-max").send_keys(str(100 * 900 / (96 * 128)))
    count(page, 2)
    page.find_element("id", "reset").click()
    count(page, 12)
    first = cards(page)[0].get_attribute("data-id")
    choose(page, "order", "area")
    wait_until(page, lambda: cards(page)[0].get_attribute("data-id") != first)
    ids = [card.get_attribute("data-id") for card in cards(page)]
    assert ids == [row["pair"] for row in reversed(rows)]


def test_a_search_finds_all_its_words_and_the_address_keeps_it(page):
    search = page.find_element("id", "search")
    search.send_keys("LEFT hand remove 1.jpg")
    (card,) = count(page, 1)
    assert "work of remove" in card.text
    page.refresh()
    count(page, 1)
    search = page.find_element("id", "search")
    assert search.get_attribute("value") == "LEFT hand remove 1.jpg"
    search.send_keys(" no such words")
    wait_until(page, lambda: page.find_element("id", "none").is_displayed())
    page.find_element("id", "reset").click()
    count(page, 12)


def test_the_list_is_used_with_the_keyboard(page):
    count(page, 12)
    page.find_element("id", "grid").send_keys(keys().ARROW_RIGHT, keys().ARROW_RIGHT)
    active = find(page, ".card[aria-selected=true]")
    assert [card.get_attribute("aria-posinset") for card in active] == ["3"]
    grid = page.find_element("id", "grid")
    assert grid.get_attribute("aria-activedescendant") == active[0].get_attribute("id")
    style = active[0].value_of_css_property("outline-style")
    assert style == "solid"  # the focus is visible
    press(page, keys().ENTER)
    wait_until(page, lambda: page.find_element("id", "viewer").is_displayed())
    assert text(page, "place") == "3 / 12"
    press(page, keys().ESCAPE)
    assert page.switch_to.active_element.get_attribute("id") == "grid"
    press(page, "/")
    assert page.switch_to.active_element.get_attribute("id") == "search"


def test_the_viewer_has_layouts_pictures_mask_and_keys(page):
    open_card(page, 1)
    assert "left hand shows the work of remove" in text(page, "words")
    stage = page.find_element("id", "canvas")
    assert "photo beside the flawed picture" in stage.get_attribute("aria-label")
    press(page, "2")
    assert stage.get_attribute("aria-label").startswith("the flawed picture. ")
    assert text(page, "corner-left") == "flawed"
    press(page, " ")
    assert text(page, "corner-left") == "photo"
    press(page, "3")
    assert text(page, "corner-left") == "control"
    press(page, "m")
    assert "with the mask" in stage.get_attribute("aria-label")
    press(page, "v")
    assert find(page, "#layouts [aria-pressed=true]")[0].text == "Side by side"
    press(page, "c")
    assert text(page, "corner-left") == "control"
    press(page, keys().ARROW_RIGHT)
    wait_until(page, lambda: text(page, "place") == "3 / 12")
    press(page, "k", "k")
    wait_until(page, lambda: text(page, "place") == "1 / 12")
    press(page, keys().ESCAPE)
    assert not page.find_element("id", "viewer").is_displayed()
    active = find(page, ".card[aria-selected=true]")
    assert [card.get_attribute("aria-posinset") for card in active] == ["1"]


def test_the_viewer_zooms_to_the_flaw_and_back(page):
    open_card(page)
    zoomed = page.execute_script("return [Viewer.view.scale, ...Viewer.view.centre]")
    box = page.execute_script("return Viewer.record.box")
    assert zoomed[1] == pytest.approx((box[0] + box[2]) / 2, abs=20)
    overview = page.find_element("id", "map")
    assert overview.is_displayed()
    press(page, "z")
    whole = page.execute_script("return [Viewer.view.scale, ...Viewer.view.centre]")
    assert whole[0] < zoomed[0] and whole[1:] == [64, 48] and not overview.is_displayed()
    press(page, "+", "+")
    assert page.execute_script("return Viewer.view.scale") == pytest.approx(whole[0] * 1.3**2)
    assert overview.is_displayed()
    press(page, "z")
    assert page.execute_script("return [Viewer.view.scale, ...Viewer.view.centre]") == zoomed
    overview.click()
    assert page.execute_script("return Viewer.view.zoomed") is False


def test_dragging_the_slider_moves_the_border(page):
    from selenium.webdriver import ActionChains

    open_card(page)
    page.find_element("css selector", "#layouts [value=slider]").click()
    slider, handle = page.find_element("id", "slider"), page.find_element("id", "handle")
    before = handle.get_attribute("style")
    ActionChains(page).move_to_element(slider).click_and_hold().move_by_offset(
        -150, 0
    ).release().perform()
    assert int(slider.get_attribute("value")) < 45 and handle.get_attribute("style") != before
    assert page.switch_to.active_element.get_attribute("id") == "next"
    page.find_element("css selector", "#layouts [value=side]").click()
    assert not slider.is_displayed()


def test_the_pictures_differ_where_the_flaw_is(page):
    open_card(page, 3)
    canvas = page.find_element("id", "canvas")
    shots = []
    for key in ("1", "2", "3"):
        press(page, key)
        shots.append(canvas.screenshot_as_png)
    assert len(set(shots)) == 3


def test_the_help_names_the_keys(page):
    press(page, "?")
    assert page.find_element("id", "help").is_displayed()
    assert "accept, and go on" in text(page, "keys")
    press(page, keys().ESCAPE)
    assert not page.find_element("id", "help").is_displayed()


def test_the_rejects_tab_lists_every_stage_and_filters(page):
    page.find_element("id", "tab-rejects").click()
    assert not page.find_element("id", "panel-pairs").is_displayed()
    wait_until(page, lambda: len(find(page, "#rejects tr")) == 4)
    assert "too_many_pixels" in find(page, "#rejects tr")[0].text
    choose(page, "reject-stage", "filter")
    wait_until(page, lambda: len(find(page, "#rejects tr")) == 1)
    assert "LPIPS below the band" in find(page, "#rejects tr")[0].text


def test_distributions_follow_the_filters_and_a_bar_filters(page):
    page.find_element("id", "tab-plots").click()
    plots = text(page, "plots")
    for title in ("Tools", "Entities", "Area of the flaw", "LPIPS", "Reject reasons"):
        assert title in plots
    assert find(page, "#plots svg[role=img]")[0].get_attribute("aria-label").startswith("Area")
    assert "ingest: too_many_pixels" in plots
    (bar,) = [b for b in find(page, "#plots .bars button") if b.text.startswith("tabby cat")]
    bar.click()
    assert len(count(page, 3)) == 3
    page.find_element("id", "tab-plots").click()
    assert "remove" not in text(page, "plots")


def test_tabs_are_moved_with_arrows(page):
    tab = page.find_element("id", "tab-pairs")
    tab.send_keys(keys().ARROW_RIGHT)
    assert page.find_element("id", "panel-plots").is_displayed()
    press(page, keys().ARROW_RIGHT)  # past the changes, of which there are none
    assert page.find_element("id", "panel-rejects").is_displayed()
    assert page.switch_to.active_element.get_attribute("aria-selected") == "true"


def test_what_changed_since_the_last_version_has_a_tab_and_a_filter(open_page, data, tmp_path):
    key = "0" * 16 + "-p1"
    table = {"title": "what changed", "head": ["what", "for example"], "all": 1,
             "rows": [["text changed", f"{key}, {'1' * 16}-p0"]]}  # fmt: skip
    changes = Changes("v1 <b>", "1 changed", [table], {key: 2})
    page = open_page(render(data, tmp_path / "out", changes=changes).as_uri())
    page.find_element("id", "tab-changes").click()
    assert "1 changed" in text(page, "changes") and "diff v1 <b> --html" in text(page, "changes")
    page.find_element("id", "tab-pairs").click()
    choose(page, "change", "changed")
    (card,) = count(page, 1)
    assert card.get_attribute("data-id") == key and "changed" in card.text
    choose(page, "change", "")
    count(page, 12)
    page.find_element("id", "tab-changes").click()
    page.find_element("css selector", "#changes td button").click()
    (card,) = count(page, 1)
    assert card.get_attribute("data-id") == key


def test_dark_mode_follows_the_system_and_can_be_chosen(page):
    def shade():
        colour = page.find_element("css selector", "body").value_of_css_property("background-color")
        return sum(map(int, colour.removeprefix("rgba(").split(",")[:3])) / 3

    def prefer(scheme):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    prefer("light")
    assert shade() > 200
    prefer("dark")
    assert shade() < 60
    button = page.find_element("id", "theme")
    button.click()
    assert shade() > 200 and button.get_attribute("aria-label") == "Colours: light"
    prefer("light")
    button.click()
    assert shade() < 60
    page.refresh()
    assert shade() < 60  # the choice is kept
    page.find_element("id", "theme").click()
    assert shade() > 200


def test_hostile_names_are_shown_as_text(page):
    open_card(page)
    assert "onerror" in text(page, "facts")
    press(page, keys().ESCAPE)
    page.find_element("id", "tab-rejects").click()
    wait_until(page, lambda: "onerror" in text(page, "rejects"))
    assert page.title == "flawfactory gallery"
    assert find(page, "img[src='x']") == []


def test_hostile_entities_and_words_are_shown_as_text(open_page, data, tmp_path):
    hostile = "<img src=x onerror=document.title='owned'>\"'`${1}</script>"
    rows = read_table(data / "package" / MANIFEST)
    for row in rows:
        row |= dict.fromkeys(HOSTILE_FIELDS, hostile)
    write_rows(data / "package" / MANIFEST, rows)
    changes = Changes(hostile, hostile, [{"title": hostile, "head": [hostile],
                                          "rows": [[hostile]], "all": 1}], {})  # fmt: skip
    page = open_page(render(data, tmp_path / "out", changes=changes).as_uri())
    assert hostile in count(page, 12)[0].text
    open_card(page)
    assert hostile in text(page, "words")
    press(page, keys().ESCAPE)
    for tab in ("plots", "changes"):
        page.find_element("id", f"tab-{tab}").click()
        assert hostile in text(page, f"panel-{tab}")
    assert page.title == "flawfactory gallery" and find(page, "img[src='x']") == []


def test_of_many_pairs_only_those_in_view_exist(open_page, data, tmp_path):
    index = render(data, tmp_path / "out")
    folder = index.parent / "data"
    read = {}
    for name in ("meta", "columns", "cards", "words", "records"):
        path = folder / (f"{name}/0.js" if (folder / name).is_dir() else f"{name}.js")
        read[name] = json.loads(path.read_text().split(",", 2)[2][:-3])
    number = 20_000
    meta = read["meta"] | {"accepted": number, "count": number, "flaws": number}
    meta["review"] = {"data_set": ""}
    columns = {
        name: repeat(column, number) if name != "item.start" else starts(number)
        for name, column in read["columns"].items()
    }
    for name, content in (("meta", meta), ("columns", columns)):
        (folder / f"{name}.js").write_bytes(script(name, 0, content))
    for name in ("cards", "words", "records"):
        size, entry = meta["parts"][name], read[name][0]
        for part in range(number // size):
            entries = [entry] * size
            if name == "cards":
                entries = [[f"{part * size + n:016x}-p0", *entry[1:]] for n in range(size)]
            (folder / name / f"{part}.js").write_bytes(script(name, part, entries))
    page = open_page(index.as_uri())
    assert len(cards(page)) < 60 and "20,000 items" in text(page, "shown")
    page.find_element("id", "grid").send_keys(keys().END)
    last = f"{number - 1:016x}-p0"
    wait_until(page, lambda: find(page, f".card[data-id='{last}']"))
    assert len(cards(page)) < 60
    press(page, keys().ENTER)
    wait_until(page, lambda: text(page, "place") == "20,000 / 20,000")
    parts = page.execute_script(
        "return [...Array(40).keys()].filter((part) => GALLERY.has('cards', part))"
    )
    assert parts == [0, 39]


def repeat(column, number):
    """A column of zeros of the same type as this one."""
    import base64

    dtype = column[0]
    return [dtype, base64.b64encode(bytes(number * int(dtype[1]))).decode()]


def starts(number):
    from flows.gallery.index import encode

    return encode(range(number), "u")


def test_several_flaws_are_listed_selected_and_counted(open_page, make_data, tmp_path):
    data = make_data(tmp_path / "data", several=True)
    page = open_page(render(data, tmp_path / "out").as_uri())
    assert "flaws\n15" in text(page, "counts")
    chip = page.find_element("css selector", ".chip:has(input[value=add])")
    assert chip.text == "add (4)"
    chip.click()
    place = count(page, 4).index(page.find_element("css selector", "[data-id$='-p9']"))
    card = cards(page)[place]
    assert "3 flaws" in card.text and "add left hand, remove left hand" in card.text
    open_card(page, place)
    flaws = find(page, "#words .flaw")
    assert [flaw.get_attribute("aria-pressed") for flaw in flaws] == ["false"] * 3
    assert "shows the work of distort" in flaws[2].text
    assert "1 · lpips" in text(page, "scores")
    view = "return JSON.stringify([Viewer.view.scale, Viewer.view.centre])"
    everything = page.execute_script(view)
    flaws[2].click()
    pressed = find(page, "#words .flaw[aria-pressed=true]")
    assert [flaw.text[0] for flaw in pressed] == ["3"]
    assert page.execute_script(view) != everything  # zoomed to the flaw
    assert "1 · lpips" not in text(page, "scores")
    press(page, "f")  # all of them again
    assert page.execute_script(view) == everything
    press(page, "f")
    pressed = find(page, "#words .flaw[aria-pressed=true]")
    assert [flaw.text[0] for flaw in pressed] == ["1"]


def test_an_incomplete_page_says_so(browser, data, tmp_path):
    index = render(data, tmp_path / "out")
    (index.parent / "data" / "columns.js").unlink()
    browser.get(index.as_uri())
    wait_until(browser, lambda: "write it again" in text(browser, "shown"))


def test_a_narrow_window_has_the_filters_behind_a_button(page):
    metrics = {"width": 420, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert not page.find_element("id", "filters").is_displayed()
        page.find_element("id", "filters-open").click()
        assert page.find_element("id", "filters").is_displayed()
        assert page.execute_script("return document.documentElement.scrollWidth") <= 420
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
