"""What the page can ask for: pictures, tiles, masks, errands; every error is one line of JSON."""

import zlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.pictures import files, kinds
from convprior.restoration import finding
from convprior.restoration.job import Job
from convprior.restoration.settings import Settings
from convprior.web import bodies, refusals
from convprior.web.asking import Asks, Saves
from convprior.web.desk import MASK_BYTES, MOST_BYTES, Desk, plain_name
from convprior.web.line import Line
from convprior.web.views import TILE, View, Views

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PAGE = {
    file.name: file.read_bytes()
    for file in (resources.files("convprior.web") / "page").iterdir()
    if Path(file.name).suffix in TYPES
}
FOR_EVER = {"cache-control": "private, max-age=86400, immutable"}  # its address changes with it


class Server:
    """The answers. ``desk`` is what lies open, ``line`` who works."""

    def __init__(self, desk: Desk, line: Line) -> None:
        self.desk, self.line, self.views = desk, line, Views()

    def app(self) -> Starlette:
        """Return the application, without its guard."""
        routes = [
            Route("/", self.index),
            Route("/page/{name}", self.file_of_the_page),
            Route("/api/desk", self.everything),
            Route("/api/pictures", self.receive_picture, methods=["POST"]),
            Route("/api/pictures/{picture}", self.about),
            Route("/api/pictures/{picture}/masks", self.receive_mask, methods=["POST"]),
            Route("/api/masks/{mask}", self.mask),
            Route("/api/pictures/{picture}/masks/{mask}/save", self.save_mask, methods=["POST"]),
            Route("/api/errands", self.ask, methods=["POST"]),
            Route("/api/errands/{errand:int}/found", self.found),
            Route("/api/errands/{errand:int}/stop", self.stop, methods=["POST"]),
            Route("/api/errands/{errand:int}/save", self.save, methods=["POST"]),
            Route("/api/seen/{kind}/{number:int}/{page:int}", self.seen),
            Route(
                "/tiles/{kind}/{number:int}/{page:int}/{level:int}/{column:int}/{row:int}",
                self.tile,
            ),
        ]
        return Starlette(routes=routes, exception_handlers=refusals.handlers(self.desk.plain))

    def index(self, _: Request) -> Response:
        """Send the page itself."""
        return Response(PAGE["index.html"], media_type=TYPES[".html"])

    def file_of_the_page(self, request: Request) -> Response:
        """Send a file of the page, read before: no path is made of its name."""
        name = request.path_params["name"]
        return Response(PAGE[name], media_type=TYPES[Path(name).suffix])

    def everything(self, _: Request) -> Response:
        """Say what lies on the desk, and how the line stands."""
        pictures = [
            {"number": number, "name": open.path.name, "dropped": open.dropped}
            for number, open in self.desk.pictures.items()
        ]
        errands = self.line.shown(self.desk.plain)
        folder = self.desk.folder.name or self.desk.folder.anchor
        return JSONResponse({"folder": folder, "pictures": pictures, "errands": errands})

    async def receive_picture(self, request: Request) -> Response:
        """Take a file that was dropped into the page."""
        path = self.desk.place(plain_name(request.query_params["name"]))
        await bodies.receive(request, path, MOST_BYTES)
        await run_in_threadpool(self.views.of, path, 0)  # or it says what is wrong with it
        return JSONResponse({"number": self.desk.lay(path)})

    def about(self, request: Request) -> Response:
        """Say how large a picture is, and how what is made of it would be named."""
        number = request.path_params["picture"]
        open = self.desk.picture(number)
        view = self.views.of(open.path, 0)
        stem = open.path.with_name(open.path.stem)
        return JSONResponse({
            "number": number, "name": open.path.name, **_described(view), "mask": open.mask,
            "target": finding.beside(open.path).name,
            "mask_target": atomic.beside(stem, ".mask.png").name,
        })  # fmt: skip

    async def receive_mask(self, request: Request) -> Response:
        """Take a mask: what is painted in the page, or a file as the command takes it.

        No bytes at all say that nothing is painted any more.
        """
        path = self.desk.place("mask")
        await bodies.receive(request, path, MASK_BYTES)
        return await run_in_threadpool(self._keep_mask, request.path_params["picture"], path)

    def _keep_mask(self, number: str, path: Path) -> Response:
        if not path.stat().st_size:
            self.desk.picture(number).mask = None
            return JSONResponse({"mask": None, "said": []})
        kind = kinds.of(path.read_bytes())
        suffix = next((suffix for suffix, named in kinds.SUFFIXES.items() if named == kind), ".png")
        path = path.rename(path.with_suffix(suffix))
        size = self.views.of(self.desk.picture(number).path, 0).size
        mask, said = self.desk.keep_mask(number, path, size)
        return JSONResponse({"mask": mask, "said": [self.desk.plain(line) for line in said]})

    def mask(self, request: Request) -> Response:
        """Send a mask as rows of bits, the first one on the left the highest."""
        return _bits(self.desk.masks[request.path_params["mask"]])

    def found(self, request: Request) -> Response:
        """Send what an errand has found broken, as `mask` does."""
        return _bits(self.line.entry(request.path_params["errand"]).job.target)

    async def save_mask(self, request: Request) -> Response:
        """Save a mask as the page has painted it."""
        saves = Saves.model_validate_json(await bodies.read_json(request))
        number, mask = request.path_params["picture"], request.path_params["mask"]
        return await run_in_threadpool(self._save, self.desk.masks[mask], saves, number)

    async def save(self, request: Request) -> Response:
        """Save what an errand has made."""
        saves = Saves.model_validate_json(await bodies.read_json(request))
        entry = self.line.entry(request.path_params["errand"])
        if entry.report is None:
            raise InputError("nothing has been restored yet")
        made = Path(entry.report["target"])
        return await run_in_threadpool(self._save, made, saves, entry.picture)

    def _save(self, made: Path, saves: Saves, number: str) -> Response:
        original = self.desk.picture(number).path
        saved = self.desk.save(made, saves.name, original, replace=saves.replace)
        return JSONResponse({"saved": saved.name})

    async def ask(self, request: Request) -> Response:
        """Put an errand into the line."""
        asks = Asks.model_validate_json(await bodies.read_json(request))
        return JSONResponse({"number": self._ask(asks)})

    def _ask(self, asks: Asks) -> int:
        open = self.desk.picture(asks.picture)
        mask = None if asks.mask is None else self.desk.masks[asks.mask]
        source = open.path if asks.start is None else self._made(asks.start, asks.picture)
        if asks.what == "find":
            settings = Settings(mask="auto", sensitivity=asks.sensitivity)
            target = self.desk.place("found.png")
        else:
            settings = asks.wishes.settings(mask)
            target = self.desk.place(finding.beside(open.path).name)
        job = Job(source, target, settings, previews=asks.what == "restore")
        return self.line.add(
            asks.what, asks.picture, open.path.name, job,
            page=asks.page, mask=asks.mask, start=asks.start, wishes=asks.wishes.model_dump(),
        )  # fmt: skip

    def _made(self, errand: int, picture: str) -> Path:
        """Return what an errand has made of a picture. Raises KeyError if it has not."""
        entry = self.line.entry(errand)
        if entry.picture != picture or entry.report is None:
            raise KeyError(errand)
        return Path(entry.report["target"])

    def stop(self, request: Request) -> Response:
        """Take an errand out of the line, or end it with the best so far."""
        self.line.stop(request.path_params["errand"])
        return JSONResponse({})

    def seen(self, request: Request) -> Response:
        """Say how large a picture is, or what was made of it, or a preview."""
        return JSONResponse(_described(self._view(request)))

    def tile(self, request: Request) -> Response:
        """Send a tile of what can be seen."""
        at = (request.path_params[name] for name in ("level", "column", "row"))
        return Response(self._view(request).tile(*at), media_type="image/png", headers=FOR_EVER)

    def _view(self, request: Request) -> View:
        kind, number = request.path_params["kind"], request.path_params["number"]
        page = request.path_params["page"]
        if kind == "picture":
            return self.views.of(self.desk.picture(str(number)).path, page)
        entry = self.line.entry(number)
        whole = self.views.of(self.desk.picture(entry.picture).path, page)
        if kind == "made":
            path = self._made(entry.number, entry.picture)
        else:  # a preview goes when the result is there
            path = next(
                (p for p in (entry.job.preview, entry.job.target) if p.exists()), entry.job.preview
            )
        return self.views.of(path, page, (whole.low, whole.high))  # both in the same shades


def _described(view: View) -> dict[str, Any]:
    height, width = view.size
    return {
        "width": width, "height": height, "levels": len(view.levels), "tile": TILE,
        "stamp": view.stamp, "pages": view.pages, "channels": view.channels, "depth": view.depth,
    }  # fmt: skip


def _bits(path: Path) -> Response:
    """Return a mask's rows of bits, each of them whole bytes, compressed."""
    repair = files.read_mask(path).numpy()
    data = zlib.compress(np.packbits(repair, axis=1).tobytes(), 1)
    return Response(
        data, media_type="application/octet-stream", headers={"content-encoding": "deflate"}
    )
