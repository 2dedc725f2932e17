"""``tallystick-node check``: is the stored chain whole and what the validators signed?"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from node.commands import EXIT_DAMAGED, Subparsers, add_config_option, new_parser, print_json, say_error
from node.config import load_config
from node.folder import DATABASE, FolderLock
from node.folder_check import check_before_opening, check_files
from node.founding import read_genesis
from node.ledger import Ledger
from node.pruned_check import PrunedCheck
from node.record_check import Disagreement
from node.storage import LevelStore
from node.store_check import CheckReport, StoreCheck
from node.tables import FloorRow
from tallystick.errors import ConfigError, StorageError

PROGRESS_S = 0.2
EXAMPLES = """
tallystick-node check --config grower/node.toml
tallystick-node check --data grower/data --genesis grower/genesis.bin --json
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(
        commands, "check", check, "check the whole stored chain of a node that is not running", EXAMPLES
    )
    add_config_option(parser, required=False)
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder, instead of --config")
    parser.add_argument("--genesis", type=Path, metavar="FILE", help="genesis file; default: beside the data folder")
    parser.add_argument("--skip-signatures", action="store_true", help="leave out the signatures of transactions")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def check(options: argparse.Namespace) -> int:
    """Walk over everything; the exit code is 3 at the first disagreement.

    Raises:
        ConfigError: an option is wrong, or a node is running on the folder.
    """
    data, genesis_file = _places(options)
    genesis, _ = read_genesis(genesis_file)
    if not (data / DATABASE).is_dir():
        raise ConfigError(f"{data}: there is no database here; name the data folder of a node that ran before")
    with FolderLock(data):
        try:
            check_before_opening(data)
            ledger = Ledger(LevelStore(data / DATABASE))
        except Disagreement as error:
            return _say(options.json, None, error)
        except StorageError as error:
            return _say(options.json, None, Disagreement(str(error), -1))
        try:
            if not ledger.check_format(genesis.chain_id(), str(data)):
                raise ConfigError(f"{data}: the database is empty; start the node first")
            kind = StoreCheck if ledger.floor == FloorRow(0, 0) else PrunedCheck
            report = kind(ledger, genesis, signatures=not options.skip_signatures, progress=_ProgressLine()).run()
            check_files(data, ledger, genesis.chain_id())
        except Disagreement as error:
            return _say(options.json, None, error)
        except StorageError as error:
            return _say(options.json, None, Disagreement(str(error), -1))
        finally:
            ledger.close()
    return _say(options.json, report, None, ledger.floor.bodies_from)


def _places(options: argparse.Namespace) -> tuple[Path, Path]:
    if (options.config is None) == (options.data is None):
        raise ConfigError("name either --config FILE or --data DIR")
    if options.config is not None:
        config = load_config(options.config)
        return config.data, options.genesis or config.genesis
    return options.data, options.genesis or options.data.absolute().parent / "genesis.bin"


def _say(as_json: bool, report: CheckReport | None, error: Disagreement | None, kept_from: int = 0) -> int:
    if error is not None:
        where = f"height {error.height}: " if error.height >= 0 else ""
        about = f" (key {error.key})" if error.key else ""
        sentence = str(error) if as_json else f"{where}{error}{about}; {error.remedy}"
        more = {"height": error.height, "key": error.key, "remedy": error.remedy}
        return say_error(sentence, EXIT_DAMAGED, as_json=as_json, more=more)
    assert report is not None
    if as_json:
        print_json({"ok": True, "kept_from": kept_from, **asdict(report)})
    else:
        what = f"What is kept, from height {kept_from} on," if kept_from else "Everything"
        print(
            f"{what} holds up to height {report.height}: {report.transactions} transactions, {report.receipts} "
            f"receipts, {report.certificates} certificates, {report.records} records.\n"
            f"State root {report.state_root} of chain {report.chain_id}."
        )
    return 0


class _ProgressLine:
    """A line on a terminal that is written over, at most five times a second; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown_s = 0.0
        self._terminal = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if not self._terminal or (now_s - self._shown_s < PROGRESS_S and done < total):
            return
        self._shown_s = now_s
        filled = 30 * done // max(1, total)
        end = "\n" if done >= total else ""
        print(f"\r{what:<8} [{'#' * filled:<30}] {done}/{total}", end=end, file=sys.stderr, flush=True)
