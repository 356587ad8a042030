"""A command prints its answer, or one sentence."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bsb.cli import handle_command

from bsb_hdf5.cli import elapsed, running
from bsb_hdf5.cli.running import Answer
from bsb_hdf5.cli.specifications import COMMANDS, Command
from bsb_hdf5.engines.hdf5 import HDF5Engine
from bsb_hdf5.engines.zarr import ZarrEngine
from bsb_hdf5.errors import StoreAccessError, StoreNotFoundError
from bsb_hdf5.queries import summary
from bsb_hdf5.queries.progress import Work, count_done, count_expected, counted
from tests.unit.cli.conftest import Run

NAMES = [each.name for each in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_help_has_a_summary_and_an_example(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        running.main([command.name, "--help"])
    assert 0 == ended.value.code
    text = " ".join(capsys.readouterr().out.split())
    assert command.summary in text
    assert f"example: python -m bsb_hdf5 {command.example}" in text


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_its_handler_exists(command: Any) -> None:
    assert callable(running._handler(command))


def test_what_is_wrong_is_one_sentence_and_exits_with_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no network")
    for root, message in (
        (tmp_path / "nothing", "there is no storage at"),
        (tmp_path / "text", "does not hold a network"),
    ):
        outcome = run("info", root)
        assert 2 == outcome.code
        assert "" == outcome.out
        assert 1 == len(outcome.err.splitlines())
        assert outcome.err.startswith("bsb storage info: ")
        assert message in outcome.err


def test_what_is_wrong_with_a_damaged_file_is_said(run: Run, root: Path) -> None:
    os.truncate(root, root.stat().st_size // 2)
    outcome = run("info", root)
    assert (2, 1) == (outcome.code, len(outcome.err.splitlines()))
    assert "does not hold a network" in outcome.err
    assert "truncated file" in outcome.err


def test_a_place_that_can_not_be_looked_at_is_not_called_empty(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: object) -> bool:
        raise StoreAccessError(f"'{root}': access is denied")

    monkeypatch.setattr(ZarrEngine, "peek_exists", fail)
    outcome = run("info", "s3://lab/net")
    assert (2, "bsb storage info: 's3://lab/net': access is denied\n") == (
        outcome.code,
        outcome.err,
    )


@pytest.mark.parametrize("command", ["convert", "merge", "import"])
def test_nothing_is_stored_where_it_ends_with_the_command(
    run: Run, tmp_path: Path, command: str
) -> None:
    names = [tmp_path / "a", tmp_path / "b"]
    target = ("-o", "c") if command == "merge" else ()
    outcome = run(command, *names, *target, "--engine", "memory")
    assert 2 == outcome.code
    assert "would end with this command; use hdf5 or zarr" in outcome.err


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_is_named(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        running.main(["diff", "a", "b", f"--number={number}"])
    assert 2 == ended.value.code
    assert f"must be a whole number above 0, not '{number}'" in capsys.readouterr().err


def test_json_names_the_error(run: Run, tmp_path: Path) -> None:
    outcome = run("info", tmp_path / "nothing", "--json")
    document = outcome.document()
    assert (1, "info") == (document["schema"], document["command"])
    assert "StoreNotFoundError" == document["error"]["type"]


def test_a_traceback_is_printed_on_request(run: Run, tmp_path: Path) -> None:
    assert "Traceback" not in run("info", tmp_path / "nothing").err
    assert "Traceback" in run("info", tmp_path / "nothing", "--traceback").err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "a file"), "Permission denied: 'a file'"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (KeyError("a\nb"), r"KeyError: 'a\nb' (--traceback shows where)"),
    ],
)
def test_other_errors_are_a_sentence_too(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(given: Any) -> None:
        raise error

    monkeypatch.setattr(running, "_handler", lambda command: fail)
    outcome = run("info", "network")
    assert (2, f"bsb storage info: {message}\n") == (outcome.code, outcome.err)


def test_names_in_a_network_do_not_control_a_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(given: Any) -> Answer:
        if given.root == "missing":
            raise StoreNotFoundError("no \x1b[2J there")
        return Answer({}, ["a name\nof two lines", "\x9b31mred"])

    monkeypatch.setattr(running, "_handler", lambda command: answer)
    assert "a name\\nof two lines\n\\x9b31mred\n" == run("info", "network").out
    assert "bsb storage info: no \\x1b[2J there\n" == run("info", "missing").err


def test_an_interrupt_ends_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "_handler", lambda command: interrupt)
    outcome = run("info", "network")
    assert (130, "bsb storage info: interrupted\n") == (outcome.code, outcome.err)


def test_whoever_stops_reading_the_output_gets_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert running._write("read by nobody") is None
        # As Python does when it exits.
        output.flush()


def test_json_has_no_nan(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = running.Answer({"values": [math.nan, 1.0, -math.inf, (2.0, {"a": math.inf})]})
    monkeypatch.setattr(running, "_handler", lambda command: lambda given: answer)
    assert [None, 1.0, None, [2.0, {"a": None}]] == run("info", "x", "--json").document()["values"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (OSError("odd"), "odd")],
)
def test_why_an_answer_can_not_be_written_is_said(
    run: Run,
    error: OSError,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = running.Answer({}, ["a line"])
    monkeypatch.setattr(running, "_handler", lambda command: lambda given: answer)
    with open(tmp_path / "out", "w", encoding="utf-8") as output:

        class Full:
            encoding = "utf-8"
            fileno = output.fileno

            def write(self, text: str) -> None:
                raise error

        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Full())
            assert 2 == running.main(["info", "x"])
    said = capsys.readouterr().err
    assert f"bsb storage info: the answer can't be written to stdout: {reason}" in said


@pytest.mark.parametrize("first", [True, False])
def test_one_rank_alone_says_how_far_a_command_is_and_prints_its_answer(
    run: Run, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool | None] = []

    def note(title: str, shown_: bool | None) -> Any:
        shown.append(shown_)
        return contextlib.nullcontext()

    answer = running.Answer({}, ["a line"], running.FINDING)
    monkeypatch.setattr(running, "elapsed", note)
    monkeypatch.setattr(running, "_is_first_rank", lambda: first)
    monkeypatch.setattr(running, "_handler", lambda command: lambda given: answer)
    outcome = run("info", "x")
    assert (1, "a line\n" if first else "") == (outcome.code, outcome.out)
    assert [None if first else False] == shown


def command_line(*command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def shell(line: str, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell, in which ``$RUN`` and ``$ROOT`` stand for this program and a network."""
    return subprocess.run(
        ["sh", "-c", line],
        env={
            **os.environ,
            "RUN": f"{sys.executable} -m bsb_hdf5",
            "ROOT": str(root),
            **environment,
        },
        capture_output=True,
        text=True,
        encoding="latin-1",
        check=False,
    )


