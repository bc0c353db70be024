"""What a page asks a browser for, and what it would run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Attributes by which a browser fetches something.
FETCHING = {"src", "href", "srcset", "data", "action", "poster", "background", "formaction", "xlink:href"}


class Page(HTMLParser):
    """Collects the tags, scripts, styles and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        {"script": self.scripts, "style": self.styles}.get(self._inside, self.texts).append(data)

    def fetched(self) -> list[str]:
        """All that a browser would fetch because of tags and styles."""
        found = [f"{tag} {name}={value}" for tag, a in self.tags for name, value in a.items() if name in FETCHING]
        found += [tag for tag, _ in self.tags if tag in ("link", "iframe", "object", "embed", "base", "img")]
        return found + [hit for style in self.styles for hit in re.findall(r"url\([^)]*\)|@import[^;]*", style)]

    def handlers(self) -> list[str]:
        """Attributes that run something."""
        return [name for _, a in self.tags for name in a if name.startswith("on")]
