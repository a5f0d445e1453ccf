"""What does an untrained network prefer, and which part of it does?"""

from typing import Any

from convprior.report import chart
from convprior.report.chapters.chapter import Chapter, Figure, clear, signed
from convprior.report.page import film, table

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


def decibels(gained: dict[str, float]) -> str:
    """Return a difference of PSNR with its interval."""
    mean, low, high = (signed(gained[key], 2) for key in ("mean", "low", "high"))
    return f"{mean} dB ({low} to {high})"


def parts_told(fits: dict[str, Any], whole: str) -> str:
    """Return what each change of the network does to its best PSNR."""

    def rising(of: dict[str, Any]) -> bool:
        return bool(of["peak_step"] == of["steps"][-1])

    if rising(fits[whole]):
        return f"the {whole} is still rising at the last step: no peaks to compare"
    parts = {name: of for name, of in fits.items() if name != whole}
    unfit = [name for name, of in parts.items() if of["loss"][-1] >= of["loss"][0]]
    late = [name for name, of in parts.items() if rising(of) and name not in unfit]
    gained = {name: of["gained"] for name, of in parts.items() if name not in unfit + late}
    differ = sorted(
        (name for name in gained if clear(gained[name])), key=lambda name: gained[name]["mean"]
    )
    alike = [name for name in gained if name not in differ]
    told = [
        ", ".join(f"{name} {decibels(gained[name])}" for name in differ),
        f"no clear difference: {', '.join(alike)}" if alike else "",
        f"still rising at the last step: {', '.join(late)}" if late else "",
        f"does not fit: {', '.join(unfit)}" if unfit else "",
    ]
    return "; ".join(filter(None, told))


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


