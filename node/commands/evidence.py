"""``tallystick-node evidence``: validators that contradicted themselves, as files that anybody can check."""

from __future__ import annotations

import argparse
from pathlib import Path

from node.commands import Subparsers, add_config_option, new_parser, print_json, say
from node.config import load_config
from node.folder import DATABASE, FolderLock
from node.founding import read_genesis
from node.key_files import read_file, write_new
from node.ledger import Ledger
from node.storage import LevelStore
from tallystick.errors import ConfigError, DecodeError, ProofError, SignatureError
from tallystick.evidence import Evidence, read_evidence_file, verify_evidence, write_evidence_file
from tallystick.records.base import Space, read_public
from tallystick.records.membership import EvidenceRecord

FILE_SIZE_MAX = 16_384  # bytes; a file is below two thousand
EXAMPLES = """
tallystick-node evidence export --config grower/node.toml --dir evidence
tallystick-node evidence verify evidence/epoch-0-view-71-DOUBLE_NOTARIZE-9f31c2.json --genesis genesis.bin
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "evidence", _nothing, "write or check evidence against validators", EXAMPLES)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    exporting = new_parser(actions, "export", export, "write what the chain recorded, from a node at rest", EXAMPLES)
    add_config_option(exporting)
    exporting.add_argument("--dir", type=Path, required=True, help="folder for the files")
    verifying = new_parser(actions, "verify", verify, "check one file; needs no node and no network", EXAMPLES)
    verifying.add_argument("file", type=Path, help="the evidence")
    verifying.add_argument("--genesis", type=Path, metavar="FILE", help="also hold chain id and founders' keys to it")
    verifying.add_argument("--json", action="store_true", help="print one JSON document")


def _nothing(options: argparse.Namespace) -> int:
    raise AssertionError("an action is required")


def export(options: argparse.Namespace) -> int:
    """Write one file for each piece of evidence in the state.

    Raises:
        ConfigError: there is no database, or a node is running on it.
    """
    config = load_config(options.config)
    genesis, _ = read_genesis(config.genesis)
    if not (config.data / DATABASE).is_dir():
        raise ConfigError(f"{config.data}: there is no database here; name the configuration of a node that ran before")
    options.dir.mkdir(parents=True, exist_ok=True)
    count = 0
    with FolderLock(config.data):
        ledger = Ledger(LevelStore(config.data / DATABASE))
        try:
            ledger.check_format(genesis.chain_id(), str(config.data))
            for _, record in ledger.records(Space.EVIDENCE):
                found = read_public(record, EvidenceRecord)
                data = write_evidence_file(found.evidence, found.organisation, genesis.chain_id())
                write_new(options.dir / _name_of(found), data)
                count += 1
        finally:
            ledger.close()
    print(f"{count} pieces of evidence in {options.dir}")
    return 0


def _name_of(found: EvidenceRecord) -> str:
    evidence = found.evidence
    return f"epoch-{evidence.epoch}-view-{evidence.view}-{found.kind.name}-{evidence.key.hex()[:6]}.json"


def verify(options: argparse.Namespace) -> int:
    """Check both signatures of a file, and that no honest validator gives both.

    Raises:
        ConfigError: not an evidence file, or it convicts nobody.
    """
    try:
        file, evidence = read_evidence_file(read_file(options.file, "evidence file", size_max=FILE_SIZE_MAX))
        kind = verify_evidence(evidence, bytes.fromhex(file.chain_id))
    except (DecodeError, ProofError, SignatureError) as error:
        raise ConfigError(f"{options.file}: convicts nobody: {error}") from error
    owner = _owner(options.genesis, file.chain_id, evidence) if options.genesis is not None else None
    if options.json:
        print_json(
            {
                "holds": True,
                "kind": kind.name,
                "chain_id": file.chain_id,
                "epoch": evidence.epoch,
                "view": evidence.view,
                "key": evidence.key.hex(),
                "organisation": owner or file.organisation,
                "organisation_proven": owner is not None,
            }
        )
        return 0
    print(f"The evidence holds: {kind.name} in view {evidence.view} of epoch {evidence.epoch}.")
    print(f"Chain {file.chain_id}\nValidator key {evidence.key.hex()}")
    if owner is not None:
        print(f"In this genesis the key is that of {owner}.")
    else:
        say(f"The file says that the key is {file.organisation}'s; the signatures do not prove whose key it is.")
    return 0


def _owner(path: Path, chain_id: str, evidence: Evidence) -> str | None:
    """The founder whose validator key it is, or None for a key that came later.

    Raises:
        ConfigError: another chain's genesis.
    """
    genesis, _ = read_genesis(path)
    if genesis.chain_id().hex() != chain_id:
        raise ConfigError(
            f"{path}: genesis of chain {genesis.chain_id().hex()[:16]}…, the evidence is of another chain"
        )
    bodies = (card.body for card in genesis.cards)
    return next((body.organisation for body in bodies if body.validator_key == evidence.key), None)
