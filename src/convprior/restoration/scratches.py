"""Scratches and dust: thin lines and small specks that are lighter or darker than both their sides."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

WAYS = 16
LENGTH = 17
ASIDE = 3
CAP = 3.0
WEAK = 0.8
LEAST = 0.03
LEVELS = 3
TILE = 256
SHORTEST = 12
SURE, LIKELY = 1.0, -2.0
TEXTURE = 33
WEIGHTS = torch.tensor([2.0, 8.0, -28.0, -7.0, 6.0, -0.7, 15.0, 0.8])
BIAS = -19.6

def find(pixels, sensitivity=1.0, debug=None, bare=False):
    missing = ~torch.isfinite(pixels).all(0)
    if missing.all(): return torch.zeros_like(missing)
    pixels = torch.where(missing, pixels[:, ~missing].median(1).values[:, None, None], pixels)
    values = pixels.flatten()[:: max(1, pixels.numel() // 1_000_000)]
    low, high = torch.quantile(values, torch.tensor([.001, .999]))
    found = torch.zeros_like(missing)
    if high <= low: return found
    both = {}
    for bright in (True, False):
        f = ((pixels - low).amin(0) if bright else (high - pixels).amin(0)) / (high - low)
        levels = lines(f)
        both[bright] = f, levels, [score(l.features) for l in levels]
        if debug is not None: debug[bright] = list(zip(levels, both[bright][2]))
    for bright, (f, levels, scores) in both.items():
        lined = torch.zeros_like(found)
        if levels: lined = _lined(f, levels, scores, both[not bright], bare)
        found |= lined | _dust(f, lined, bare)
    return found

def _lined(f, levels, scores, others, bare):
        found = torch.zeros(f.shape, dtype=torch.bool)
        s = torch.cat(scores); x = torch.cat([l.features for l in levels])
        may = lambda x: (x[:, 0] >= math.log(20)) & (x[:, 1] >= .5)
        control = max((float(o.max()) for l, q in zip(*others[1:]) if len(o := q[may(l.features)])), default=-12.)
        n = int(((s > -8) & (s <= -5)).sum())
        often = math.log2(n + 3)
        gate = min(max(often - OFF, control + GAP), SURE)
        sure = (s >= gate) & may(x)
        if not sure.any(): return found
        w = sure * x[:, -1]
        colour = (w * x[:, 1]).sum() / w.sum()
        lo = min(0.9 * often - 5.5, 0)
        width = torch.cat([l.widths * 2**l.level for l in levels])
        usual = (w * width).sum() / w.sum()
        take = (sure | (score2(x, colour) >= lo)) & (width < (2 * usual).clamp(min=3.5)) & (width > usual / 2.5)
        marked = torch.zeros_like(found)
        out = f - _opened(f, 2 * round(float(usual)) + 3)
        for l, t in zip(levels, take.split([len(s) for s in scores])):
            k = 2**l.level
            done = functional.max_pool2d(functional.pad(marked[None, None].float(), (0, -marked.shape[1] % k, 0, -marked.shape[0] % k)), k)[0, 0] > 0
            typical = l.features[l.group, 4]
            v = l.small[l.places[:, 0], l.places[:, 1]]
            keep = t[l.group] & ((l.contrast >= 0.5 * typical) | ((l.contrast > .05) & (v > l.features[l.group, 1] - .06)))
            at = torch.zeros(2, *l.small.shape); at[0, l.places[:, 0], l.places[:, 1]] = l.contrast * t[l.group]; at[1, l.places[:, 0], l.places[:, 1]] = t[l.group].float()
            at = functional.avg_pool2d(at[None], 15, 1, 7)[0]; local = at[0] / at[1].clamp(min=1e-6)
            keep &= l.contrast >= 0.6 * local[l.places[:, 0], l.places[:, 1]]
            keep &= ~done[l.places[:, 0].clamp(max=done.shape[0] - 1), l.places[:, 1].clamp(max=done.shape[1] - 1)]
            if keep.any():
                core, soft = _pixels(f, out, l, keep); marked |= core if bare else soft
        return marked

OFF, GAP, SURE, DROP, FLOOR, TOL = 5.2, 3.0, 1.5, 3.0, -4.5, .12
def score(x):
    lL, V, vs, un, C, lS, ss, Rm, ch, ov, ab, thin = x[:, :12].T
    return 1.3 * lL + 3.3 * V - 18.7 * vs - 2.5 * un.clamp(0, 3) + 1.4 * C - 8 * thin.clamp(0, 30) / lL.exp() - 1.5 * ch.clamp(0, 4) - .6 * lS + 16.5 * ss + 4.7 * ov - 11.1

def score2(x, colour):
    lL, V, vs, un, C, lS, ss, Rm, ch, ov, ab, thin = x[:, :12].T
    return lL - 4.4 * (V - colour).abs().clamp(max=.4) + 4 * V - 5.6 * vs - 2.1 * un.clamp(0, 3) + C - 8.2 * thin.clamp(0, 30) / lL.exp() - 1.2 * ch.clamp(0, 4) - .4 * lS + 11.3 * ss + 4.5 * ov - 8.3

@dataclass
class Lines:
    level: int
    small: Tensor
    way_of: Tensor
    places: Tensor
    group: Tensor
    features: Tensor
    widths: Tensor
    contrast: Tensor

def lines(f):
    result = []
    small = f
    for level in range(LEVELS):
        if min(small.shape) < 2 * LENGTH: break
        R, W, S = responses(small)
        h, w = small.shape
        pr = functional.pad(R[None, None], (1,) * 4, value=-9.)[0, 0]
        top = torch.zeros_like(R, dtype=torch.bool)
        strong = R >= WEAK
        for way in range(WAYS):
            a = math.pi * way / WAYS
            ay, ax = round(math.cos(a)), -round(math.sin(a))
            top |= strong & (W == way) & (R >= _shift(pr, ay, ax, 1, h, w)) & (R >= _shift(pr, -ay, -ax, 1, h, w))
        places = top.nonzero()
        if len(places):
            y, x = places.T
            way = W[y, x].long()
            group = _groups(places, way, small)
            names, group, count = torch.unique(group, return_inverse=True, return_counts=True)
            angle = math.pi * way / WAYS
            sin, cos = angle.sin(), angle.cos()
            def at(aside):
                total = torch.zeros(len(y))
                for t in (-4, -2, 0, 2, 4):
                    total += small[(y + t * sin + aside * cos).round().long().clamp(0, h - 1), (x + t * cos - aside * sin).round().long().clamp(0, w - 1)]
                return total / 5
            left, right, v = at(ASIDE), at(-ASIDE), at(0)
            wide = torch.ones(len(y))
            mid = v - 0.5 * (v - torch.maximum(left, right))
            for sign in (-1, 1):
                inside = torch.ones(len(y), dtype=torch.bool)
                for k in (1, 2, 3):
                    inside = inside & (at(sign * k) > mid)
                    wide += inside
            far = {d: (at(d), at(-d)) for d in (5, 7, 11, 16)}
            most = torch.stack([left, right, *(z for pair in far.values() for z in pair)]).amax(0)
            change = ((far[7][0] - left).abs() + (far[7][1] - right).abs())
            solid = (v - torch.maximum(left, right) >= 0.5 * R[y, x] * S[y, x]).float()
            count = torch.zeros(len(names)).index_add_(0, group, solid).clamp(min=1)
            mean = lambda z: torch.zeros(len(names)).index_add_(0, group, z * solid) / count
            spread = lambda z: (mean(z * z) - mean(z).square()).clamp(min=0).sqrt()
            side = torch.maximum(left, right); con = v - side
            my, mx = mean(y.float()), mean(x.float())
            ey, ex = y - my[group], x - mx[group]
            a, b, c = mean(ey * ey), mean(ex * ex), mean(ey * ex)
            root = ((a - b).square() / 4 + c * c).sqrt()
            L = (12 * ((a + b) / 2 + root)).sqrt(); thin = (12 * ((a + b) / 2 - root).clamp(min=0)).sqrt()
            C = mean(con)
            widths = mean(wide)
            feats = torch.stack([L.clamp(min=1).log(), mean(v), spread(v), mean((left - right).abs()) / (C.clamp(min=0) + .02), C, mean(S[y, x]).log(), spread(side), mean(R[y, x]), mean(change) / (C.clamp(min=0) + .02), mean(v - most), mean((v > most).float()), thin, count / L.clamp(min=1), spread(con), my, mx, count.float()], 1)
            ok = L >= SHORTEST
            new = torch.cumsum(ok, 0) - 1
            use = ok[group] & (solid > 0)
            if ok.any():
                result.append(Lines(level, small, W, places[use], new[group[use]], feats[ok], widths[ok], con[use]))
        small = functional.avg_pool2d(small[None, None], 2)[0, 0]
    return result

def _shift(x, dy, dx, pad, h, w):
    return x[pad + dy: pad + dy + h, pad + dx: pad + dx + w]

def _offsets(way):
    a = math.pi * way / WAYS
    along = [(round(t * math.sin(a)), round(t * math.cos(a))) for t in range(-(LENGTH // 2), LENGTH // 2 + 1)]
    aside = (round(ASIDE * math.cos(a)), -round(ASIDE * math.sin(a)))
    return along, aside

def _local(f):
    """texture scale."""
    p = functional.pad(f[None, None], (ASIDE,) * 4, mode="replicate")[0, 0]
    h, w = f.shape
    total = torch.zeros_like(f)
    for dy, dx in ((0, 3), (3, 0), (2, 2), (2, -2)):
        total += (f - _shift(p, dy, dx, ASIDE, h, w)).abs().sqrt() / 4
    k = TEXTURE
    m = functional.pad(total[None, None], (k // 2,) * 4, mode="replicate")
    m = functional.avg_pool2d(functional.avg_pool2d(m, (k, 1), 1), (1, k), 1)[0, 0]
    return m.square()

def responses(f):
    S = _local(f).clamp(min=LEAST)
    h, w = f.shape
    pad = LENGTH // 2 
    p = functional.pad(f[None, None], (pad + ASIDE,) * 4, mode="replicate")[0, 0]
    over = functional.pad(S[None, None], (pad,) * 4, mode="replicate")[0, 0].reciprocal()
    best = torch.empty_like(f); way_of = torch.empty(f.shape, dtype=torch.uint8)
    for top in range(0, h, TILE):
        for left in range(0, w, TILE):
            bottom, right = min(top + TILE, h), min(left + TILE, w)
            best[top:bottom, left:right], way_of[top:bottom, left:right] = _best(
                p[top:bottom + 2 * (pad + ASIDE), left:right + 2 * (pad + ASIDE)], over[top:bottom + 2 * pad, left:right + 2 * pad], pad)
    return best, way_of, S

def _best(p, over, pad):
    H, Wd = over.shape
    h, w = H - 2 * pad, Wd - 2 * pad
    best = torch.full((h, w), -9.0); way_of = torch.zeros(h, w, dtype=torch.uint8)
    here = _shift(p, 0, 0, ASIDE, H, Wd)
    for way in range(WAYS):
        along, (ay, ax) = _offsets(way)
        u = torch.maximum(_shift(p, ay, ax, ASIDE, H, Wd), _shift(p, -ay, -ax, ASIDE, H, Wd))
        u = torch.sub(here, u, out=u).mul_(over).clamp_(-CAP, CAP)
        total = _shift(u, *along[0], pad, h, w).clone()
        for dy, dx in along[1:]:
            total += _shift(u, dy, dx, pad, h, w)
        better = total > best
        way_of.masked_fill_(better, way)
        best = torch.maximum(best, total)
    return best / LENGTH, way_of

STEPS = [(0, 1), (0, 2), *((dy, dx) for dy in (1, 2) for dx in range(-2, 3))]

def _groups(places, way, f):
    n = len(places)
    index = torch.full((f.shape[0] + 4, f.shape[1] + 4), -1, dtype=torch.int32)
    y, x = places[:, 0] + 2, places[:, 1] + 2
    v = f[places[:, 0], places[:, 1]]
    index[y, x] = torch.arange(n, dtype=torch.int32)
    pairs = []
    for dy, dx in STEPS:
        other = index[y + dy, x + dx].long()
        a = (other >= 0).nonzero()[:, 0]; b = other[a]
        turn = (way[a] - way[b]).abs(); turn = torch.minimum(turn, WAYS - turn)
        ok = (turn <= 2) & ((v[a] - v[b]).abs() < 0.2)
        pairs.append(torch.stack([a[ok], b[ok]]))
    a, b = torch.cat(pairs, 1)
    label = torch.arange(n)
    while True:
        la, lb = label[a], label[b]
        least = torch.minimum(la, lb)
        new = label.clone()
        new.scatter_reduce_(0, la, least, "amin"); new.scatter_reduce_(0, lb, least, "amin")
        while not torch.equal(new, j := new[new]): new = j
        if torch.equal(new, label): return label
        label = new

def _opened(f, k):
    pool = lambda z: functional.max_pool2d(functional.max_pool2d(z, (k, 1), 1, (k // 2, 0)), (1, k), 1, (0, k // 2))
    return pool(-pool(-f[None, None]))[0, 0]

def _pixels(f, out, l, keep):
    small = l.small
    y, x = l.places[keep].T
    radius = (l.widths[l.group[keep]] / 2).ceil().clamp(1, 3) if True else 0
    m = torch.zeros(small.shape); C = m.clone(); V = m.clone(); near = m.clone().bool()
    m[y, x] = 1; C[y, x] = l.contrast[keep]; V[y, x] = small[y, x]
    box = lambda z: functional.avg_pool2d(functional.pad(z[None, None], (3,) * 4), 7, 1)[0, 0]
    weight = box(m).clamp(min=1e-6)
    C, V = box(C) / weight, box(V) / weight
    up = lambda z: functional.interpolate(z[None, None], size=f.shape, mode="nearest")[0, 0]
    grow = lambda z, k: functional.max_pool2d(z[None, None].float(), 2 * k + 1, 1, k)[0, 0] > 0
    for r in (1, 2, 3):
        at = torch.zeros_like(m); at[y[radius == r], x[radius == r]] = 1
        near |= grow(at, r)
    C, V, near = up(C), up(V), up(near.float()) > 0
    core = near & (f > V - 0.5 * C) & (out > 0.4 * C)
    return core, core | (grow(core, 1) & (f > V - 0.85 * C) & (out > .15 * C)) | (grow(core, 2) & (f > V - 0.65 * C) & (out > .3 * C))

RING = [(0, 3), (2, 2), (3, 0), (2, -2), (0, -3), (-2, -2), (-3, 0), (-2, 2), (1, 3), (3, 1), (-1, 3), (3, -1), (1, -3), (-3, 1), (-1, -3), (-3, -1)]

def specks(f):
    """e, u maps."""
    S = _local(f).clamp(min=LEAST)
    h, w = f.shape
    p = functional.pad(f[None, None], (3,) * 4, mode="replicate")[0, 0]
    around = _shift(p, *RING[0], 3, h, w)
    for dy, dx in RING[1:]:
        around = torch.maximum(around, _shift(p, dy, dx, 3, h, w))
    e = f - around
    top = functional.max_pool2d(e[None, None], 5, 1, 2)[0, 0]
    return e, e / S, (e >= top) & (e > 0)

def _dust(f, lined, bare):
    found = torch.zeros_like(lined)
    small = f
    for level in (0, 1):
        if min(small.shape) < 16: break
        e, u, top = specks(small)
        k = 2**level
        done = functional.max_pool2d((lined | found)[None, None].float(), 5, 1, 2)
        done = functional.max_pool2d(functional.pad(done, (0, -f.shape[1] % k, 0, -f.shape[0] % k)), k)[0, 0] > 0
        top = top & ~done[:small.shape[0], :small.shape[1]]
        V = small[top]; U = u[top]
        extreme = V >= .75
        most = int(((U >= 5) & extreme).sum()); other = int(((U >= 5) & ~extreme).sum()); between = int(((U >= 2) & (U < 5) & extreme).sum())
        least = 1 if lined.any() else 4
        if most >= least and most >= 2 * other and most >= .5 * between:
            at = top & (u >= 3) & (small >= .7)
            T = torch.where(at, small - .5 * e, torch.tensor(-9.))
            T2 = torch.where(at, small - .8 * e, torch.tensor(-9.))
            T = functional.max_pool2d(T[None, None], 5, 1, 2); T2 = functional.max_pool2d(T2[None, None], 7, 1, 3)
            up = lambda z: functional.interpolate(z, size=f.shape, mode="nearest")[0, 0]
            T, T2 = up(T), up(T2)
            core = (T > -9) & (f > T)
            grow = lambda z, k: functional.max_pool2d(z[None, None].float(), 2 * k + 1, 1, k)[0, 0] > 0
            found |= core if bare else core | (grow(core, 2) & (T2 > -9) & (f > T2))
        small = functional.avg_pool2d(small[None, None], 2)[0, 0]
    return found