needs_shell = pytest.mark.skipif(os.name != "posix", reason="The lines are of a POSIX shell.")


@needs_shell
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="No device is always full.")
@pytest.mark.parametrize("layout", ["columnar"])
@pytest.mark.parametrize("options", ["", "--json"])
def test_an_answer_that_can_not_be_stored_is_a_failure(root: Path, options: str) -> None:
    done = shell(f'$RUN info "$ROOT" {options} > /dev/full', root)
    expected = "bsb storage info: the answer can't be written to stdout: No space left on device\n"
    assert (2, expected) == (done.returncode, done.stderr)


@needs_shell
@pytest.mark.parametrize("layout", ["columnar"])
@pytest.mark.parametrize("options", ["", "--json"])
def test_an_answer_without_stdout_is_a_failure(root: Path, options: str) -> None:
    done = shell(f'$RUN info "$ROOT" {options} >&-', root)
    expected = "bsb storage info: the answer can't be written to stdout: it is closed\n"
    assert (2, expected) == (done.returncode, done.stderr)
    silent = shell('$RUN diff "$ROOT" "$ROOT" >&-', root)
    assert (0, "") == (silent.returncode, silent.stderr)


@needs_shell
@pytest.mark.parametrize("layout", ["columnar"])
@pytest.mark.parametrize("command", ["info", "stats"])
def test_the_answer_does_not_depend_on_stderr(root: Path, command: str) -> None:
    done = shell(f'$RUN {command} "$ROOT" 2>&-', root)
    assert 0 == done.returncode
    assert "granule" in done.stdout
    failed = shell(f'$RUN {command} "$ROOT".none 2>&-', root)
    assert (2, "") == (failed.returncode, failed.stdout)


@needs_shell
@pytest.mark.parametrize("layout", ["columnar"])
def test_what_an_encoding_lacks_is_escaped(root: Path) -> None:
    plain = shell('$RUN stats "$ROOT"', root, PYTHONIOENCODING="utf-8")
    escaped = shell('$RUN stats "$ROOT"', root, PYTHONIOENCODING="ascii")
    assert (0, "") == (escaped.returncode, escaped.stderr)
    assert "\xb1" in plain.stdout
    assert escaped.stdout == plain.stdout.encode("latin-1").decode().replace("\xb1", "\\xb1")


def test_json_escapes_what_an_encoding_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = running.Answer({"name": "Purkinj\xe9 \udce9"})
    monkeypatch.setattr(running, "_handler", lambda command: lambda given: answer)
    for encoding in ("ascii", "utf-8"):
        with open(tmp_path / encoding, "w", encoding=encoding) as output:
            monkeypatch.setattr(sys, "stdout", output)
            assert 0 == running.main(["info", "x", "--json"])
        text = (tmp_path / encoding).read_text(encoding)
        assert answer.data["name"] == json.loads(text)["name"]


@pytest.mark.parametrize("layout", ["columnar"])
def test_bsb_storage_and_the_module_do_the_same(root: Path) -> None:
    ours = command_line(sys.executable, "-m", "bsb_hdf5", "info", str(root))
    bsbs = command_line("bsb", "storage", "info", str(root))
    assert (0, ours.stdout) == (bsbs.returncode, bsbs.stdout)
    assert 0 == ours.returncode
    assert "granule" in ours.stdout