def chapter(metrics: dict[str, Any]) -> Chapter:
    """Draw and answer."""
    fits, weights = metrics["fits"], metrics["weights"]
    convolutional, flat, *parts = fits
    noisy = {name: fits[name]["photograph and noise"] for name in fits}
    holes = {name: fits[name]["holes"] for name in fits}
    half = {
        # Of what is left when the mean colour is there, which photographs have and noise has not.
        name: {target: 0.5 * of["variance"] for target, of in fits[name].items()}
        for name in (convolutional, flat)
    }
    when = {
        name: {t: steps_to(fits[name][t], half[name][t]) for t in ("photograph", "noise")}
        for name in (convolutional, flat)
    }

    resists = {
        name: steps["photograph"] is not None
        and (steps["noise"] is None or steps["noise"] > RESISTS * steps["photograph"])
        for name, steps in when.items()
    }

    def told(step: int | None) -> str:
        return f"step {step:,}" if step is not None else "no step of the run"

    def both(name: str) -> str:
        photograph, noise = when[name].values()
        ratio = f", {noise / photograph:.1f} times as many" if photograph and noise else ""
        return f"at {told(photograph)}, of pure noise's at {told(noise)}{ratio}"

    bands = {name: arrivals(fits[name]["photograph"]) for name in (convolutional, flat)}
    answer = (
        f"An untrained hourglass of {weights[convolutional]:,} weights has half of a photograph's "
        f"variance learned {both(convolutional)}; a fully connected network of {weights[flat]:,} "
        f"{both(flat)}"
        + (
            ": the convolutional one resists noise, the other one does not."
            if resists[convolutional] and not resists[flat]
            else "."
        )
    )
    rates = metrics["learning_rates"]
    own = [
        f"{name} learns at a rate of {rate:g} and not {rates[convolutional]:g}"
        for name, rate in rates.items()
        if rate != rates[convolutional]
    ]
    changed = {name: of for name, of in noisy.items() if name != flat}
    changed_holes = {name: of for name, of in holes.items() if name != flat}
    findings = (
        f"Fitted to a photograph with noise ({metrics['observed']:.1f} dB) it "
        f"passes {noisy[convolutional]['peak']:.1f} dB on its way, the other one "
        f"{noisy[flat]['peak']:.1f}; with holes {holes[convolutional]['peak']:.1f} and "
        f"{holes[flat]['peak']:.1f} dB. Changed in one part, its peak moves. With noise: "
        f"{parts_told(changed, convolutional)}. With holes: "
        f"{parts_told(changed_holes, convolutional)}."
        + (f" Note that {'; '.join(own)}." if own else "")
        + f" Its lowest band of frequencies is there at {told(bands[convolutional][0])}, its "
        f"highest at {told(bands[convolutional][-1])}; the fully connected network's at "
        f"{told(bands[flat][0])} and {told(bands[flat][-1])}."
    )
    losses = {
        f"{name}: {target}": list(zip(of["steps"], of["loss"], strict=True))
        for name in (convolutional, flat)
        for target, of in fits[name].items()
        if target != "holes"
    }
    by_task = [
        {
            name: list(zip(of[name]["steps"], of[name]["psnr"], strict=True))
            for name in (convolutional, flat)
        }
        for of in (noisy, holes)
    ]
    spectra = {
        f"{name}: band {number + 1}": [
            (float(step), 1 - min(1.0, missed[number]))
            for step, missed in zip(
                fits[name]["photograph"]["steps"], fits[name]["photograph"]["missed"], strict=True
            )
        ]
        for name in (convolutional, flat)
        for number in (0, metrics["bands"] // 2, metrics["bands"] - 1)
    }
    rows = [
        [
            name if name in (convolutional, flat) else f"hourglass, {name}",
            f"{weights[name]:,}",
            *(
                f"{of[name]['peak']:.2f} at {of[name]['peak_step']:,}"
                + (f"; {decibels(of[name]['gained'])}" if name in parts else "")
                for of in (noisy, holes)
            ),
            *(f"{of[name]['last']:.2f}" for of in (noisy, holes)),
        ]
        for name in fits
    ]
    missing = f"{metrics['missing']:.0%} is missing"
    return Chapter(
        "The untrained prior",
        "What does an untrained network prefer, and which part of it does?",
        answer,
        findings,
        (
            filmed(metrics["film"], metrics["sigma"]),
            Figure(
                chart.lines(
                    losses, "step", "mean squared error", logarithmic=True, dashed=flat
                ),
                f"Loss of the fit, mean of {metrics['runs']} runs: how soon each target is "
                "learned.",
                "Curves of loss by step; half of the variance is learned at: "
                + "; ".join(
                    f"{name}, {target} {told(steps_to(fits[name][target], half[name][target]))}"
                    for name in (convolutional, flat)
                    for target in fits[name]
                    if target != "holes"
                ),
            ),
            Figure(
                chart.lines(by_task[0], "step", "PSNR to the clean picture, dB", logarithmic=True,
                            levels={"observed": metrics["observed"]}),
                f"Fitted to a photograph with noise (σ {metrics['sigma']:g}).",
                "Curves of PSNR by step of both networks; the best values are in the table.",
            ),
            Figure(
                chart.lines(by_task[1], "step", "PSNR to the clean picture, dB", logarithmic=True),
                f"Fitted to a photograph of which {missing}.",
                "Curves of PSNR by step of both networks; the best values are in the table.",
            ),
            Figure(
                chart.lines(spectra, "step", "share of the band's power", percent=True,
                            logarithmic=True, dashed=flat),
                f"Which frequencies of the photograph arrive when: the lowest, middle and highest "
                f"of {metrics['bands']} bands up to Nyquist's frequency.",
                "Curves of the share of each band by step; half of the bands' power is there at: "
                + "; ".join(
                    f"{name} {', '.join(map(told, found))}" for name, found in bands.items()
                ),
            ),
        ),
        "dvc exp run -S study.untrained.sigma=50",
        table(("network", "weights", "best PSNR of the denoising, dB, at step", f"best, {missing}",
               "last, denoising", f"last, {missing}"), rows),
    )  # fmt: skip
