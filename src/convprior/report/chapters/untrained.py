"""What does an untrained network prefer, and which part of it does?"""

from typing import Any

from convprior.report import chart
from convprior.report.chapters import parts
from convprior.report.chapters.chapter import Chapter, Figure
from convprior.report.page import film

RESISTS = 4  # times as many steps as the photograph
ARRIVED = 0.5  # of a band's power: from there on it counts as learned


def steps_to(fit_of: dict[str, Any], level: float) -> int | None:
    """Return the first recorded step whose loss is below ``level``; None if none is."""
    return next(
        (s for s, loss in zip(fit_of["steps"], fit_of["loss"], strict=True) if loss < level), None
    )


def arrivals(fit_of: dict[str, Any]) -> list[int | None]:
    """Return for each band the first step at which half of its power is there."""
    bands = zip(*fit_of["missed"], strict=True)
    return [
        next((s for s, m in zip(fit_of["steps"], band, strict=True) if m < ARRIVED), None)
        for band in bands
    ]


def half_learned(fit_of: dict[str, Any]) -> int | None:
    """Return the first recorded step at which half of a target's variance is learned.

    Of what is left when the mean colour is there, which photographs have and noise has not.
    """
    return steps_to(fit_of, 0.5 * fit_of["variance"])


def told(step: int | None) -> str:
    """Return a step in words."""
    return f"step {step:,}" if step is not None else "no step of the run"


def preferred(of: dict[str, Any]) -> str:
    """Return when one network has learned a photograph, and when pure noise."""
    photograph, noise = half_learned(of["photograph"]), half_learned(of["noise"])
    ratio = f", {noise / photograph:.1f} times as many" if photograph and noise else ""
    return f"at {told(photograph)}, of pure noise's at {told(noise)}{ratio}"


def resists(of: dict[str, Any]) -> bool:
    """Return whether one network learns a photograph, and noise much later or never."""
    photograph, noise = half_learned(of["photograph"]), half_learned(of["noise"])
    return photograph is not None and (noise is None or noise > RESISTS * photograph)


def answer(fits: dict[str, Any], weights: dict[str, int]) -> str:
    """Return what the convolutional network prefers, and whether the other one does."""
    convolutional, flat, *_ = fits
    return (
        f"An untrained hourglass of {weights[convolutional]:,} weights has half of a photograph's "
        f"variance learned {preferred(fits[convolutional])}; a fully connected network of "
        f"{weights[flat]:,} {preferred(fits[flat])}"
        + (
            ": the convolutional one resists noise, the other one does not."
            if resists(fits[convolutional]) and not resists(fits[flat])
            else "."
        )
    )


def findings(metrics: dict[str, Any]) -> str:
    """Return the peaks of both networks, what changed parts do, and which bands arrive when."""
    fits = metrics["fits"]
    convolutional, flat, *_ = fits
    noisy, holes = (
        {name: fits[name][task]["peak"] for name in (convolutional, flat)}
        for task in ("photograph and noise", "holes")
    )
    rates = metrics["learning_rates"]
    own = [
        f"{name} learns at a rate of {rate:g} and not {rates[convolutional]:g}"
        for name, rate in rates.items()
        if rate != rates[convolutional]
    ]
    bands = {name: arrivals(fits[name]["photograph"]) for name in (convolutional, flat)}
    return (
        f"Fitted to a photograph with noise ({metrics['observed']:.1f} dB) it "
        f"passes {noisy[convolutional]:.1f} dB on its way, the other one "
        f"{noisy[flat]:.1f}; with holes {holes[convolutional]:.1f} and "
        f"{holes[flat]:.1f} dB. Changed in one part, its peak moves. With noise: "
        f"{parts.told(fits, 'photograph and noise')}. With holes: "
        f"{parts.told(fits, 'holes')}."
        + (f" Note that {'; '.join(own)}." if own else "")
        + f" Its lowest band of frequencies is there at {told(bands[convolutional][0])}, its "
        f"highest at {told(bands[convolutional][-1])}; the fully connected network's at "
        f"{told(bands[flat][0])} and {told(bands[flat][-1])}."
    )


