"""The page in a real browser against a real service: what a person does, from an empty library on.

Pictures of what was seen are kept in the folder that the variable PAGE_PICTURES names, if it names one.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_core_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, Route, expect, sync_playwright

import search
from model.encoder.load import load
from model.network import checkpoint
from search import Library
from tests.support.browser import (
    CHROMIUM,
    PATIENCE_SECONDS,
    asked,
    drop,
    launched,
    opened,
    search_for,
    second_once,
    serving,
)
from tests.support.media import render
from tests.support.tiny_model import tiny_model, tiny_tokenizer

PAGE = Path(search.__file__).parent / "page"
LAYERS = (".", "views", "components/player", "components", "lib", "texts")  # imports: own folder and later ones
FRAMES_A_SECOND = 10
SCENE_SECONDS = 6

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


def scenes(first: int) -> Callable[[int], NDArray[np.uint8]]:
    """Scenes of a disc that moves over a coloured ground."""
    down, across = np.mgrid[0:180, 0:320]

    def paint(index: int) -> NDArray[np.uint8]:
        scene = first + index // (SCENE_SECONDS * FRAMES_A_SECOND)
        ground = np.array([(scene * 97) % 200, (scene * 57 + 80) % 200, (scene * 151 + 40) % 200])
        picture = ground + down[..., None] * 0.2 + across[..., None] * 0.1
        disc = (across - 40 - index % 60 * 4) ** 2 + (down - 40 - scene * 31 % 100) ** 2 < 28**2
        picture[disc] = 255 - ground
        return picture.clip(0, 255).astype(np.uint8)

    return paint


def film(path: Path, *, scene: int, count: int = 1, codec: str = "libx264") -> Path:
    frames = count * SCENE_SECONDS * FRAMES_A_SECOND
    return render(path, frames=frames, fps=FRAMES_A_SECOND, paint=scenes(scene), codec=codec)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few films: one with subtitles, one with markup in its name, one that browsers do not play, one broken."""
    folder = tmp_path_factory.mktemp("media") / "My films"
    folder.mkdir()
    film(folder / "concert.mp4", scene=0, count=3)
    (folder / "concert.srt").write_text(
        "1\n00:00:01,000 --> 00:00:04,000\nWelcome to the evening\n\n"
        "2\n00:00:07,000 --> 00:00:10,000\nNow the violin begins\n\n"
        "3\n00:00:13,000 --> 00:00:16,000\nThank you and good night\n"
    )
    film(folder / "garden.mp4", scene=4, count=2)
    film(folder / "<img src=x onerror=alert(1)> & co.mp4", scene=7)
    film(folder / "old.avi", scene=9, codec="mpeg4")
    (folder / "damaged.mp4").write_bytes(bytes(range(256)) * 20)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights: which moments it finds does not matter here."""
    folder = tmp_path_factory.mktemp("model")
    checkpoint.save(tiny_model(), tiny_tokenizer(), folder)
    return folder


@pytest.fixture(scope="module")
def service(films: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of a library that holds the films."""
    library = Library(tmp_path_factory.mktemp("library"), model=tiny)
    library.index([films])
    with serving(library) as url:
        yield url


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, service: str) -> Iterator[Browser]:
    with launched(playwright) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as page:
        yield page


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keep a picture of what a page shows."""
    folder = Path(os.environ.get("PAGE_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png", animations="disabled") and None


@pytest.mark.slow
@in_browser
def test_first_start(
    playwright: Playwright, films: Path, tiny: Path, tmp_path: Path, picture: Callable[[Page, str], None]
):
    encoder, gate = load(tiny), threading.Event()
    look = encoder.features

    def held(frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        assert gate.wait(PATIENCE_SECONDS)
        return look(frames)

    encoder.features = held  # type: ignore[method-assign]
    with (
        serving(Library(tmp_path / "library", encoder=encoder)) as url,
        launched(playwright) as browser,
        opened(browser) as page,
    ):
        page.goto(url)
        expect(page.get_by_role("heading", name="Find moments in your videos")).to_be_visible()
        picture(page, "first-start")
        folder = page.get_by_role("textbox", name="Folder with videos")
        folder.fill(str(films / "nowhere"))
        page.get_by_role("button", name="Add").click()
        rows = page.get_by_role("list", name="Indexing").get_by_role("listitem")
        expect(rows.filter(has_text="Failed: nowhere")).to_contain_text("no such file or folder")
        expect(rows.filter(has_text="Failed: nowhere").get_by_role("progressbar")).to_have_count(0)
        page.get_by_role("button", name="Browse…").click()
        browser_dialog = page.get_by_role("dialog", name="Choose a folder")
        browser_dialog.get_by_role("textbox", name="Path").fill(f'"{films.parent}"')
        browser_dialog.get_by_role("button", name="Go").click()
        expect(browser_dialog.get_by_role("list", name="Folders")).to_contain_text("My films")
        browser_dialog.get_by_role("button", name="Cancel").click()
        folder.fill(str(films))
        page.get_by_role("button", name="Add").click()
        expect(rows.filter(has_text="Indexing My films")).to_be_visible()
        picture(page, "indexing")
        rows.filter(has_text="Indexing My films").get_by_role("button", name="Stop").click()
        gate.set()
        page.get_by_role("link", name="Library", exact=True).click()
        rows.filter(has_text="Stopped My films").get_by_role("button", name="Resume").click()
        expect(rows.filter(has_text="Indexed My films")).to_be_visible()
        expect(page.get_by_role("heading", name="1 file could not be read")).to_be_visible()
        expect(page.get_by_text("damaged.mp4", exact=True)).to_be_visible()
        expect(page.get_by_role("list", name="Videos").get_by_role("link")).to_have_count(4)
        picture(page, "library")
        search_for(page, "violin").first.click()
        assert second_once(page.locator("dialog video"), "video.currentTime > 0") >= 6


@in_browser
def test_a_moment_opens_at_its_second(page: Page, service: str, picture: Callable[[Page, str], None]):
    page.goto(service)
    expect(page.get_by_role("list", name="Videos").get_by_role("link")).to_have_count(4)
    picture(page, "start")
    first = search_for(page, "violin").first
    expect(first).to_have_attribute("aria-label", re.compile(r"concert\.mp4, at 0:0[67]"))
    first.hover()
    expect(page.locator(".thumb.previewing")).to_have_count(1)
    picture(page, "results")
    first.click()
    video = page.locator("dialog video")
    start = float(asked(page)["at"].split("-")[0])
    assert start <= second_once(video, "video.currentTime > 0 && !video.seeking") < start + 5
    expect(page.locator(".subtitle")).to_have_text("Now the violin begins")
    expect(page.locator(".marks .moment")).to_be_visible()
    expect(page.locator("[aria-current=true]")).to_contain_text("violin")
    picture(page, "player")
    page.reload()
    assert second_once(video, "video.readyState > 1 && !video.seeking && video.currentTime > 0") >= start
    page.go_back()
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert asked(page) == {"q": "violin"}
    page.go_back()
    expect(page.get_by_role("heading", name="Recently added")).to_be_visible()


@in_browser
def test_everything_by_keyboard(page: Page, service: str):
    page.goto(service)
    expect(page.get_by_role("list", name="Videos").get_by_role("link")).to_have_count(4)
    page.keyboard.press("/")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("in:")
    expect(page.get_by_role("option").filter(has_text="My films")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(box).to_have_value(re.compile(r'^in:".*My films" $'))
    page.keyboard.press("Enter")
    moments = page.get_by_role("list", name="Moments", exact=True).get_by_role("link")
    expect(moments.nth(1)).to_be_visible()
    moments.first.focus()
    page.keyboard.press("ArrowRight")
    expect(moments.nth(1)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    video = page.locator("dialog video")
    expect(video).to_be_visible()
    before = asked(page)
    page.keyboard.press("n")
    expect(page.locator(".steps")).to_contain_text("2 of")
    assert asked(page) != before
    page.keyboard.press("p")
    expect(page.locator(".steps")).to_contain_text("1 of")
    assert asked(page) == before
    page.keyboard.press("Escape")
    expect(moments.first).to_be_focused()


@in_browser
def test_a_dropped_clip_is_searched_by(page: Page, service: str, films: Path, picture: Callable[[Page, str], None]):
    page.goto(service)
    drop(page, films / "garden.mp4")
    moments = page.locator(".grid a.card:visible")
    expect(page.get_by_role("heading", name="Like garden.mp4")).to_be_visible()
    expect(moments.filter(has_text="garden.mp4")).to_be_visible()
    picture(page, "dropped")
    moments.first.click()
    page.get_by_role("link", name="More like this").click()
    expect(page.get_by_role("heading", name="Like this moment")).to_be_visible()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.get_by_label("Clip or picture").set_input_files(files=films / "damaged.mp4")
    expect(page.locator(".toast.warning")).to_contain_text("damaged.mp4")


@in_browser
def test_a_phone(browser: Browser, service: str, picture: Callable[[Page, str], None]):
    with opened(browser, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True) as page:
        places = {
            "": "Recently added", "?q=violin": "violin", "?view=library": "Library", "?view=film&id=1": r"\.(mp4|avi)",
        }  # fmt: skip
        for address, heading in places.items():
            page.goto(f"{service}/{address}")
            expect(page.get_by_role("heading", level=1, name=re.compile(heading))).to_be_visible()
            expect(page.locator(".skeleton")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
            picture(page, f"phone-{heading.strip('.()|').split('|')[0].lower().replace(' ', '-')}")
        page.goto(f"{service}/?q=violin")
        page.get_by_role("list", name="Moments", exact=True).get_by_role("link").first.tap()
        expect(page.get_by_role("button", name="Close the player")).to_be_in_viewport()
        expect(page.locator("dialog video")).to_be_in_viewport()
        picture(page, "phone-player")


@pytest.mark.slow
@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_a_screen_reader(
    browser: Browser, service: str, scheme: str, picture: Callable[[Page, str], None]
):
    places = {
        "start": "", "library": "?view=library", "film": "?view=film&id=1", "player": "?q=violin&film=1&at=1-3",
        "results": "?q=violin", "no-match": "?q=in:nowhere", "not-clear": "?q=violin AND",
        "duplicates": "?view=duplicates",
    }  # fmt: skip
    with opened(browser, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page:
        for name, address in places.items():
            page.goto(f"{service}/{address}")
            expect(page.locator("h1:visible")).to_have_count(1)
            expect(page.locator(".skeleton")).to_have_count(0)
            if name == "player":
                expect(page.locator("dialog h2")).to_be_visible()
            found = Axe().run(page)["violations"]
            picture(page, f"{scheme}-{name}")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], address


@in_browser
def test_a_pair_that_is_not_the_same_is_dismissed_and_compared_again(page: Page, service: str):
    def offered(route: Route) -> None:
        if get_json(page, f"{service}/api/v1/duplicates/dismissed")["items"]:
            return route.fulfill(json={"items": [], "total": 0, "next": None})
        videos = get_json(page, f"{service}/api/v1/videos?limit=2")["items"]
        copies = [
            {"video": video, "start": 0, "end": 6, "seconds": 6, "keep": place == 0, "same_file": False}
            for place, video in enumerate(videos)
        ]
        group = {"kind": "copy", "videos": copies, "seconds_saved": 6, "bytes_saved": 9}
        return route.fulfill(json={"items": [group], "total": 1, "next": None})

    page.route(re.compile(r"/api/v1/duplicates(\?|$)"), offered)
    page.goto(f"{service}/?view=duplicates")
    page.get_by_role("button", name="is not the same").click()
    expect(page.get_by_role("heading", name="No duplicates")).to_be_visible()
    page.get_by_text("1 pair that is not the same").click()
    page.get_by_role("button", name=re.compile("Compare .* again")).click()
    expect(page.get_by_role("button", name="is not the same")).to_be_visible()
    expect(page.get_by_text("1 pair that is not the same")).to_have_count(0)


@in_browser
def test_copies_are_played_side_by_side_and_one_moved_to_the_trash(
    page: Page, service: str, picture: Callable[[Page, str], None]
):
    videos = get_json(page, f"{service}/api/v1/videos?limit=4")["items"]
    copies = [
        {"video": video, "start": place, "end": 5 + place, "seconds": 6, "keep": not place, "same_file": False}
        | {"identical": False, "stays": None if place else "keep"}
        for place, video in enumerate([video for video in videos if video["playable"]][:2])
    ]
    group = {"kind": "copy", "videos": copies, "seconds_saved": 6, "bytes_saved": 9}
    answer = {"items": [group], "total": 1, "next": None}
    page.route(re.compile(r"/api/v1/duplicates(\?|$)"), lambda route: route.fulfill(json=answer))
    asked: list[Any] = []

    def trash(route: Route) -> None:
        asked.append(route.request.post_data_json)
        answer["items"] = []
        route.fulfill(json=asked[-1])

    page.route("**/api/v1/duplicates/trash", trash)
    page.goto(f"{service}/?view=duplicates")
    page.get_by_role("button", name=re.compile("^Compare .* with the first")).click()
    dialog = page.get_by_role("dialog", name="Side by side")
    expect(dialog).to_contain_text("listen to both")
    leader, follower = (dialog.locator("video").nth(place) for place in (0, 1))
    second_once(leader, "video.readyState > 1")
    assert second_once(follower, "video.readyState > 1 && !video.seeking") == 1
    dialog.get_by_role("button", name="Play").click()
    second_once(leader, "video.currentTime > 1")
    dialog.get_by_role("button", name="Play").click()
    dialog.get_by_role("slider").fill("0.5")
    assert (second_once(leader, "!video.seeking"), second_once(follower, "!video.seeking")) == (2.5, 3.5)
    heard = [video.evaluate("video => !video.muted") for video in (leader, follower)]
    dialog.get_by_role("button", name="Sound of").click()
    assert heard == [True, False] == [video.evaluate("video => video.muted") for video in (leader, follower)]
    picture(page, "side-by-side")
    problems = Axe().run(page, context="dialog")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in problems] == []
    dialog.get_by_role("button", name="Move to the trash").click()
    page.get_by_role("dialog", name="to the trash?").get_by_role("button", name="Cancel").click()
    assert asked == []
    dialog.get_by_role("button", name="Move to the trash").click()
    page.get_by_role("dialog", name="to the trash?").get_by_role("button", name="Move to the trash").click()
    expect(page.get_by_role("heading", name="No duplicates")).to_be_visible()
    assert asked == [{"videos": [copies[1]["video"]["id"]]}]


def get_json(page: Page, url: str) -> Any:
    """What the service answers the browser of a page."""
    return page.request.get(url).json()


@in_browser
def test_names_are_never_markup(page: Page, service: str):
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(f"{service}/?view=library")
    card = page.get_by_role("list", name="Videos").get_by_role("link").filter(has_text="<img src=x onerror=alert(1)>")
    card.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=alert(1)> & co.mp4")
    expect(page.locator("img[src=x]")).to_have_count(0)


@in_browser
def test_what_goes_wrong_is_said(page: Page, service: str, picture: Callable[[Page, str], None]):
    page.goto(f"{service}/?q=violin AND")
    expect(page.get_by_role("alert")).to_contain_text("a description is missing before the end")
    search_for(page, "in:nowhere")
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    lost = re.compile("/api/v1/search")
    page.route(lost, lambda route: route.abort())
    search_for(page, "violin")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    picture(page, "no-connection")
    page.unroute(lost)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("list", name="Moments", exact=True).get_by_role("link").first).to_be_visible()


@in_browser
def test_confidence_levels_come_from_the_service(page: Page, service: str):
    def levels(route: Route) -> None:
        answer = route.fetch().json()
        for moment, level in zip(answer["items"], ("medium", "high", "low"), strict=False):
            moment["confidence_level"], moment["likely"] = level, True
        route.fulfill(json=answer)

    def offered(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"min_confidences": [0.001, 0.4]})

    page.route(re.compile("/api/v1/search"), levels)
    page.route(re.compile("/api/v1/status"), offered)
    page.goto(f"{service}/?q=a+disc&min=0.0005")
    badges = page.locator(".grid .badge")
    expect(badges.nth(1)).to_be_visible()
    expect(badges.nth(0)).to_have_class("badge medium")
    expect(badges.nth(1)).to_have_class("badge high")
    page.get_by_role("button", name="How sure").first.click()
    page.unroute_all(behavior="wait")
    page.get_by_role("button", name="at least 40%").click()
    expect(page).to_have_url(re.compile("min=0.4"))


@in_browser
def test_filters_are_chips_that_are_chosen_changed_and_removed(
    page: Page, service: str, picture: Callable[[Page, str], None]
):
    page.goto(f"{service}/?q=NOT+type:avi+violin+in:nowhere")
    filters = page.get_by_role("group", name="Filters")
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    expect(filters).to_contain_text("not type: avi")
    filters.get_by_role("button", name="Remove the filter Folder: nowhere").click()
    expect(page).to_have_url(re.compile(r"q=NOT\+type%3Aavi\+violin$"))
    filters.get_by_role("button", name="Found by").click()
    filters.get_by_role("button", name="Said", exact=True).click()
    expect(page.get_by_role("list", name="Moments", exact=True).get_by_role("link")).to_have_count(1)
    filters.get_by_role("button", name="Found by: Said").first.click()
    filters.get_by_role("button", name="Written", exact=True).click()
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    filters.get_by_role("button", name="Remove the filter Found by: Written").click()
    filters.get_by_role("button", name="Date").click()
    filters.get_by_label("From").fill("2020-02-01")
    filters.get_by_label("To").fill("2020-02-29")
    filters.get_by_role("button", name="Apply").click()
    expect(filters).to_contain_text("Date: from Feb 1, 2020 · before Mar 1, 2020")
    expect(page.get_by_role("combobox")).to_have_value("NOT type:avi violin after:2020-02-01 before:2020-03-01")
    picture(page, "chips")
    for name in ("Date: from", "type: avi"):
        filters.get_by_role("button", name=f"Remove the filter {name}").click()
    filters.get_by_role("button", name="Length").click()
    filters.get_by_role("button", name="shorter than 1 min").click()
    filters.get_by_role("button", name="One per video").click()
    expect(page).to_have_url(re.compile(r"q=violin\+shorter%3A1m&each=1"))
    expect(page.get_by_role("list", name="Moments", exact=True).get_by_role("link").first).to_contain_text("violin")


@in_browser
def test_filters_are_read_from_a_query_as_the_service_reads_them(page: Page, service: str):
    page.goto(service)
    read = """async (query) => {
        const { filtersOf, withoutFilters } = await import("/lib/filters.js");
        const found = filtersOf(query, ["in:", "tag:"]);
        const read = found.map(({ name, value, negated }) => `${negated ? "NOT " : ""}${name}${value}`);
        return [read, withoutFilters(query, found)];
    }"""
    for query, (found, rest) in {
        'a dog in:"my films" runs': (["in:my films"], "a dog runs"),
        '"see in:x" TAG:Dog': (["tag:Dog"], '"see in:x"'),
        "in:a NOT tag:b NOT c": (["in:a", "NOT tag:b"], "NOT c"),
        "in\uff1a“zwei Wörter”": (["in:zwei Wörter"], ""),
        'in:"never closed': (["in:never closed"], ""),
        "said:x in: type:y": ([], "said:x in: type:y"),
        "C:\\tag:x": ([], "C:\\tag:x"),
    }.items():
        assert page.evaluate(read, query) == [found, rest], query


@in_browser
def test_the_list_goes_on_while_one_scrolls(page: Page, service: str):
    def two_at_a_time(route: Route) -> None:
        route.continue_(url=route.request.url.replace("limit=40", "limit=2"))

    page.route(re.compile("/api/v1/videos"), two_at_a_time)
    page.goto(f"{service}/?view=library")
    expect(page.get_by_role("list", name="Videos").get_by_role("link")).to_have_count(4)


@in_browser
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg on this machine")
def test_what_browsers_cannot_play_is_converted(page: Page, service: str, picture: Callable[[Page, str], None]):
    page.goto(f"{service}/?q=type:avi")
    page.get_by_role("list", name="Moments", exact=True).get_by_role("link").first.click()
    expect(page.locator(".note")).to_contain_text("Browsers cannot play this format (mpeg4 in avi)")
    picture(page, "not-playable")
    page.get_by_role("button", name="Play a converted copy").click()
    assert second_once(page.locator("dialog video"), "video.currentTime > 0.1") > 0
    page.reload()  # now it is there, and nobody is asked again
    assert second_once(page.locator("dialog video"), "video.currentTime > 0.1") > 0


@in_browser
def test_a_moment_is_played_to_its_end_stepped_and_trimmed(page: Page, service: str):
    page.goto(service)
    search_for(page, "violin").first.click()
    video = page.locator("dialog video")
    start, end = map(float, asked(page)["at"].split("-"))
    second_once(video, "video.currentTime > 0 && !video.seeking")
    video.evaluate("(video, second) => { video.currentTime = second; }", end - 0.4)
    assert end <= second_once(video, "video.paused") < end + 1
    before = video.evaluate("video => video.currentTime")
    page.keyboard.press(",")
    assert second_once(video, f"!video.seeking && video.currentTime < {before}") > before - 3 / FRAMES_A_SECOND
    expect(page.locator(".controls .time")).to_contain_text("frame")
    video.evaluate("(video, second) => { video.currentTime = second; }", start + 1)
    page.keyboard.press("i")
    expect(page).not_to_have_url(re.compile(f"at={start:g}-"))
    page.get_by_role("button", name="Loop the moment").click()
    page.keyboard.press("r")
    second_once(video, "!video.paused")
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Speed")).to_have_text("1.5\u00d7")


@in_browser
def test_old_results_never_stand_under_a_new_title(page: Page, service: str):
    page.goto(f"{service}/?q=violin")
    moments = page.get_by_role("list", name="Moments", exact=True)
    expect(moments.get_by_role("link").first).to_contain_text("violin")
    held: list[Route] = []
    page.route(re.compile(r"/api/v1/search\?q=welcome"), lambda route: held.append(route))
    search_for(page, "welcome")
    expect(page.get_by_role("heading", level=1)).to_contain_text("welcome")
    expect(moments).to_have_attribute("aria-busy", "true")
    expect(moments.get_by_role("link")).to_have_count(0)
    search_for(page, "thank")
    expect(moments.get_by_role("link").first).to_contain_text("Thank you")
    for route in held:
        route.abort()  # the late answer of a query that nobody waits for
    expect(moments.get_by_role("link").first).to_contain_text("Thank you")
    expect(moments.locator("mark").first).to_have_text("Thank")
    expect(moments.locator(".badge").first).to_have_text("Said")


@in_browser
def test_likely_moments_come_first_and_the_rest_is_folded(page: Page, service: str):
    def grouped(route: Route) -> None:
        answer = route.fetch().json()
        for place, moment in enumerate(answer["items"]):
            moment["likely"] = place == 0
        route.fulfill(json=answer | {"note": "Read as English."})

    page.route(re.compile("/api/v1/search"), grouped)
    page.goto(f"{service}/?q=type:mp4")
    moments = page.get_by_role("list", name="Moments", exact=True).get_by_role("link")
    rest = page.get_by_role("list", name="Moments, less likely")
    expect(moments).to_have_count(1)
    expect(rest).to_have_count(0)
    expect(page.locator(".message").get_by_role("status")).to_contain_text("Read as English.")
    page.get_by_text("Less likely ·").click()
    expect(rest.get_by_role("link").first).to_be_visible()


@in_browser
def test_an_unknown_filter_is_named_and_not_remembered(page: Page, service: str):
    page.goto(service)
    search_for(page, "tpye:avi")
    expect(page.get_by_role("alert")).to_contain_text("did you mean type:?")
    search_for(page, "violin").first.wait_for()
    page.get_by_role("combobox", name="Search your videos").fill("")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_text(["violin"])


@in_browser
def test_the_first_result_is_one_key_away(page: Page, service: str):
    page.goto(f"{service}/?q=type:mp4")
    moments = page.get_by_role("list", name="Moments", exact=True).get_by_role("link")
    expect(moments.first).to_be_visible()
    page.get_by_role("combobox", name="Search your videos").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    expect(moments.first).to_be_focused()
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    expect(moments.first).to_be_focused()


@in_browser
def test_videos_by_month_with_their_dates_in_cards_of_a_chosen_size(page: Page, service: str):
    months = [{"month": "2023-07", "videos": 1, "seconds": 6}, {"month": "2021-12", "videos": 3, "seconds": 9}]

    def filmed(route: Route) -> None:
        answer = route.fetch().json()
        for video in answer["items"]:
            video |= {"filmed_at": "2023-07-14T23:15:00+09:00", "filmed_by": "name"}
        route.fulfill(json=answer)

    page.route("**/api/v1/months", lambda route: route.fulfill(json={"items": months, "total": 2, "next": None}))
    page.route(re.compile(r"/api/v1/videos\?order=added"), filmed)
    page.goto(f"{service}/?view=library")
    cards = page.get_by_role("list", name="Videos").get_by_role("link")
    expect(cards.first.locator("time")).to_have_text("Jul 14, 2023")  # where the camera was
    expect(cards.first).to_have_attribute("title", re.compile("Filmed Jul 14, 2023, by its name"))
    width = cards.first.bounding_box()
    page.get_by_role("slider", name="Size of the cards").fill("480")
    page.reload()
    expect(page.get_by_role("slider", name="Size of the cards")).to_have_value("480")
    expect(cards.first).to_be_visible()
    wider = cards.first.bounding_box()
    assert width
    assert wider
    assert wider["width"] > 1.5 * width["width"]
    with page.expect_request(re.compile(r"/api/v1/videos\?order=date&during=2021-12")):
        page.get_by_role("navigation", name="Months").get_by_role("link", name="December 2021, 3 videos").click()
    expect(page.get_by_role("heading", name="Videos of December 2021")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Videos, newest first")).to_be_visible()
    expect(cards).to_have_count(4)
    page.unroute_all(behavior="wait")


@in_browser
def test_a_folder_is_rescanned_and_removed(page: Page, service: str):
    page.goto(f"{service}/?view=library")
    page.get_by_role("button", name="What to do with My films").click()
    page.get_by_role("button", name=re.compile("^Rescan")).click()
    expect(page.get_by_role("list", name="Indexing")).to_contain_text("Indexed My films")
    page.get_by_role("button", name="What to do with My films").click()
    page.get_by_role("button", name=re.compile("^Remove")).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("list", name="Videos").get_by_role("link")).to_have_count(4)


@in_browser
def test_moments_are_collected_sorted_and_taken_away(
    page: Page, service: str, picture: Callable[[Page, str], None], tmp_path: Path
):
    page.goto(service)
    found = search_for(page, "in:films")
    expect(found.nth(1)).to_be_visible()
    tray = page.get_by_role("complementary", name="Selects")
    expect(tray).to_be_hidden()
    found.first.focus()
    page.keyboard.press("s")
    selects = tray.get_by_role("listitem")
    expect(selects).to_have_count(1)
    found.nth(1).hover()
    page.locator(".grid li").nth(1).get_by_role("button", name="Select").click()
    expect(selects).to_have_count(2)
    page.reload()  # the library holds it, not the page
    expect(selects).to_have_count(2)
    one, two = (selects.nth(index).get_attribute("data-id") for index in (0, 1))
    selects.nth(1).focus()
    page.keyboard.press("Alt+ArrowLeft")
    expect(selects.first).to_have_attribute("data-id", str(two))
    expect(selects.first).to_be_focused()
    selects.nth(1).drag_to(selects.first, source_position={"x": 60, "y": 20}, target_position={"x": 60, "y": 20})
    expect(selects.first).to_have_attribute("data-id", str(one))
    held: list[Route] = []
    page.route("**/moments/*", lambda route: route.continue_() if held else held.append(route))
    selects.first.get_by_label("In, seconds").fill("0.4")
    with page.expect_request("**/moments/*"):
        selects.first.get_by_label("Note").click()  # which leaves the field
    selects.first.get_by_label("Note").fill("opening")
    with page.expect_response("**/moments/*"):
        held[0].continue_()  # the late answer leaves what is being typed
    with page.expect_response("**/moments/*"):
        selects.first.get_by_label("Note").press("Enter")
    expect(selects.first.get_by_label("Note")).to_have_attribute("value", "opening")
    selects.first.get_by_role("button", name="Star").click()
    expect(selects.first.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
    picture(page, "tray")
    problems = Axe().run(page, context="#tray")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in problems] == []
    selects.first.get_by_label("Export this one").check()
    tray.get_by_role("button", name="Export 1").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Final Cut, Resolve").click()
    download.value.save_as(tmp_path / "reel.fcpxml")
    text = (tmp_path / "reel.fcpxml").read_text(encoding="utf-8")
    assert (text.count("<asset-clip"), text.count("<note>opening")) == (1, 1)
    selects.nth(1).focus()
    page.keyboard.press("Delete")
    expect(selects).to_have_count(1)
    tray.get_by_role("button", name="Remove Selects", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(tray).to_be_hidden()


def catalogue(language: str) -> dict[str, str]:
    """The texts of a language by their keys, plural forms as they are written."""
    body = (PAGE / "texts" / f"{language}.js").read_text("utf-8").partition("export default {")[2].rpartition("}")[0]
    lines = [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("//")]
    texts = [re.fullmatch(r'"([a-z0-9.-]+)": (.+),', line) for line in lines]
    assert all(texts), [line for line, text in zip(lines, texts, strict=True) if not text]
    assert len({text[1] for text in texts if text}) == len(texts), "a key stands twice"
    return {text[1]: text[2] for text in texts if text}


def test_every_text_of_the_page_is_in_the_catalogues():
    catalogues = {path.stem: catalogue(path.stem) for path in (PAGE / "texts").glob("*.js") if path.stem != "languages"}
    offered = re.findall(r'"?([A-Za-z-]+)"?: "', (PAGE / "texts/languages.js").read_text("utf-8").partition("{")[2])
    assert sorted(offered) == sorted(catalogues)
    for language, texts in catalogues.items():
        assert texts.keys() == catalogues["en"].keys(), language
        for key, text in texts.items():
            names = set(re.findall(r"{(\w+)}", text)) | {"count"}  # a form may say one without the number
            assert names == set(re.findall(r"{(\w+)}", catalogues["en"][key])) | {"count"}, f"{language}: {key}"
    scripts = "".join(path.read_text("utf-8") for path in PAGE.rglob("*.js") if path.parent.name != "texts")
    html = (PAGE / "index.html").read_text("utf-8")
    counted = {f"count.{noun}" for noun in re.findall(r'count\(.+?, "(\w+)"\)', scripts)}
    begun = tuple(re.findall(r"say\(`([a-z]+\.[a-z-]*)\$", scripts))  # say(`job.${state}`)
    used = {key for key in catalogues["en"] if f'"{key}"' in scripts + html or key in counted or key.startswith(begun)}
    assert used == catalogues["en"].keys()
    spelled = set(re.findall(r'"([A-Z][a-z][^"\n]*)"', scripts))
    keys = {"Delete", "Escape", "ArrowDown", "ArrowUp", "Enter", "Tab"}  # of keyboards
    assert spelled - keys == {"Files", "Content-Disposition", "AbortError", "Content-Type"}


@in_browser
def test_the_language_of_the_browser_is_spoken_and_another_one_chosen(browser: Browser, service: str, films: Path):
    """In a made-up language that marks all its texts, nothing but names, numbers and what was typed is unmarked."""
    marked = re.sub(
        r'(": (?:{ one: |{ other: )?|other: )"([^"]*)"', r'\1"⟦\2⟧"', (PAGE / "texts/en.js").read_text("utf-8")
    )
    unmarked = """() => {
        const data = "time, .brand, .name, .path, .cue-text, .time, .subtitle, q, kbd, .folder-name, .video-name, " +
            ".tile dd, .facts, .labels, .saved-searches a, .failures";
        const texts = [];
        for (const node of document.querySelectorAll("body *")) {
            if (!node.checkVisibility()) continue;
            for (const name of ["aria-label", "placeholder"]) texts.push(node.getAttribute(name) ?? "");
            if (node.closest(data) || node.closest("option[lang]")) continue;
            for (const child of node.childNodes) if (child.nodeType === Node.TEXT_NODE) texts.push(child.data);
        }
        return texts.filter((text) => /[a-z]{2}/i.test(text) && !text.includes("⟦"));
    }"""
    with opened(browser, locale="de-AT") as page:
        script = {"content_type": "text/javascript", "headers": {"cache-control": "no-store"}}
        page.route("**/texts/de.js", lambda route: route.fulfill(body=marked, **script))
        both = 'export const LANGUAGES = { en: "English", de: "Deutsch" };'
        page.route("**/texts/languages.js", lambda route: route.fulfill(body=both, **script))
        for address in (
            "",
            "?q=violin",
            "?view=film&id=1",
            "?view=duplicates",
            "?q=violin&film=1&at=1-3",
            "?view=library",
        ):
            page.goto(f"{service}/{address}")
            expect(page.locator("h1:visible" if "at=" not in address else "dialog h2")).to_have_count(1)
            expect(page.locator(".skeleton")).to_have_count(0)
            found = set(page.evaluate(unmarked)) - {films.name, "concert.mp4", "<img src=x onerror=alert(1)> & co.mp4"}
            assert found == set(), (address, found)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.get_by_role("combobox", name="⟦Language⟧").select_option(label="English")
        expect(page.get_by_role("heading", level=1)).to_have_text("Library")
        page.reload()  # the choice is kept
        expect(page.get_by_role("heading", level=1)).to_have_text("Library")


@in_browser
@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW"])
def test_the_page_in_chinese(browser: Browser, service: str, locale: str):
    with opened(browser, locale=locale) as page:
        page.goto(service)
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.get_by_role("heading", name="最近添加")).to_contain_text("4 个视频")
        box = page.get_by_role("combobox", name="搜索你的视频")
        box.fill("type\uff1amp4")  # with the colon of a Chinese keyboard
        box.press("Enter")
        expect(page.get_by_role("list", name="片段", exact=True).get_by_role("link")).to_have_count(3)
        page.goto(f"{service}/?view=library")
        page.get_by_role("combobox", name="语言").select_option(label="English")
        expect(page.get_by_role("heading", level=1)).to_have_text("Library")


def test_the_page_needs_nothing_from_elsewhere():
    files = {path.relative_to(PAGE).as_posix(): path.read_text("utf-8") for path in PAGE.rglob("*.*") if path.is_file()}
    assert {Path(name).suffix for name in files} == {".html", ".css", ".js", ".svg"}
    for name, text in files.items():
        addresses = set(re.findall(r"https?://[^\s\"'<>]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
        assert text.count("\n") <= 350 or name.startswith("texts/"), name
        for imported in re.findall(r'from "(\.[^"]+)"', text):
            target = PAGE.joinpath(name).parent.joinpath(imported).resolve()
            assert target.is_file(), f"{name} imports {imported}"
            folders = [PAGE.joinpath(name).parent, target.parent]
            upper, lower = (LAYERS.index(folder.relative_to(PAGE).as_posix()) for folder in folders)
            assert upper <= lower, f"{name} imports upward: {imported}"
    inline = re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", files["index.html"])
    assert inline == []  # the service's policy would refuse it
    scripts = "".join(text for name, text in files.items() if name.endswith(".js"))
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", scripts) == []
