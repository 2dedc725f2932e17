"""``tallystick-node recover``: what to do when the record of what a validator has signed is lost.

``key`` is for one node, while the others go on; ``head`` and ``begin`` are for a quorum of records that is lost.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from contracts.execution import execute_block
from node.commands import EXIT_REFUSED, Subparsers, add_config_option, grouped, new_parser, print_json
from node.config import ROOT_KEY, NodeConfig, load_config
from node.disk import Disk
from node.founding import Founding, read_founding
from node.identity import NEXT_VALIDATOR_KEY, settle
from node.key_files import SECRET_FILE_SIZE_MAX, read_file, read_secret, write_new
from node.next_seat import make_next_seat, next_seed
from node.recovery_head import HEAD_FILE_SIZE_MAX, HeadFile, executed_blocks, highest_certified
from node.recovery_start import RecoveryPlan, begin_epoch, plan_recovery
from node.seal_secret import bls_entry
from node.signer_log import SignerLog, SignerRecordLostError, salvage
from tallystick import keys
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError, StorageError, TallystickError
from tallystick.keyfile import open_keyfile
from tallystick.payloads.membership import NewSeat
from tallystick.records.base import read_public
from tallystick.records.membership import Seat, seat_key
from tallystick.recovery import Head, sign_head

HEAD_FILE = "recovery-head.bin"
EXAMPLES = """
tallystick-node recover key --config grower/node.toml
tallystick-node recover head --config grower/node.toml --quorum-lost --passphrase-file root.pass
tallystick-node recover begin --config grower/node.toml */recovery-head.bin
tallystick-node recover begin --config grower/node.toml */recovery-head.bin --accept 7f3a…
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    summary = "go on after a record of signed votes was lost"
    parser = new_parser(commands, "recover", _nothing, summary, EXAMPLES)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    key = new_parser(actions, "key", recover_key, "one record is lost: retire the key, make the next one", EXAMPLES)
    key.add_argument("--restored", action="store_true", help="the record looks whole, but its disk was restored")
    head = new_parser(actions, "head", make_head, "a quorum of records is lost: sign what this node holds", EXAMPLES)
    head.add_argument("--quorum-lost", action="store_true", help="confirm: the present epoch is given up for good")
    head.add_argument("--root-key", type=Path, metavar="FILE", help=f"sealed root key (default: keys/{ROOT_KEY})")
    head.add_argument("--passphrase-file", type=Path, metavar="FILE", help="first line opens the root key; mode 0600")
    begin = new_parser(actions, "begin", begin_recovered, "begin the next epoch from a quorum of heads", EXAMPLES)
    begin.add_argument("heads", nargs="+", type=Path, metavar="HEAD", help=f"{HEAD_FILE} of each organisation")
    begin.add_argument("--accept", metavar="DIGEST", help="the digest that all operators compared; without it: show")
    for action in (key, head, begin):
        add_config_option(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def _nothing(options: argparse.Namespace) -> int:
    raise AssertionError("an action is required")


def recover_key(options: argparse.Namespace) -> int:
    """Retire the key whose record is lost, and make the next one with its seat file.

    Raises:
        ConfigError: the record is whole, this node has no seat, or a node is running on the folder.
    """
    config = load_config(options.config)
    founding, disk = _open(config)
    try:
        seat = _own_seat(config, disk)
        if not _is_lost(founding, disk, seat) and not options.restored:
            if disk.ledger.restored() is not None:
                raise ConfigError(
                    f"{config.data}: it was restored from a backup, which holds no record of own votes; nothing was "
                    "changed. Start the node: it asks the others what it signed last, votes if that is known here, and "
                    "else says that this command is to be run. Or say --restored: the key is then given up for good"
                )
            raise ConfigError(
                f"{config.data}: the record of what this validator has signed is whole; nothing was changed. If the "
                "disk was restored from an older copy, say --restored: the key is then given up for good"
            )
        disk.retire(seat.key)
    finally:
        disk.close()
    made = make_next_seat(config, seat.peer_address, seat.api_address, reuse=True)
    if options.json:
        validator_key = str(config.keys / NEXT_VALIDATOR_KEY)
        print_json({"seat": str(made.file), "key": made.seat.key.hex(), "validator_key": validator_key})
        return 0
    print(
        f"The key {seat.key.hex()[:16]}… signs nothing more. Made {config.keys / NEXT_VALIDATOR_KEY} and {made.file}."
    )
    print("Start the node: it observes. Order the new key through any node; it votes again from the switch on:")
    print(
        f"tallystick rotate-validator {made.file} --validator-key {config.keys / NEXT_VALIDATOR_KEY} --key root "
        "--node URL-OF-ANOTHER-MEMBER"
    )
    return 0


def make_head(options: argparse.Namespace) -> int:
    """Retire the key, and write what this node holds, signed with the root key.

    Raises:
        ConfigError: not confirmed, no seat, a wrong passphrase, or a node is running on the folder.
    """
    if not options.quorum_lost:
        raise ConfigError(
            "a head gives the present epoch up: this node's validator key never signs again, and blocks that no head "
            "holds are lost. While a quorum of records is left use `recover key`. If it is not, say --quorum-lost"
        )
    config = load_config(options.config)
    root_seed = _root_seed(options.root_key or config.keys / ROOT_KEY, options.passphrase_file)
    path = config.file.parent / HEAD_FILE
    if path.exists():
        raise ConfigError(f"{path}: exists already; it is the head of this node, or set it aside to make another")
    founding, disk = _open(config)
    try:
        seat = _own_seat(config, disk)
        records, bodies = salvage(disk.folder_of(seat.key))
        certificate, blocks = highest_certified(disk.ledger, disk.executor.tip, records, bodies)
        blocks = (*executed_blocks(disk.ledger, disk.executor.tip), *blocks)
        epoch = disk.executor.validators().epoch
        disk.retire(seat.key)  # before anybody may rely on it
    finally:
        disk.close()
    validator_seed = next_seed(config, reuse=True)
    new = NewSeat(
        config.organisation,
        keys.public_key_of(validator_seed),
        seat.certificate,
        seat.peer_address,
        seat.api_address,
        *bls_entry(config.seal_key),
    )
    head = Head(founding.chain_id, epoch, certificate, new)
    write_new(path, encode(HeadFile(sign_head(head, root_seed, validator_seed), blocks)))
    height = blocks[-1].header.height if blocks else 0
    if options.json:
        print_json({"head": str(path), "epoch": epoch, "height": height, "key": new.key.hex()})
        return 0
    print(f"Made {path}: epoch {epoch}, height {height}{'' if records else ', from the database alone'}.")
    print("Give it to every operator. With the heads of a quorum each runs, on its stopped node:")
    print(f"tallystick-node recover begin --config {config.file} */{HEAD_FILE}")
    return 0


def begin_recovered(options: argparse.Namespace) -> int:
    """Show what the heads make or, once it is accepted, begin the epoch.

    Raises:
        ConfigError: a file is no head, or another digest was accepted.
        VerificationError, RecoveryRefusedError: the heads make no recovery for this node.
    """
    config = load_config(options.config)
    files = [_read_head(path) for path in options.heads]
    founding, disk = _open(config)
    try:
        plan = plan_recovery(founding.chain_id, disk, files)
        accepted = options.accept is not None
        if accepted and options.accept.replace(" ", "").lower() != plan.digest.hex():
            raise ConfigError(f"--accept: these heads make {plan.digest.hex()}; compare with the other operators")
        if accepted:
            begin_epoch(founding.chain_id, disk, plan)
    finally:
        disk.close()
    _tell(options, plan, accepted)
    return 0 if accepted else EXIT_REFUSED


def _tell(options: argparse.Namespace, plan: RecoveryPlan, accepted: bool) -> None:
    epoch, height = plan.boundary.epoch + 1, plan.boundary.height
    heads = {
        signed.head.seat.organisation: signed.head.certificate.statement.view if signed.head.certificate else 0
        for signed in plan.recovery.heads
    }
    if options.json:
        fields = {"begun": accepted, "epoch": epoch, "height": height, "digest": plan.digest.hex()}
        print_json({**fields, "blocks": len(plan.blocks), "heads": heads, "absent": plan.absent})
        return
    for organisation, view in heads.items():
        print(f"{organisation}: certified up to view {view}")
    for organisation in plan.absent:
        print(f"{organisation}: no head; it keeps its key, and what only it knows to be final is lost")
    if accepted:
        print(
            f"Epoch {epoch} has begun behind height {height}. Start the node; verifiers compare with you and pin anew."
        )
        return
    print(f"Epoch {epoch} would begin behind height {height}; {len(plan.blocks)} blocks would be executed here.")
    print("Compare this with every other operator, over another channel, then add --accept:")
    print()
    print(grouped(plan.digest))


def _open(config: NodeConfig) -> tuple[Founding, Disk]:
    founding = read_founding(config)
    disk = Disk(config, founding, execute_block)
    try:
        validators = disk.executor.validators().validators
        sitting = next((one.key for one in validators.members if one.organisation == config.organisation), None)
        settle(config, founding.identity, sitting, None)
    except BaseException:
        disk.close()
        raise
    return founding, disk


def _own_seat(config: NodeConfig, disk: Disk) -> Seat:
    members = disk.executor.validators().validators.members
    record = disk.executor.state.get(seat_key(config.organisation))
    if record is None or all(one.organisation != config.organisation for one in members):
        raise ConfigError(f"{config.organisation} has no seat: there is no record to lose")
    return read_public(record, Seat)


def _is_lost(founding: Founding, disk: Disk, seat: Seat) -> bool:
    tip, known = disk.executor.tip, disk.ledger.signer(seat.key)
    if known is None:
        return False
    try:
        SignerLog(disk.folder_of(seat.key), founding.chain_id, seat.key, known, tip.view, tip.epoch).close()
    except (SignerRecordLostError, StorageError):  # damage where it was durable: what it held is not known any more
        return True
    return False


def _read_head(path: Path) -> HeadFile:
    data = read_file(path, "head of a recovery", size_max=HEAD_FILE_SIZE_MAX)
    try:
        return decode(data, HeadFile, size_max=HEAD_FILE_SIZE_MAX)
    except DecodeError as error:
        raise ConfigError(f"{path}: not a head of a recovery ({error})") from error


def _root_seed(path: Path, passphrase_file: Path | None) -> bytes:
    if passphrase_file is not None:
        lines = read_secret(passphrase_file, "passphrase file").decode("utf-8", "surrogateescape").splitlines()
        passphrase = lines[0] if lines else ""
    elif sys.stdin.isatty():
        passphrase = getpass.getpass("Passphrase of the root key: ")
    else:
        raise ConfigError("there is no terminal to ask for the passphrase of the root key; use --passphrase-file")
    data = read_file(path, "sealed root key", size_max=SECRET_FILE_SIZE_MAX)
    try:
        return open_keyfile(data, passphrase)
    except TallystickError as error:
        raise ConfigError(f"{path}: {error}") from error
