"""Searches to be reported, and a reader of pages that is stricter than a browser."""

from html.parser import HTMLParser

from gpbop import Categorical, Float, Integer, Optimizer, Ordinal, Space
from gpbop.examples import autoencoder
from gpbop.examples.recorded import autoencoder_grid

HOSTILE = ["</script><b>bold</b>", "<!--", "&amp;", "]]>", "\"'`", "$title", "\u2028 \x00", "\ud800", "a" * 500]
SCRIPT = "</script><script>alert(1)</script>"
FAILURES = {4: "RuntimeError: out of memory", 11: "<i>no</i>"}


def recorded_search(trials=24):
    """Return a search of the recorded autoencoder grid with failures, and one experiment still running."""
    grid, optimizer = autoencoder_grid(), Optimizer(autoencoder.space(), initial=6, seed=0)
    for i in range(trials):
        config = optimizer.ask()
        value = None if i in FAILURES else grid.losses[grid.row(config)]
        optimizer.tell(config, value, reason=FAILURES.get(i))
    optimizer.ask()
    return optimizer


def hostile_search():
    """Return a search whose every text tries to be something else."""
    listed = ["1", 1, None, True, [1, "<"], {"&": ">"}]
    space = Space({SCRIPT: Categorical(HOSTILE), "<b>n</b>\ud800": Integer(1, 3), "value": Ordinal(listed)})
    optimizer = Optimizer(space)
    for i in range(12):
        config = {SCRIPT: HOSTILE[i % 9], "<b>n</b>\ud800": 1 + i % 3, "value": listed[i % 6]}
        optimizer.tell(config, None if i in (3, 4) else float(i % 5), reason="</table><script>alert(2)</script>")
    return optimizer


def long_search(trials=5000):
    """Return a search of many trials; no model can be fitted to it in the time of a test."""
    space = Space({"x": Float(0.0, 1.0), "kind": Categorical(["a", "b"]), "p": Float(0.0, 1.0, when={"kind": ["a"]})})
    optimizer = Optimizer(space)
    configs = space.sample(trials, 0)
    values = [None if i % 97 == 0 else config["x"] + (i * 37 % 101) / 101.0 for i, config in enumerate(configs)]
    optimizer.tell_many(configs, values)
    return optimizer


class Reader(HTMLParser):
    """Reads a page; an element that is not closed where it should be is an error."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.texts, self.handlers = [], [], [], [], {}, []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [
            value for key, value in given.items() if key in ("href", "src", "xlink:href", "action", "srcset")
        ]
        self.handlers += [key for key in given if key.startswith("on")]
        if tag not in self.VOID:
            self.open.append((tag, given.get("id")))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        opened, _ = self.open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1][0], []).append(data)


def read(page):
    """Return what a reader found in a page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    return reader
