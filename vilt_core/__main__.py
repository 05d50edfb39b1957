"""The command line: ``python -m vilt_core COMMAND --help``."""

import os
import sys
from typing import NoReturn

import tyro

from vilt_core.commands.ablate import Ablate
from vilt_core.commands.asking import Align, Answer
from vilt_core.commands.detector import TrainDetector
from vilt_core.commands.emerge import Emerge
from vilt_core.commands.files import Convert, Data, World
from vilt_core.commands.finetune import Finetune
from vilt_core.commands.measuring import Bench, Compare, Evaluate
from vilt_core.commands.searching import Index, Search
from vilt_core.commands.train import Train
from vilt_core.training import TrainingStopped

INTERRUPTED = 130  # what a shell is told of Ctrl-C
UNHEARD = 141  # ... and of a program whose reader went before it was done, as of ``| head -1``


def main() -> None:
    """Run one command; a mistake of the user's is one sentence on standard error."""
    command = tyro.extras.subcommand_cli_from_dict(
        {
            "answer": Answer,
            "align": Align,
            "train": Train,
            "finetune": Finetune,
            "evaluate": Evaluate,
            "convert": Convert,
            "bench": Bench,
            "compare": Compare,
            "data": Data,
            "world": World,
            "emerge": Emerge,
            "ablate": Ablate,
            "detector": TrainDetector,
            "index": Index,
            "search": Search,
        },
        prog="python -m vilt_core",
        description="See, question, take apart and train a vision-and-language transformer.",
    )
    try:
        command.run()
        sys.stdout.flush()  # what a reader does not take is told here, not as Python ends
    except BrokenPipeError:
        _leave_unheard()
    except (ValueError, OSError, TrainingStopped) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt as error:
        told = str(error) or "stopped; the same command goes on with a training or an index"
        print(told, file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


def _leave_unheard() -> NoReturn:
    """End without a word; what is left to be written goes nowhere.

    Python would tell of the closed pipe once more as it ends: see "Note on SIGPIPE" in its signal
    module's documentation.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(UNHEARD)


if __name__ == "__main__":
    main()
