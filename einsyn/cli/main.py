"""The `einsyn` command."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from traceback import format_exception
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
from einsyn.cli.output import OUTPUT, ReaderGoneError, standard_output
from einsyn.cli.profile import profile
from einsyn.cli.replay import replay
from einsyn.cli.report import report
from einsyn.cli.sample import sample
from einsyn.cli.search import search
from einsyn.cli.show import show
from einsyn.cli.spaces import spaces
from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError, FileError, OpError, UsageError
from einsyn.ir.own_op import TRACEBACK, told_of_any

if TYPE_CHECKING:
    from types import FrameType

_OBJECTS_BETWEEN_COLLECTIONS: Final = 6_000
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
    context: typer.Context,
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
    if context.invoked_subcommand is None:
        shown = context.get_help()
        missing = Diagnostic("U000", "a command is missing", hint="einsyn --help")
        OUTPUT.message(shown, {**missing.as_json(), "help": shown})
        raise typer.Exit(WRONG_USAGE)


def _import_plugin(name: str) -> None:
    """Run the module that the user names; nothing else that is read is ever run."""
    from importlib import import_module

    sys.path.insert(0, os.getcwd())
    try:
        import_module(name)
    except EinsynError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
        said = f"the plugin `{name}` cannot be imported: {type(error).__name__}: {error}"
        hint = "name a module as `import` would, my_ops for ./my_ops.py"
        raise UsageError(Diagnostic("U016", said.splitlines()[0][:300], hint=hint)) from None
    finally:
        sys.path.pop(0)


def run(arguments: list[str]) -> int:
    """Run a command line and return the exit status."""
    OUTPUT.begin("--json" in arguments)
    try:
        status = _command([a for a in arguments if a != "--json"])
        with suppress(ReaderGoneError):
            OUTPUT.flush()
    except UsageError as error:
        # A module of the user's may catch the interrupt that came while it was imported, and fail for that.
        return _interrupted() if _INTERRUPTS else _wrong(WRONG_USAGE, *error.diagnostics)
    except EinsynError as error:
        if isinstance(error, OpError) and error.__cause__ is not None:
            _show_traceback(error.__cause__)
        return _wrong(WRONG_INPUT, *error.diagnostics)
    except _CommandLineError as error:
        message = str(cast("typer.BadParameter", error).format_message()).rstrip(".")
        command = next((a for a in arguments if not a.startswith("-")), "")
        hint = f"einsyn {command} --help" if command in {c.name for c in app.registered_commands} else "einsyn --help"
        return _wrong(WRONG_USAGE, Diagnostic("U000", message[:1].lower() + message[1:], hint=hint))
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except ReaderGoneError:  # whoever reads has enough
        return DONE
    except typer.Exit as stop:
        return stop.exit_code
    except Exception as error:  # the last resort: a person gets a message, not a traceback
        if _INTERRUPTS:  # so may what a library imports
            return _interrupted()
        if isinstance(own := told_of_any(error), OpError):
            _show_traceback(error)
            return _wrong(WRONG_INPUT, *own.diagnostics)
        if os.environ.get(TRACEBACK):
            raise
        shown = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        hint = f"please report it with the command; {TRACEBACK}=1 shows where it happened"
        return _wrong(INTERNAL, Diagnostic("X001", f"internal error, {shown}", hint=hint))
    if status == INTERRUPTED:
        return _interrupted()
    return status if isinstance(status, int) else DONE


def _command(arguments: list[str]) -> object:
    """Run a command. One that ends with typer.Exit makes its status the result."""
    stdout = sys.stdout
    try:
        return app(arguments, standalone_mode=False)
    except (OSError, SystemExit) as error:
        if "--help" not in arguments:
            raise
        # Help is written by typer, which ends the process when the pipe is closed.
        sys.stdout = stdout
        with standard_output():
            raise error if isinstance(error, OSError) else BrokenPipeError from None


def _wrong(status: int, *found: Diagnostic) -> int:
    """Say what is wrong, after the results."""
    _hand_over()
    OUTPUT.diagnostics(found)
    return status


def _show_traceback(error: BaseException) -> None:
    """The traceback of what a user's operation raised, for those who ask for it."""
    if os.environ.get(TRACEBACK):
        _hand_over()
        OUTPUT.say("".join(format_exception(error)))


def _interrupted() -> int:
    _hand_over()
    OUTPUT.message("interrupted", {"interrupted": True})
    return INTERRUPTED


def _hand_over() -> None:
    """Flush the results. That they cannot be written matters less than what is said after them."""
    with suppress(ReaderGoneError, FileError):
        OUTPUT.flush()


def collect_rarely() -> None:
    """Let the garbage collector run less often, for the whole process.

    Nearly all that sampling makes goes with its last reference; looking for cycles after every 700 new objects takes a
    fifth of its time; much more rarely, and garbage fills the processor's cache. What was imported is there to stay.
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
