"""What each part of the untrained network does to its best PSNR; drawn in the same chapter."""

from typing import Any

from convprior.report.chapters.chapter import clear, signed
from convprior.report.page import table


def decibels(gained: dict[str, float]) -> str:
    """Return a difference of PSNR with its interval."""
    mean, low, high = (signed(gained[key], 2) for key in ("mean", "low", "high"))
    return f"{mean} dB ({low} to {high})"


def told(fits: dict[str, Any], task: str) -> str:
    """Return what each change of the network does to its best PSNR at one task."""

    def rising(of: dict[str, Any]) -> bool:
        return bool(of["peak_step"] == of["steps"][-1])

    whole, _, *changed = fits
    if rising(fits[whole][task]):
        return f"the {whole} is still rising at the last step: no peaks to compare"
    parts = {name: fits[name][task] for name in changed}
    unfit = [name for name, of in parts.items() if of["loss"][-1] >= of["loss"][0]]
    late = [name for name, of in parts.items() if rising(of) and name not in unfit]
    gained = {name: of["gained"] for name, of in parts.items() if name not in unfit + late}
    differ = sorted(
        (name for name in gained if clear(gained[name])), key=lambda name: gained[name]["mean"]
    )
    alike = [name for name in gained if name not in differ]
    groups = [
        ", ".join(f"{name} {decibels(gained[name])}" for name in differ),
        f"no clear difference: {', '.join(alike)}" if alike else "",
        f"still rising at the last step: {', '.join(late)}" if late else "",
        f"does not fit: {', '.join(unfit)}" if unfit else "",
    ]
    return "; ".join(filter(None, groups))


def peaks(metrics: dict[str, Any]) -> str:
    """Return every network's best and last PSNR as a table, changed parts beside the whole."""
    fits, weights = metrics["fits"], metrics["weights"]
    _, _, *changed = fits
    tasks = ("photograph and noise", "holes")
    rows = [
        [
            f"hourglass, {name}" if name in changed else name,
            f"{weights[name]:,}",
            *(
                f"{of[task]['peak']:.2f} at {of[task]['peak_step']:,}"
                + (f"; {decibels(of[task]['gained'])}" if name in changed else "")
                for task in tasks
            ),
            *(f"{of[task]['last']:.2f}" for task in tasks),
        ]
        for name, of in fits.items()
    ]
    missing = f"{metrics['missing']:.0%} is missing"
    header = ("network", "weights", "best PSNR of the denoising, dB, at step", f"best, {missing}",
              "last, denoising", f"last, {missing}")  # fmt: skip
    return table(header, rows)
