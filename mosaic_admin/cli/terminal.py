"""rich's console for our tables: its own escapes go out and nobody else's."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mosaic_admin.cli.printing import shown


class Terminal(Console):
    """A console that spells out what a terminal would obey: rich takes five characters away, and ESC is none."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)
