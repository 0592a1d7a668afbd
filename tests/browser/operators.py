"""A person at Airflow's real UI: signs in, opens an entry of the menu, works in the frame of Tillflow's page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Frame,
    FrameLocator,
    Locator,
    Page,
    Response,
)
from playwright.sync_api import TimeoutError as TooSlowError

from tillflow.stack.plan import Stack

#: a busy machine answers late; a test that waits this long is wrong all the same
PATIENCE_MS = 90_000
#: a page that does not show it yet is asked for again after
_LOOK_AGAIN_MS = 3_000
_ANSWERS_IN_ORDER = re.compile(r"the server responded with a status of (401|403|404|409|422)")


@dataclass
class Operator:
    """One person with a browser of their own. `problems`: what their browser complained about on our pages."""

    name: str
    stack: Stack
    page: Page
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.problems.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._look)

    @property
    def desk(self) -> FrameLocator:
        """What the frame shows."""
        return self.page.frame_locator("iframe")

    @property
    def frame(self) -> Frame:
        """The frame itself."""
        found = self.page.locator("iframe").element_handle().content_frame()
        assert found is not None
        return found

    @property
    def path(self) -> str:
        """Where they are in Tillflow: the path of the frame's page below /tillflow/."""
        return urlsplit(self.frame.url).path.removeprefix("/tillflow/")

    def sign_in(self) -> None:
        """At Airflow's own form."""
        self.page.goto(self.stack.url)
        self.page.locator("input[name=username]").fill(self.name)
        self.page.locator("input[name=password]").fill(self.stack.users[self.name])
        self.page.keyboard.press("Enter")
        self.page.get_by_role("button", name="Plugins").wait_for()

    def open(self, entry: str) -> FrameLocator:
        """Choose an entry of Tillflow's in Airflow's menu."""
        self.page.get_by_role("button", name="Plugins").click()
        self.page.get_by_role("menuitem", name="Tillflow").click()
        self.page.get_by_role("menuitem", name=entry).click()
        self.heading(entry).wait_for()
        self.frame.wait_for_load_state()  # its scripts as well
        return self.desk

    def turn_to(self, entry: str) -> FrameLocator:
        """Choose an entry of the menu at the head of Tillflow's page."""
        with self.frame.expect_navigation():  # also where they are at that page already
            self.desk.get_by_role("navigation", name="Tillflow").get_by_role("link", name=entry).click()
        self.heading(entry).wait_for()
        return self.desk

    def heading(self, text: str | re.Pattern[str]) -> Locator:
        """The heading of the page in the frame."""
        return self.desk.get_by_role("heading", level=1, name=text)

    def go(self, path: str) -> int:
        """Visit a path below /tillflow/ directly, without Airflow around it; the status of the answer."""
        answer = self.page.goto(f"{self.stack.url}/tillflow/{path}")
        assert answer is not None
        return answer.status

    def reload_until(self, wanted: Locator) -> None:
        """Load the whole page anew until `wanted` is there."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while True:
            try:
                wanted.wait_for(timeout=_LOOK_AGAIN_MS)
            except TooSlowError:
                if time.monotonic() > until:
                    raise
                self.page.reload()
            else:
                return

    def keep(self, download: Callable[[], None], to: Path) -> Path:
        """What a click downloads, in a file under its own name."""
        with self.page.expect_download() as expected:
            download()
        path = to / expected.value.suggested_filename
        expected.value.save_as(path)
        return path

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What the block does must please their browser; where it fails, pytest shows what was on the screen."""
        try:
            yield
        except Exception as error:
            for frame in self.page.frames:
                error.add_note(f"--- {self.name} saw {frame.url}\n{frame.locator('body').inner_text()[:3000]}")
            error.add_note(f"--- the browser complained about {self.problems}")
            raise
        assert not self.problems, self.problems

    def _listen(self, message: ConsoleMessage) -> None:
        ours = "/tillflow/" in str(message.location.get("url", ""))
        # the browser writes also of answers that a story wants: a form with errors, a page that is not theirs
        if ours and message.type == "error" and not _ANSWERS_IN_ORDER.search(message.text):
            self.problems.append(f"{message.location['url']}: {message.text}")

    def _look(self, response: Response) -> None:
        path = urlsplit(response.url).path
        broken = response.status >= 500 or (response.status >= 400 and "/tillflow/static/" in path)
        if broken and path.startswith("/tillflow/"):
            self.problems.append(f"{response.status} {response.url}")


@dataclass
class Staff:
    """Everybody of the running stack, each in a browser of their own."""

    browser: Browser
    stack: Stack
    _states: dict[str, dict[str, object]] = field(default_factory=dict)

    @contextmanager
    def at_airflow(self, name: str, **how: object) -> Iterator[Operator]:
        """Somebody who has just signed in at Airflow's form. `how`: as Browser.new_context takes it."""
        with self._context(**how) as context:
            operator = Operator(name, self.stack, context.new_page())
            operator.sign_in()
            self._states[name] = dict(context.storage_state())
            with operator.watched():
                yield operator

    @contextmanager
    def signed_in(self, name: str, **how: object) -> Iterator[Operator]:
        """Somebody who signed in before, at no page yet."""
        if name not in self._states:
            with self.at_airflow(name):
                pass
        with self._context(storage_state=self._states[name], **how) as context:
            operator = Operator(name, self.stack, context.new_page())
            with operator.watched():
                yield operator

    @contextmanager
    def _context(self, **how: object) -> Iterator[BrowserContext]:
        size: dict[Literal["width", "height"], int] = {"width": 1280, "height": 800}
        given = {"viewport": size, "locale": "en-AU", "timezone_id": "Australia/Sydney", "reduced_motion": "reduce"}
        context = self.browser.new_context(**given | how)
        try:
            yield context
        finally:
            context.close()
