"""Optuna's GPSampler and its random sampler: ask for a config after many tells, or run whole searches."""

from typing import Any

from benchmarks.peers.serve import Arrays, Job, Prepared, plain, serve


def distributions(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    """Return Optuna's distributions of the parameters that `Space.to_dict` names."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for parameter in parameters:
        name, kind = parameter["name"], parameter["type"]
        if kind == "Categorical":
            found[name] = CategoricalDistribution(parameter["choices"])
        elif kind == "Integer":
            found[name] = IntDistribution(parameter["low"], parameter["high"], log=parameter["log"])
        else:
            found[name] = FloatDistribution(
                parameter["low"], parameter["high"], log=parameter["log"], step=parameter.get("step")
            )
    return found


def ask(job: Job, _: Arrays) -> Prepared:
    """Tell all trials at once, ask once, then time asks that go on from there, each after one more tell."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = distributions(job["parameters"])
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=job["seed"]))
    for params, value in zip(job["configs"], job["values"], strict=True):
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=value))
    later = iter(job["later_values"])

    def work() -> Any:
        trial = study.ask(space)
        study.tell(trial, next(later))
        return trial.params

    return work, plain


def search(job: Job, _: Arrays) -> Prepared:
    """Run whole searches of one of `benchmarks.functions`, one for each seed."""
    import optuna

    from benchmarks.functions import FUNCTIONS

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, function = distributions(job["parameters"]), FUNCTIONS[job["function"]]

    def values(seed: int) -> list[float]:
        study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed))
        for _ in range(job["trials"]):
            trial = study.ask(space)
            study.tell(trial, function(trial.params))
        return [float(trial.value) for trial in study.trials]

    def work() -> list[list[float]]:
        return [values(job["seed"] + i) for i in range(job["seeds"])]

    return work, lambda runs: {"runs": runs}


if __name__ == "__main__":
    serve({"ask": ask, "search": search}, ("optuna", "torch"))
