"""Which figures stand in the README? Those of `results/`, put there by this script and by nobody's hand.

python -m benchmarks.readme
"""

import json
import math
from pathlib import Path
from typing import Any

from benchmarks import readme_searches
from benchmarks.harness.headline import headline

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
# The script whose rows a section tells of, and what tells it.
SEARCHES = {
    "designs": ("compare_designs", readme_searches.designs),
    "baselines": ("compare_baselines", readme_searches.baselines),
    "stopping": ("calibrate_stopping", readme_searches.stopping),
}


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / "results" / name).read_text().splitlines()]


def origin(line: dict[str, Any], script: str) -> str:
    environment = line["environment"]
    versions = environment["versions"]
    return (
        f"`python -m benchmarks.{script}` on {environment['cpu']}, one thread, Python {environment['python']}, "
        f"torch {versions['torch']}, BoTorch {versions['botorch']}, GPyTorch {versions['gpytorch']}, "
        f"Optuna {versions['optuna']}; commit {environment['commit']}, {environment['date']}."
    )


def story() -> str:
    """Return the picture of the autoencoder's search, and what it saved, in one sentence."""
    (line,) = read("autoencoder_story.jsonl")
    saved = f"{line['trials']} trainings instead of {line['size']}"
    what = "the best config of all" if line["rank"] == 1 else f"the config that ranks {line['rank']} of"
    sentence = (
        f"**{saved}:** gpbop found, in training {line['found']}, {what} {line['size']}, whose losses were recorded "
        "beforehand and which the search never sees. Above, what the model does not know about the loss: before any "
        "training, after the first model, and at the end. Below, the best loss so far."
    )
    picture = f"![{saved}: the uncertainty goes away where it matters](benchmarks/results/pictures/story.png)"
    return "\n\n".join([picture, sentence, origin(line, "autoencoder_story")])


def replay() -> str:
    """Return the table of trainings until the best 1 % of the recorded grid."""
    lines = read("replay_autoencoder.jsonl")
    rows = ["| search | median trainings | quartiles | within 40 trainings |", "|---|---|---|---|"]
    for line in lines:
        low, high = (_count(value, line["budget"]) for value in line["quartiles"])
        median = _count(line["median"], line["budget"])
        rows.append(f"| {line['search']} | {median} | {low} to {high} | {line['within']} of {line['seeds']} seeds |")
    heading = "Trainings until one of the best 1 % of the grid's 768 is found, replayed on the recorded grid:"
    return "\n\n".join([heading, "\n".join(rows), origin(lines[0], "replay_autoencoder")])


def _count(value: float | None, budget: int) -> str:
    return f">{budget}" if value is None or math.isinf(value) else f"{value:g}"


def latency() -> str:
    """Return the table of ask latencies."""
    lines = read("ask_latency.jsonl")
    rows = [
        "| trials | gpbop | Optuna GPSampler | BoTorch | gpbop, first ask | Optuna, first ask |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        ours, optuna, botorch = line["gpbop"], line["optuna"], line["botorch"]
        cells = [
            _seconds(ours["warm"]),
            f"{_seconds(optuna['warm'])} ({optuna['warm'] / ours['warm']:.1f}x)",
            f"{_seconds(botorch['cold'])} ({botorch['cold'] / ours['warm']:.0f}x)",
            _seconds(ours["cold"]),
            f"{_seconds(optuna['cold'])} ({optuna['cold'] / ours['cold']:.1f}x)",
        ]
        rows.append(f"| {line['n']} | " + " | ".join(cells) + " |")
    quality = [q for line in lines for q in line["quality"]]
    worst_value = max(q["log_ei_botorch"] - q["log_ei"] for q in quality)
    worst_fit = max(q["log_posterior_botorch"] - q["log_posterior"] for q in quality)
    heading = (
        "One whole ask (fit and search) on a space of 10 mixed parameters, median; in brackets how many times gpbop's. "
        "BoTorch is `MixedSingleTaskGP`, `fit_gpytorch_mll` and `optimize_acqf_mixed_alternating`, which start from "
        "scratch each time; gpbop and Optuna go on from their last fit, except on the first ask of a search that was "
        "told all its trials at once."
    )
    answer = (
        f"The answers are as good: on the same model, over {len(quality)} data sets, gpbop's search found at worst "
        f"a LogEI {_shortfall(worst_value)} than BoTorch's search, and its fit reached at worst a log posterior "
        f"{_shortfall(worst_fit)} than BoTorch's fit."
    )
    sizes = ", ".join(str(line["n"]) for line in lines)
    other = (
        "`MixedSingleTaskGP` is another model, without priors on its scales. At "
        f"{sizes} trials its plain log marginal likelihood was {_pairs(lines, 'likelihood', '.0f')}; on held-out "
        f"configs its mean negative log predictive density (lower is better) was {_pairs(lines, 'nlpd', '.2f')}."
    )
    return "\n\n".join([heading, "\n".join(rows), answer, other, origin(lines[0], "ask_latency")])


def _pairs(lines: list[dict[str, Any]], key: str, digits: str) -> str:
    return ", ".join(f"{line['botorch'][key]:{digits}} (gpbop {line['gpbop'][key]:{digits}})" for line in lines)


def _seconds(value: float) -> str:
    return f"{value * 1e3:.0f} ms" if value < 1.0 else f"{value:.1f} s"


def _shortfall(value: float) -> str:
    return f"{value:.1g} lower" if value > 0.0 else f"{-value:.1g} higher"


def sections() -> dict[str, str]:
    """Return the generated sections by name."""
    return {"story": story(), "replay": replay(), "latency": latency(), "benchmarks": headline(), **searches()}


def searches() -> dict[str, str]:
    """Return the sections about whole searches by name."""
    written = {}
    for name, (script, write) in SEARCHES.items():
        rows = read(f"{script}.jsonl")
        written[name] = f"{write(rows)}\n\n{origin(rows[0], script)}"
    return written


def write_readme() -> None:
    """Write the sections into the README."""
    text = README.read_text()
    for name, section in sections().items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        head, rest = text.split(begin)
        text = head + f"{begin}\n{section}\n{end}" + rest.split(end)[1]
    README.write_text(text)


if __name__ == "__main__":
    write_readme()