def test_a_mistake_in_bsb_storage_exits_with_2() -> None:
    done = command_line("bsb", "storage", "info")
    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    assert "usage: bsb storage" in done.stderr


# As BSB's command line does, without a process of its own.
@pytest.mark.parametrize(
    "arguments", [[], ["verify", "--trust"], ["plot", "net"], ["merge", "a", "b"]]
)
def test_mistakes_in_bsb_storage_show_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bsb"])
    with pytest.raises(SystemExit) as ended:
        handle_command(["storage", *arguments], exit=True)
    assert 2 == ended.value.code
    said = capsys.readouterr().err
    assert "usage: bsb storage" in said
    if arguments:
        assert f"bsb storage {arguments[0]}: " in said.splitlines()[-1]


def test_the_module_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        running.main([])
    assert 2 == ended.value.code
    assert "usage: python -m bsb_hdf5" in capsys.readouterr().err


def test_the_help_of_bsb_storage_lists_one_command_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bsb"])
    with pytest.raises(SystemExit):
        handle_command(["storage", "--help"], exit=True)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "Inspect, maintain and exchange stored networks." in lines
    for each in COMMANDS:
        assert f"{each.name} {each.summary}" in lines


def test_bsb_starts_without_what_the_commands_need() -> None:
    code = (
        "import sys; from bsb.cli.commands import load_root_command; load_root_command();"
        "print([name for name in sys.modules if name.startswith('bsb_hdf5')]);"
        "print(type(sys.excepthook).__module__)"
    )
    done = command_line(sys.executable, "-c", code)
    names, hook = done.stdout.splitlines()
    loaded = set(eval(names))
    assert "bsb_hdf5.cli.uncaught" == hook
    assert "bsb_hdf5.cli.specifications" in loaded, done.stderr
    own = ("", ".commands", ".specifications", ".starting", ".uncaught")
    cli = {f"bsb_hdf5.cli{each}" for each in own}
    assert set() == loaded - cli - {"bsb_hdf5", "bsb_hdf5.storage_options"}


@pytest.mark.parametrize("shown", [True, False, None])
def test_a_command_that_takes_long_shows_that_it_goes_on(
    shown: bool | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(elapsed, "_INTERVAL", 0.01)
    text = ""
    with elapsed.elapsed("bsb storage verify", shown):
        count_expected(200)
        count_done(50)
        # stderr is no terminal here.
        end = time.monotonic() + (5 if shown else 0.1)
        while "25 %" not in text and time.monotonic() < end:
            time.sleep(0.01)
            text += capsys.readouterr().err
    last = capsys.readouterr().err
    if shown:
        assert "bsb storage verify: 00:00, 25 %, " in text
        # Nothing of it stays on the screen.
        assert last.endswith("\r")
    else:
        assert "" == text + last


def test_the_line_says_how_much_is_done_and_how_fast() -> None:
    assert "" == elapsed._done(Work(), 2.0)
    assert "25.0k cells and connections/s" == elapsed._done(Work(50_000), 2.0)
    assert "25 %, 25.0k cells and connections/s" == elapsed._done(Work(50_000, 200_000), 2.0)


COUNTED = {
    "convert": ("{net}", "{made}"),
    "diff": ("{net}", "{net}"),
    "merge": ("{net}", "{net}", "-o", "{made}"),
    "repack": ("{net}",),
    "verify": ("{net}",),
    "stats": ("{net}",),
    "export": ("{net}", "{made}"),
}


@pytest.mark.parametrize("command", COUNTED)
def test_a_command_counts_what_it_goes_through(
    run: Run, root: Path, tmp_path: Path, command: str, layout: str
) -> None:
    places = {"net": root, "made": tmp_path / "made"}
    found = summary(str(root))
    rows = sum(e.cells for e in found.cells) + sum(e.connections for e in found.connections)
    with counted() as work:
        code = run(command, *(each.format(**places) for each in COUNTED[command])).code
    assert 2 != code
    # Questions of stats go through the connections, and each in its own order.
    assert work.done >= (rows if command != "stats" else 1)
    if command not in ("stats", "verify"):
        assert work.done == work.expected
    if command in ("convert", "diff", "repack"):
        assert work.done == rows


def test_circuits_are_counted_both_ways(run: Run, root: Path, tmp_path: Path) -> None:
    for command in (
        ("export", root, tmp_path / "c", "--to", "sonata"),
        ("import", tmp_path / "c", tmp_path / "made"),
    ):
        with counted() as work:
            assert 0 == run(*command).code
        assert work.done == work.expected > 0


def test_a_quick_command_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with elapsed.elapsed("bsb storage info", True):
        pass
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize("layout", ["columnar"])
def test_what_may_not_be_read_is_not_called_something_else(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: Any) -> None:
        raise StoreAccessError(f"'{root}' may not be opened")

    monkeypatch.setattr(HDF5Engine, "recognizes", lambda *_: False)
    monkeypatch.setattr(HDF5Engine, "check_network", refuse)
    outcome = run("info", root)
    assert (2, f"bsb storage info: '{root}' may not be opened\n") == (outcome.code, outcome.err)
