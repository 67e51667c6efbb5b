"""Rows of results made by hand."""

from typing import Any


def row(side: str = "gpbop", times: tuple[float, ...] = (1.0, 1.01, 0.99, 1.0), **changes: Any) -> dict[str, Any]:
    """A row with the given runs."""
    ordered = sorted(times)
    environment = {"cpu": "A CPU", "gpu": None, "python": "3", "versions": {"torch": "2"}, "commit": "c", "date": "d"}
    made = {"question": "ask", "side": side, "is_peer": False, "device": "cpu", "threads": 1, "sizes": {"n": 20}}
    made |= {"size": "small", "seed": 0, "count": 1, "unit": "calls", "times": list(times), "runs": len(times)}
    made |= {"median": ordered[len(times) // 2], "low": ordered[0], "high": ordered[-1], "values": {}, "busy": 1.0}
    return made | {"environment": environment} | changes
