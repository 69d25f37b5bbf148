"""A person who has no pointer: everything goes by Tab, Shift+Tab, Enter, Space and typing."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

STOPS = 120  # more than any page has
SCROLLS = 40  # looks, 50 ms apart, while a smooth scroll gets there

# What is wrong with the focus as somebody sees it; an empty string when nothing is.
SEEN = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";  // on the way round, past the last stop of the page
  const trouble = (x) => {
    const style = getComputedStyle(x);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return "no outline";
    const box = x.getBoundingClientRect();
    if (!box.width || !box.height) return "no size";
    const isOff = box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth;
    if (isOff) return "off the screen";
    const middle = (from, to, end) => Math.min(Math.max((from + to) / 2, 0), end - 1);
    const x0 = middle(box.left, box.right, innerWidth), y0 = middle(box.top, box.bottom, innerHeight);
    const top = document.elementFromPoint(x0, y0);
    return top && (x.contains(top) || top.contains(x)) ? "" : "covered";
  };
  const found = [e, ...(e.labels ?? [])].map(trouble);  // a choice may be hidden, and its label show the focus
  return found.includes("") ? "" : `${found[0]}: ${e.outerHTML}`;
}"""


@dataclass(frozen=True)
class Keys:
    """A keyboard at a page; each stop on the way has to show where the focus is."""

    page: Page

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)

    def step(self, key: str = "Tab") -> None:
        """Go one stop on."""
        self.press(key)
        self.assert_seen()

    def assert_seen(self) -> None:
        """Wait until the page has scrolled to where the focus is."""
        for _ in range(SCROLLS):
            if not (trouble := self.page.evaluate(SEEN)):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(trouble)

    def to(self, target: Locator, key: str = "Tab") -> None:
        """Go on, or back with Shift+Tab, until the target has the focus."""
        target.wait_for(state="attached")
        for _ in range(STOPS):
            self.step(key)
            if target.evaluate("e => e === document.activeElement"):
                return
        raise AssertionError(f"{key} never gets to {target}")

    def fill(self, field: Locator, text: str) -> None:
        """Go to a field, whose text is then selected, and type over it."""
        self.to(field)
        self.write(text)

    def use(self, control: Locator, key: str = "Enter") -> None:
        """Go to a link, button or choice and press Enter, or Space."""
        self.to(control)
        self.press(key)
