"""Pictures: matplotlib figures as HTML that needs nothing from outside the page."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure

from gpbop.errors import GpbopError
from gpbop.report.words import tag, text

# Characters of an SVG beyond which the picture is made of pixels: thousands of markers make a browser slow.
MOST_SVG = 250_000
# Pixels across, and quality in percent, of one that is; as PNG the map of 5,000 experiments is five times as large.
PIXELS = 1600
QUALITY = 80
# Width of the page that an inch of a figure takes, in rem, where there is room: so text is of one size in all of them.
INCH = 5.25
# Wider figures are shrunk to no less than this share of that; they scroll.
WIDE, LEAST = 14.0, 0.6


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn.

    Attributes:
        id: Prefix of the ids inside it, its own on the page.
        draw: Makes the figure; raises GpbopError where it would make no sense.
        caption: What is to be seen, in one sentence.
        is_wide: Whether it takes the whole width beside others.
    """

    id: str
    draw: Callable[[], Figure]
    caption: str
    is_wide: bool = False

    def html(self) -> str:
        """Draw it; where it makes no sense, say why in one line."""
        try:
            figure = self.draw()
        except GpbopError as error:
            return tag("p", text(f"Left out: {' '.join(str(error).split())}"), class_="left-out wide")
        with rc_context({"svg.hashsalt": self.id, "svg.fonttype": "path"}):
            svg = _svg(figure, self.id, self.caption)
            drawn = svg if len(svg) <= MOST_SVG else _pixels(figure, self.caption)
        parts = (tag("div", drawn, class_="picture", style=_width(figure)), tag("figcaption", text(self.caption)))
        return tag("figure", *parts, id=self.id, class_="wide" if self.is_wide else None)


def _svg(figure: Figure, prefix: str, label: str) -> str:
    """Return a figure as an <svg> element whose ids and style touch nothing else on the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height|version|xmlns:xlink|xmlns)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{text(label)}">{rest.strip()}'


def _pixels(figure: Figure, label: str) -> str:
    """Return a figure as an <img> element that holds its own data."""
    file = io.BytesIO()
    dpi = PIXELS / figure.get_figwidth()
    figure.savefig(file, format="webp", dpi=dpi, pil_kwargs={"quality": QUALITY})
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return tag("img", alt=label, src=f"data:image/webp;base64,{data}").removesuffix("</img>")


def _width(figure: Figure) -> str:
    width = figure.get_figwidth() * INCH
    least = f";--least:{LEAST * width:.2f}rem" if figure.get_figwidth() > WIDE else ""
    return f"--width:{width:.2f}rem{least}"
