"""A real browser, and a service on a port of this machine that it can open."""

from __future__ import annotations

import base64
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from search import Library
from search.service.app import create
from search.service.backend.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_SECONDS = 60  # with a machine that does other things too
PATIENCE_MS = PATIENCE_SECONDS * 1000


class Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=5))
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


@contextmanager
def serving(library: Library) -> Iterator[str]:
    """A service of a library, on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        server = Server(create(library, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, name="service")
        thread.start()
        try:
            assert server.answers.wait(PATIENCE_SECONDS), "the service does not start"
            yield settings.url
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the service does not end"


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """A browser, which has to end before the service does: its connections would hold that up."""
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=PATIENCE_MS)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def opened(browser: Browser, **options: object) -> Iterator[Page]:
    """A page of its own, which must not run into an error of its scripts."""
    expect.set_options(timeout=PATIENCE_MS)
    context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        yield page
    finally:
        context.close()
    assert errors == []


def second_once(video: Locator, condition: str) -> float:
    """The second at which a video is as soon as a condition on it holds."""
    return video.evaluate(
        """(video, patience) => new Promise((tell, give_up) => {
            const begin = performance.now();
            const look = () => {
                if (CONDITION) tell(video.currentTime);
                else if (performance.now() - begin > patience) give_up(`never: CONDITION, at ${video.currentTime}`);
                else setTimeout(look, 20);
            };
            look();
        })""".replace("CONDITION", condition),
        PATIENCE_MS,
    )


def asked(page: Page) -> dict[str, str]:
    """The parameters in the address of a page."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def search_for(page: Page, text: str) -> Locator:
    """Search for words, as a person types them; returns the cards that were found."""
    box = page.get_by_role("combobox", name="Search your videos")
    box.fill(text)
    box.press("Enter")
    return page.get_by_role("list", name="Moments", exact=True).get_by_role("link")


def drop(page: Page, path: Path) -> None:
    """Drop a file on the page, as a person drags it there, who sees the page first."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    content = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([content, name]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "video/mp4" }));
            return transfer;
        }""",
        [content, path.name],
    )
    page.locator("body").dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_be_visible()
    page.locator("body").dispatch_event("drop", {"dataTransfer": transfer})
