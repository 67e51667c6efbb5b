"""How long does one ask take (fit and search), beside stock BoTorch and Optuna's GPSampler, and is the answer as good?

A 10-parameter mixed space (4 floats, a log float, 2 integers, 3 categoricals), one thread, all sides in turn in the
same run. At each n:

- gpbop: an Optimizer that was told n trials; its first ask (cold: several starts), then asks after one more tell each
(warm).
- Optuna: a GPSampler study with the same n trials, likewise.
- BoTorch: MixedSingleTaskGP, fit_gpytorch_mll, optimize_acqf_mixed_alternating of LogEI, from scratch, as it has no
warm start.

Quality, on gpbop's own fitted model, so that both answer the same question: the LogEI that gpbop's search finds beside
the one that optimize_acqf_mixed_alternating finds, and the log posterior that gpbop's fit reaches beside the one that
fit_gpytorch_mll reaches with the same kernel and priors. MixedSingleTaskGP is another model, without priors on its
scales: its plain log marginal likelihood stands beside gpbop's, and how well both predict 500 held-out configs (mean
    negative log
predictive density, in standardised units; lower is better).

Run: python -m benchmarks.ask_latency [--sizes 20 50 100 200 500] [--repeats 5] [--device cpu] [--no-peers]
"""

import argparse
import json
import math
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.environment import describe
from benchmarks.peers.optuna import distributions as optuna_distributions
from benchmarks.problems import TEN as SPACE
from benchmarks.problems import bowl as objective
from gpbop import GaussianProcess, Optimizer
from gpbop.acquisition import Question, acquisition
from gpbop.search import maximize_acquisition
from gpbop.surrogate.marginal_likelihood import NegativeLogPosterior, TrainingData
from gpbop.surrogate.priors import ThetaPrior

RESULTS = Path(__file__).parent / "results" / "ask_latency.jsonl"
BOTORCH_UP_TO = 500  # its fit takes minutes there


def gpbop_side(configs: list[dict[str, Any]], repeats: int, device: str) -> dict[str, Any]:
    """Time the cold ask and the warm asks of gpbop."""
    optimizer = Optimizer(SPACE, seed=0, device=device)
    for config in configs:
        optimizer.tell(config, objective(config))
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        config = optimizer.ask()
        seconds.append(time.perf_counter() - start)
        optimizer.tell(config, objective(config))
    return {"cold": seconds[0], "warm": seconds[1:]}


