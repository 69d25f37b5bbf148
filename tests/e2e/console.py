"""What a browser complains about."""

from __future__ import annotations

import re

from playwright.sync_api import Page


class Console:
    """What the browser complained about: script errors, failed requests, violations of the content security policy."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Expect a complaint, such as the 422 of a form that the test fills in badly."""
        self._allowed.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(pattern.search(text) for pattern in self._allowed)]

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._add(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._add(str(error)))

    def _add(self, text: str) -> None:
        self.complaints.append(text)
