"""The `einsyn` command."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from einsyn.cli.analyze import analyze
from einsyn.cli.check import check
from einsyn.cli.compare import compare
from einsyn.cli.compile import compile_
from einsyn.cli.diff import diff
from einsyn.cli.enumerate import enumerate_
from einsyn.cli.explain import explain
from einsyn.cli.export import export
from einsyn.cli.fuzz import fuzz
from einsyn.cli.lint import lint
from einsyn.cli.ops import ops
from einsyn.cli.output import OUTPUT, ReaderGoneError
from einsyn.cli.profile import profile
from einsyn.cli.replay import replay
from einsyn.cli.report import report
from einsyn.cli.sample import sample
from einsyn.cli.search import search
from einsyn.cli.show import show
from einsyn.cli.spaces import spaces
from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError, UsageError

if TYPE_CHECKING:
    from types import FrameType

_OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000
# Numbers of the signals that interrupted this process.
_INTERRUPTS: Final[list[int]] = []
DONE, WRONG_INPUT, WRONG_USAGE, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="einsyn",
    help="Sample, type-check and compile neural architectures from a grammar. --json anywhere gives JSON lines.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("spaces")(spaces)
app.command("ops")(ops)
app.command("lint")(lint)
app.command("sample")(sample)
app.command("enumerate")(enumerate_)
app.command("check")(check)
app.command("compile")(compile_)
app.command("show")(show)
app.command("profile")(profile)
app.command("analyze")(analyze)
app.command("explain")(explain)
app.command("diff")(diff)
app.command("search")(search)
app.command("report")(report)
app.command("compare")(compare)
app.command("replay")(replay)
app.command("export")(export)
app.command("fuzz")(fuzz)

# What typer raises for a wrong command line; it exports only the leaves of that family.
_CommandLineError = cast("type[Exception]", typer.BadParameter.__mro__[2])


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    plugin: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import a module that declares operations.")
    ] = None,
) -> None:
    for name in plugin or []:
        _import_plugin(name)
    if version:
        from einsyn import __version__

        OUTPUT.result({"version": __version__}, f"einsyn {__version__}")
        raise typer.Exit


def _import_plugin(name: str) -> None:
    """Run the module that the user names; nothing else that is read is ever run."""
    from importlib import import_module

    sys.path.insert(0, os.getcwd())
    try:
        import_module(name)
    except (ImportError, ValueError) as error:
        hint = "name a module as `import` would, my_ops for ./my_ops.py"
        raise UsageError(Diagnostic("U016", f"the plugin `{name}` cannot be imported: {error}", hint=hint)) from None
    finally:
        sys.path.pop(0)


def run(arguments: list[str]) -> int:
    """Run a command line and return the exit status."""
    OUTPUT.as_json = "--json" in arguments
    try:
        # A command that ends with typer.Exit makes its status the result.
        status = app([a for a in arguments if a != "--json"], standalone_mode=False)
        sys.stdout.flush()
    except EinsynError as error:
        OUTPUT.diagnostics(error.diagnostics)
        return WRONG_USAGE if isinstance(error, UsageError) else WRONG_INPUT
    except _CommandLineError as error:
        message = str(cast("typer.BadParameter", error).format_message()).rstrip(".")
        command = next((a for a in arguments if not a.startswith("-")), "")
        hint = f"einsyn {command} --help" if command in {c.name for c in app.registered_commands} else "einsyn --help"
        OUTPUT.diagnostics((Diagnostic("U000", message[:1].lower() + message[1:], hint=hint),))
        return WRONG_USAGE
    except (KeyboardInterrupt, typer.Abort):
        OUTPUT.message("interrupted", {"interrupted": True})
        return INTERRUPTED
    except (BrokenPipeError, ReaderGoneError):
        # Whoever reads has enough. Nothing may be flushed to the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except typer.Exit as stop:
        return stop.exit_code
    except Exception as error:  # the last resort: a person gets a message, not a traceback
        if _INTERRUPTS:  # what is imported may catch an interrupt and go on without what it was importing
            OUTPUT.message("interrupted", {"interrupted": True})
            return INTERRUPTED
        if os.environ.get("EINSYN_TRACEBACK"):
            raise
        shown = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        hint = "please report it with the command; EINSYN_TRACEBACK=1 shows where it happened"
        OUTPUT.diagnostics((Diagnostic("X001", f"internal error, {shown}", hint=hint),))
        return INTERNAL
    if status == INTERRUPTED:
        OUTPUT.message("interrupted", {"interrupted": True})
    return status if isinstance(status, int) else DONE


def collect_rarely() -> None:
    """Let the garbage collector run less often, for the whole process.

    Nearly all that sampling makes goes with its last reference; looking for cycles after every 700 new objects takes a
    fifth of its time. What was imported is there to stay.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Remember an interrupt, and do as Python does."""
    _INTERRUPTS.append(number)
    signal.default_int_handler(number, frame)


def main() -> None:
    """Entry point of the `einsyn` script."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    collect_rarely()
    sys.exit(run(sys.argv[1:]))
