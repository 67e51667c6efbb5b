"""The story: how the answer was found, one section for each question, each with its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gpbop import plots
from gpbop.errors import SpaceError
from gpbop.optimizer import Optimizer
from gpbop.plots.importance import variance_shares
from gpbop.report.chart import STRETCHES, drawn_trials
from gpbop.report.facts import Facts
from gpbop.report.pictures import Picture
from gpbop.report.words import paragraphs, tag, text

MOST_POSTERIORS = 4  # parameters whose posterior is drawn, the most important first


@dataclass(frozen=True)
class Section:
    """One part of the story.

    Attributes:
        heading: Its question or answer.
        words: Its sentences.
        pictures: What it shows.
    """

    heading: str
    words: Sequence[str]
    pictures: Sequence[Picture]

    def html(self) -> str:
        """Return it as HTML."""
        shown = tag("div", *(picture.html() for picture in self.pictures), class_="pictures")
        return tag("section", tag("h2", text(self.heading)), paragraphs(self.words), shown)


def story(facts: Facts) -> str:
    """Return all sections as HTML; what needs a result is left out without one."""
    optimizer = facts.optimizer
    if not facts.used:
        return ""
    if facts.best is None:
        return _order(optimizer).html()
    names = important(optimizer)
    sections = [
        _uncertainty(optimizer, names),
        _importance(optimizer),
        _posterior(optimizer, names),
        _calibration(optimizer),
        _order(optimizer),
        _savings(facts),
    ]
    return _convergence(facts) + "".join(section.html() for section in sections)


def important(optimizer: Optimizer) -> list[str]:
    """Return the parameters, those that explain most of the model's mean first."""
    try:
        total = variance_shares(optimizer.gp).total
    except SpaceError:  # more parameters than can be sampled evenly
        return list(optimizer.space.names)
    return [optimizer.space.names[j] for j in total.argsort(descending=True, stable=True).tolist()]


def _convergence(facts: Facts) -> str:
    words = [
        "Every dot is an experiment, the line is the best value so far. The band is where the model, from the "
        "experiments before, expected 95 % of the results to fall (with the hyperparameters of the final fit)."
    ]
    if facts.times_best > 1:
        words.append("A config that was measured several times counts with the mean of its values.")
    told = [trial for trial in facts.trials if trial.state != "pending"]
    if len(drawn_trials(told)) < len(told):
        words.append(
            f"Of {len(told):,} experiments the chart shows the least and the greatest value in each of {STRETCHES} "
            "stretches."
        )
    picture = Picture(
        "convergence", partial(plots.convergence, facts.optimizer), "Values, the best so far, and the 95 % band."
    )
    hint = "Hover over a point, or focus the chart and use the arrow keys."
    chart = tag(
        "figure",
        tag("div", id="chart", class_="chart"),
        tag("figcaption", text(hint)),
        class_="interactive",
    )
    summary = tag("summary", "The same as a picture, for a talk")
    still = tag("details", summary, picture.html(), class_="still", open=True)
    return tag("section", tag("h2", "How the search went"), paragraphs(words), chart, still)


def _uncertainty(optimizer: Optimizer, names: Sequence[str]) -> Section:
    words = "The model's standard deviation: before any experiment, after the first ones, and now, on one colour scale."
    if len(names) < 2:
        return Section(
            "What the model did not know", ["A map of it takes two parameters; the search has only one."], []
        )
    caption = f"Over {names[0]} and {names[1]}; every point is an experiment, hollow where other parameters differ."
    draw = partial(plots.uncertainty, optimizer, names[0], names[1])
    return Section("What the model did not know", [words], [Picture("uncertainty", draw, caption)])


def _importance(optimizer: Optimizer) -> Section:
    words = "How much of the model's mean, over the whole space, each parameter explains: alone, and with others."
    picture = Picture("importance", partial(plots.importance, optimizer), "Sobol' indices of the model's mean.")
    return Section("Which parameters matter", [words], [picture])


def _posterior(optimizer: Optimizer, names: Sequence[str]) -> Section:
    pictures = [
        Picture(f"posterior-{i}", partial(plots.posterior, optimizer, name), f"Along {name}.")
        for i, name in enumerate(names[:MOST_POSTERIORS])
    ]
    if len(names) > 1:
        caption = f"Mean and standard deviation over {names[0]} and {names[1]}."
        draw = partial(plots.surface, optimizer, names[0], names[1])
        pictures.append(Picture("surface", draw, caption, is_wide=True))
    words = "What the model now expects along the parameters that matter most, the others as in the best config."
    return Section("What it learned", [words], pictures)


def _calibration(optimizer: Optimizer) -> Section:
    words = "A model that knows what it does not know has its results within the error bars as often as promised."
    caption = "Every result against what the model says of it when it is left out."
    picture = Picture("calibration", partial(plots.calibration, optimizer), caption)
    return Section("Whether the model can be trusted", [words], [picture])


def _order(optimizer: Optimizer) -> Section:
    words = "Every line is an experiment, from parameter to parameter; its colour is its place in the order."
    picture = Picture("order", partial(plots.order, optimizer), "All experiments across the parameters.")
    return Section("Where it looked", [words], [picture])


def _savings(facts: Facts) -> Section:
    if isinstance(facts.space.size, float):
        return Section("What was saved", [facts.saving], [])
    caption = "Experiments made, beside those that brute force takes."
    picture = Picture("savings", partial(plots.savings, facts.optimizer), caption)
    return Section("What was saved", [], [picture])
