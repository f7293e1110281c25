"""Test the page in a real browser, from file://."""

import json
import shutil

import pytest

from flows.gallery.render import render

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs Debian's packages chromium and chromium-driver"
    ),
]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,900",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
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
def page(browser, data, tmp_path):
    """Open the gallery; afterwards, the console has to be empty and no network request made."""
    index = render(data, tmp_path / "out page")
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(index.as_uri())
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages
            if m["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert urls and all(url.startswith(("file://", "data:")) for url in urls)


def cards(page):
    return page.find_elements("css selector", ".card")


def wait_until(page, holds):
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(page, 60).until(lambda _: holds())


def press(page, key):
    page.switch_to.active_element.send_keys(key)


def test_the_page_loads_and_shows_every_thumbnail(page):
    assert len(cards(page)) == 12
    assert page.title == "flawfactory gallery"
    counts = page.find_element("id", "counts").text
    assert "pairs\n12" in counts and "photos scanned\n5" in counts
    broken = page.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([...document.images].filter(i => i.closest('.card')).map(i => i.decode()))"
        ".then(() => done('')).catch(e => done(String(e)))"
    )
    assert broken == ""


def test_cards_are_filtered_by_tool_verdict_entity_and_text(page):
    page.find_element("css selector", ".chip:has(input[value=remove])").click()
    assert len(cards(page)) == 3
    assert all("remove" in card.text for card in cards(page))
    page.find_element("css selector", ".chip").click()
    page.find_element("css selector", "#verdict option[value=refused]").click()
    (card,) = cards(page)
    assert "imperceptible" in card.text and "owl · left wing" in card.text
    page.find_element("css selector", "#verdict option[value='']").click()
    assert len(cards(page)) == 13
    page.find_element("css selector", "#entity option[value='tabby cat']").click()
    assert len(cards(page)) == 3
    page.find_element("id", "search").send_keys("no such words")
    assert cards(page) == [] and page.find_element("id", "none").is_displayed()


def test_the_viewer_has_slider_flip_mask_zoom_and_keys(page):
    from selenium.webdriver.common.keys import Keys

    cards(page)[1].click()
    over, slider = page.find_element("id", "over"), page.find_element("id", "slider")
    assert page.find_element("id", "viewer").is_displayed()
    assert "left hand shows the work of remove" in page.find_element("id", "words").text
    clip = over.value_of_css_property("clip-path")
    slider.send_keys(Keys.ARROW_RIGHT * 20)
    assert slider.get_attribute("value") == "70"
    assert over.value_of_css_property("clip-path") != clip
    page.execute_script("arguments[0].focus()", page.find_element("id", "next"))

    assert not page.find_element("id", "mask").is_displayed()
    press(page, "m")
    assert page.find_element("id", "mask").is_displayed()
    width = page.find_element("id", "top").size["width"]
    press(page, "z")
    assert page.find_element("id", "top").size["width"] < width
    press(page, "c")
    assert page.find_element("id", "corner-left").text == "control"
    press(page, " ")
    assert over.value_of_css_property("clip-path") == "inset(0px 0% 0px 0px)"
    press(page, Keys.ARROW_RIGHT)
    assert page.find_element("id", "place").text == "3 / 12"
    press(page, Keys.ESCAPE)
    assert not page.find_element("id", "viewer").is_displayed()
    wait_until(page, lambda: page.switch_to.active_element.get_attribute("data-id")[-3:] == "-p2")


def test_dragging_the_slider_moves_the_border(page):
    from selenium.webdriver import ActionChains

    cards(page)[0].click()
    slider = page.find_element("id", "slider")
    ActionChains(page).move_to_element(slider).click_and_hold().move_by_offset(
        -150, 0
    ).release().perform()
    assert int(slider.get_attribute("value")) < 45
    assert page.switch_to.active_element.get_attribute("id") == "next"


def test_the_rejects_tab_lists_every_stage_and_filters(page):
    page.find_element("id", "tab-rejects").click()
    assert not page.find_element("id", "panel-pairs").is_displayed()
    rows = page.find_elements("css selector", "#rejects tr")
    assert len(rows) == 4 and "too_many_pixels" in rows[0].text
    page.find_element("css selector", "#reject-stage option[value=filter]").click()
    (row,) = page.find_elements("css selector", "#rejects tr")
    assert "LPIPS below the band" in row.text


def test_hostile_names_are_shown_as_text(page):
    cards(page)[0].click()
    assert "onerror" in page.find_element("id", "facts").text
    page.execute_script("document.getElementById('viewer').close()")
    page.find_element("id", "tab-rejects").click()
    assert "onerror" in page.find_element("id", "rejects").text
    assert page.title == "flawfactory gallery"
    assert page.find_elements("css selector", "img[src='x']") == []


def test_thousands_of_pairs_are_paged(browser, make_data, tmp_path):
    data = make_data(tmp_path / "many", count=2)
    index = render(data, tmp_path / "out")
    text = (index.parent / "data.js").read_text()
    content = json.loads(text.removeprefix("window.GALLERY = ")[:-2])
    content["items"] = [{**content["items"][0], "id": f"{n}-p0"} for n in range(5000)]
    (index.parent / "data.js").write_text("window.GALLERY = " + json.dumps(content))
    browser.get(index.as_uri())
    assert len(cards(browser)) == 48
    browser.find_element("css selector", "#pager button:last-child").click()
    assert browser.find_element("css selector", "#pager span").text == "page 2 of 105"
    assert cards(browser)[0].get_attribute("data-id") == "48-p0"


def test_several_flaws_are_listed_selected_and_counted(browser, make_data, tmp_path):
    from selenium.webdriver.common.keys import Keys

    page = browser
    page.get(render(make_data(tmp_path / "data", several=True), tmp_path / "out").as_uri())
    assert "flaws\n15" in page.find_element("id", "counts").text
    chip = page.find_element("css selector", ".chip:has(input[value=add])")
    assert chip.text == "add 4"
    chip.click()
    card = page.find_element("css selector", "[data-id$='-p9']")
    assert "3 flaws" in card.text and "add left hand, remove left hand" in card.text
    card.click()
    flaws = page.find_elements("css selector", "#words .flaw")
    assert [flaw.get_attribute("aria-pressed") for flaw in flaws] == ["false"] * 3
    assert "shows the work of distort" in flaws[2].text
    assert "1 · lpips" in page.find_element("id", "scores").text
    place = page.find_element("id", "top").get_attribute("style")
    flaws[2].click()
    pressed = page.find_elements("css selector", "#words .flaw[aria-pressed=true]")
    assert [flaw.text[0] for flaw in pressed] == ["3"]
    assert page.find_element("id", "top").get_attribute("style") != place  # zoomed to the flaw
    assert "1 · lpips" not in page.find_element("id", "scores").text
    press(page, "f")  # all of them again
    assert page.find_element("id", "top").get_attribute("style") == place
    press(page, "f")
    pressed = page.find_elements("css selector", "#words .flaw[aria-pressed=true]")
    assert [flaw.text[0] for flaw in pressed] == ["1"]
    press(page, Keys.ESCAPE)
