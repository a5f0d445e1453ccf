"""Lightning restores the cases of a series: each rank its share."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader

from convprior.restoration.measured import Case, Recorder, Series

NOTHING = "nothing to do"  # Lightning refuses a loader without a batch


class Restorer(pl.LightningModule):
    """Restore each case of the loader, as ``series`` does it.

    ``record`` opens a tracked run for a case. ``tell`` is called with each step of a case and the
    one that is due to be its last.
    """

    def __init__(
        self,
        series: Series,
        record: Callable[[Series, Case], AbstractContextManager[Recorder]],
        tell: Callable[[int, float], None],
    ) -> None:
        super().__init__()
        self.series, self.record, self.tell = series, record, tell

    def share(self, cases: Sequence[Case]) -> DataLoader[Case]:
        """Return a loader of this process's share of the cases that are not done.

        All processes look before the first begins to work: so they agree on what is missing.
        """
        missing = self.series.missing(cases)
        mine: list[Case | str] = [*missing[self.trainer.global_rank :: self.trainer.world_size]]
        return DataLoader(mine or [NOTHING], batch_size=None)  # type: ignore[arg-type]

    def predict_step(self, case: Case | str, _: int) -> None:
        """Restore one picture, measure it, and write the result."""
        if isinstance(case, str):
            return

        def tell(step: int, last: float) -> None:
            if self.trainer.received_sigterm:
                raise SIGTERMException
            self.tell(step, last)

        with (
            self.record(self.series, case) as run,
            # Lightning predicts in inference mode, in which nothing can be fitted.
            torch.inference_mode(False),
            torch.enable_grad(),
            # The method itself says what is computed in which precision.
            torch.autocast(self.device.type, enabled=False),
        ):
            self.series.restore(case, run, self.device, tell)

    def transfer_batch_to_device(self, batch: Case | str, *_: object) -> Case | str:
        """Leave the case where it is: `restore` moves what it needs."""
        return batch