def filmed(shown: dict[str, Any], sigma: float) -> Figure:
    """Return both networks' pictures by step; at first where the first network's is best."""
    networks = {
        name: [
            (f"step {frame['step']:,}: {frame['psnr']:.1f} dB", frame["picture"])
            for frame in frames
        ]
        for name, frames in shown["networks"].items()
    }
    first = [frame["psnr"] for frame in next(iter(shown["networks"].values()))]
    return Figure(
        film(
            dict(shown["still"]),
            networks,
            first.index(max(first)),
        ),
        f"What comes first, the picture or the damage? The first run of each network, fitted to a "
        f"photograph with noise (σ {sigma:g}).",
        "The clean and the noisy photograph, and beside them what each network shows at some "
        "steps: " + "; ".join(f"{name}, {frames[-1][0]}" for name, frames in networks.items()),
    )


def losses(both: dict[str, Any], runs: int) -> Figure:
    """Return how soon each target is learned by the two networks."""
    _, flat = both
    fits = {
        (name, target): fit_of
        for name, of in both.items()
        for target, fit_of in of.items()
        if target != "holes"
    }
    curves = {
        f"{name}: {target}": list(zip(of["steps"], of["loss"], strict=True))
        for (name, target), of in fits.items()
    }
    return Figure(
        chart.lines(curves, "step", "mean squared error", logarithmic=True, dashed=flat),
        f"Loss of the fit, mean of {runs} runs: how soon each target is learned.",
        "Curves of loss by step; half of the variance is learned at: "
        + "; ".join(
            f"{name}, {target} {told(half_learned(of))}" for (name, target), of in fits.items()
        ),
    )


def quality(
    both: dict[str, Any], task: str, caption: str, levels: dict[str, float] | None = None
) -> Figure:
    """Return the PSNR of the two networks' pictures while they are fitted to a damaged one."""
    curves = {
        name: list(zip(of[task]["steps"], of[task]["psnr"], strict=True))
        for name, of in both.items()
    }
    return Figure(
        chart.lines(curves, "step", "PSNR to the clean picture, dB", logarithmic=True,
                    levels=levels),
        caption,
        "Curves of PSNR by step of both networks; the best values are in the table.",
    )  # fmt: skip


def spectra(both: dict[str, Any], bands: int) -> Figure:
    """Return which frequencies of the photograph arrive when."""
    _, flat = both
    photographs = {name: of["photograph"] for name, of in both.items()}
    curves = {
        f"{name}: band {number + 1}": [
            (float(step), 1 - min(1.0, missed[number]))
            for step, missed in zip(of["steps"], of["missed"], strict=True)
        ]
        for name, of in photographs.items()
        for number in (0, bands // 2, bands - 1)
    }
    return Figure(
        chart.lines(curves, "step", "share of the band's power", percent=True, logarithmic=True,
                    dashed=flat),
        f"Which frequencies of the photograph arrive when: the lowest, middle and highest "
        f"of {bands} bands up to Nyquist's frequency.",
        "Curves of the share of each band by step; half of the bands' power is there at: "
        + "; ".join(
            f"{name} {', '.join(map(told, arrivals(of)))}" for name, of in photographs.items()
        ),
    )  # fmt: skip


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    fits = metrics["fits"]
    both = {name: fits[name] for name in list(fits)[:2]}
    observed = {"observed": metrics["observed"]}
    return Chapter(
        "The untrained prior",
        "What does an untrained network prefer, and which part of it does?",
        answer(fits, metrics["weights"]),
        findings(metrics),
        (
            filmed(metrics["film"], metrics["sigma"]),
            losses(both, metrics["runs"]),
            quality(both, "photograph and noise",
                    f"Fitted to a photograph with noise (σ {metrics['sigma']:g}).", observed),
            quality(both, "holes",
                    f"Fitted to a photograph of which {metrics['missing']:.0%} is missing."),
            spectra(both, metrics["bands"]),
        ),
        "dvc exp run study/dvc.yaml -S study.untrained.sigma=50",
        parts.peaks(metrics),
    )  # fmt: skip