def optuna_side(configs: list[dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Time the first ask and the later asks of Optuna's GPSampler."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = optuna_distributions(SPACE.to_dict()["parameters"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=0))
        for config in configs:
            study.add_trial(
                optuna.trial.create_trial(params=config, distributions=distributions, value=objective(config))
            )
        seconds = []
        for _ in range(1 + repeats):
            start = time.perf_counter()
            trial = study.ask(distributions)
            seconds.append(time.perf_counter() - start)
            study.tell(trial, objective(trial.params))
    return {"cold": seconds[0], "warm": seconds[1:]}


def botorch_side(configs: list[dict[str, Any]]) -> dict[str, Any]:
    """Time one fit and one search of stock BoTorch, and its plain marginal likelihood."""
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    X = SPACE.encode(configs)
    Y = torch.tensor([[-objective(config)] for config in configs], dtype=torch.float64)
    categorical = [j for j, p in enumerate(SPACE.parameters.values()) if p.is_categorical]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its line searches
        start = time.perf_counter()
        model = MixedSingleTaskGP(X, Y, cat_dims=categorical)
        mll = ExactMarginalLogLikelihood(model.likelihood, model)
        fit_gpytorch_mll(mll)
        fitted = time.perf_counter()
        alternating(LogExpectedImprovement(model, best_f=Y.max()))
        end = time.perf_counter()
        held_out, truth = held_out_data()
        with torch.no_grad():
            posterior = model.posterior(held_out.unsqueeze(-2), observation_noise=True)
            density = nlpd(posterior.mean.flatten(), posterior.variance.flatten().sqrt(), -truth, float(Y.std()))
            model.train()
            output = model(*model.train_inputs)
            likelihood = float(model.likelihood(output).log_prob(model.train_targets))
    times = {"cold": end - start, "fit": fitted - start, "search": end - fitted}
    return times | {"likelihood": likelihood, "nlpd": density}


def held_out_data() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 500 encoded configs that no side is told, and their values."""
    configs = SPACE.sample(500, 987_654)
    return SPACE.encode(configs), torch.tensor([objective(config) for config in configs], dtype=torch.float64)


def nlpd(mean: torch.Tensor, std: torch.Tensor, truth: torch.Tensor, scale: float) -> float:
    """Return the mean negative log predictive density, in units of `scale`."""
    return -float(torch.distributions.Normal(mean, std).log_prob(truth).mean()) - math.log(scale)


def alternating(acqf: Any) -> float:
    """Return the best value that BoTorch's mixed search finds, with its defaults for restarts."""
    from botorch.optim import optimize_acqf_mixed_alternating

    discrete = {
        j: p.level(torch.arange(int(p.count))).tolist()
        for j, p in enumerate(SPACE.parameters.values())
        if not p.is_categorical and math.isfinite(p.count)
    }
    choices = {
        j: [float(code) for code in range(int(p.count))]
        for j, p in enumerate(SPACE.parameters.values())
        if p.is_categorical
    }
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, value = optimize_acqf_mixed_alternating(
            acqf, SPACE.bounds, discrete_dims=discrete, cat_dims=choices, q=1, num_restarts=10, raw_samples=512
        )
    return float(value)


def quality(configs: list[dict[str, Any]]) -> dict[str, float]:
    """Compare the acquisition value found and the log posterior reached on the same model."""
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from gpytorch.mlls import ExactMarginalLogLikelihood

    values = [objective(config) for config in configs]
    gp = GaussianProcess.fit(SPACE, configs, values)
    held_out, truth = held_out_data()
    good = gp.X[gp.y.argsort()[:4]]
    found = maximize_acquisition(acquisition("ei", Question(gp)), SPACE, X_avoid=gp.X, X_good=good).value
    best_f = gp.y.min()
    theirs = alternating(LogExpectedImprovement(gp.model, best_f=best_f, maximize=False))
    form = gp.factor.form
    prior = ThetaPrior.of(form, SPACE.d)
    model = GaussianProcess.fit(SPACE, configs, values, hyperparameters=prior.start).model
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_gpytorch_mll(mll)
    model.train()
    with torch.no_grad():
        reached = float(mll(model(*model.train_inputs), model.train_targets)) * len(values)
    data = TrainingData.of(form, gp.X, gp.standardization.standardize(gp.y))
    theta = gp.fit_state.theta.unsqueeze(0)
    log_prior = float(prior.log_prob(theta)[0])
    likelihood = -float(NegativeLogPosterior(form, data, prior)(theta)[0]) - log_prior
    return {
        "log_ei": found + math.log(gp.standardization.scale),
        "log_ei_botorch": theirs,
        "log_posterior": gp.log_posterior,
        "log_posterior_botorch": reached,
        "likelihood": likelihood,
        "nlpd": nlpd(*gp.predict_encoded(held_out, observation_noise=True), truth, gp.standardization.scale),
    }


def main() -> None:
    """Run the benchmark, print a table and append one JSON line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50, 100, 200, 500])
    parser.add_argument("--repeats", type=int, default=5, help="warm asks in each of the rounds")
    parser.add_argument("--rounds", type=int, default=3, help="how often the sides take turns")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    environment = describe() | {"threads": 1, "device": arguments.device}
    print(json.dumps(environment))
    gpbop_side(SPACE.sample(20, 0), 1, arguments.device)  # warm-up: imports, first calls
    if not arguments.no_peers:
        optuna_side(SPACE.sample(20, 0), 1)
        botorch_side(SPACE.sample(10, 0))
    lines = []
    for n in arguments.sizes:
        line = measure(n, arguments)
        lines.append(line | {"environment": environment})
        print(render(line), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    name = RESULTS if arguments.device == "cpu" else RESULTS.with_name(f"ask_latency_{arguments.device}.jsonl")
    name.write_text("".join(json.dumps(line) + "\n" for line in lines))


def measure(n: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the sides take turns at one size; medians."""
    sides: dict[str, list[dict[str, Any]]] = {"gpbop": [], "optuna": [], "botorch": []}
    qualities = []
    for turn in range(arguments.rounds):
        configs = SPACE.sample(n, 1000 * n + turn)
        sides["gpbop"].append(gpbop_side(configs, arguments.repeats, arguments.device))
        if arguments.no_peers:
            continue
        sides["optuna"].append(optuna_side(configs, arguments.repeats))
        if n <= BOTORCH_UP_TO and (n < 200 or turn == 0):
            sides["botorch"].append(botorch_side(configs))
        qualities.append(quality(configs))
    line: dict[str, Any] = {"n": n}
    for side, runs in sides.items():
        if runs:
            line[side] = {"cold": median(run["cold"] for run in runs)}
            warm = [seconds for run in runs for seconds in run.get("warm", [])]
            if warm:
                line[side]["warm"] = median(warm)
    if sides["botorch"]:
        line["botorch"] |= {
            key: median(run[key] for run in sides["botorch"]) for key in ("fit", "search", "likelihood", "nlpd")
        }
    line["quality"] = qualities
    # On the data sets that both sides were given.
    shared = qualities[: len(sides["botorch"])]
    line["gpbop"] |= {key: median(q[key] for q in shared) for key in ("likelihood", "nlpd") if shared}
    return line


def render(line: dict[str, Any]) -> str:
    """Return the lines of the table for one size."""
    ours = line["gpbop"]
    rows = [f"n = {line['n']}", f"  gpbop    cold {ours['cold']:8.3f} s   warm {ours['warm']:8.3f} s"]
    for side in ("optuna", "botorch"):
        if side in line:
            theirs = line[side]
            # BoTorch starts from scratch each time: its one figure stands against our cold and our warm ask.
            warm = theirs.get("warm", theirs["cold"])
            ratios = f"{theirs['cold'] / ours['cold']:.1f}x cold, {warm / ours['warm']:.1f}x warm"
            rows.append(f"  {side:8} cold {theirs['cold']:8.3f} s   warm {warm:8.3f} s   gpbop is {ratios} faster")
    if "botorch" in line:
        rows.append(
            f"  plain log likelihood {ours['likelihood']:.1f} (MixedSingleTaskGP {line['botorch']['likelihood']:.1f}); "
            f"held-out NLPD {ours['nlpd']:.3f} ({line['botorch']['nlpd']:.3f})"
        )
    for q in line["quality"]:
        rows.append(
            f"  LogEI found {q['log_ei']:.4f} (BoTorch {q['log_ei_botorch']:.4f}); "
            f"log posterior {q['log_posterior']:.3f} (BoTorch {q['log_posterior_botorch']:.3f})"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
