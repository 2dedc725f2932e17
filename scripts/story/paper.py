"""The last act: a consignment on paper, photographed and checked by somebody who reaches no node; and forged papers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from client_sdk.config import Config, write_config
from client_sdk.keystore import Keystore
from client_sdk.trust import load_trust, pin
from node.key_files import read_seal_secret
from scripts.story.cast import CARRIER, RETAILER, Cast
from scripts.story.goods import NEVER_ISSUED, PACKS_A, PALLET_A, PALLET_B
from scripts.story.network import run_command
from scripts.story.photograph import photograph, scan
from scripts.story.refusals import Refusals
from tallystick.bls import bls
from tallystick.compact import CompactProof, CompactTrust, read_compact, verify_compact, write_compact
from tallystick.encoding import encode
from tallystick.records.base import leaf_of_halves
from tallystick.records.members import KeyUse
from tallystick.seals import seal_message
from tallystick.units import root_of_unit, unit_leaf

SEAL_S = 600  # in pure Python four nodes need a quarter of a minute for their first seal, more where others work


class PaperError(Exception):
    """The paper does not show what it must."""


@dataclass(slots=True)
class Paper:
    """The retailer's printer and a buyer without a network."""

    cast: Cast
    refusals: Refusals
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where pictures and both configurations lie."""
        return self.cast.network.folder / "paper"

    def print_code(self) -> str:
        """The retailer has the newest state sealed, and prints the pallet with its contents as one QR code."""
        network = self.cast.network
        config = self.folder / "retailer" / "config.toml"
        Keystore(config.parent / "keys").create(
            "desk", network.passphrase, seed=self.cast[RETAILER].seeds[KeyUse.READ], cheap=True
        )
        nodes = (network.nodes[RETAILER].url,)
        write_config(Config(config, self.cast.chain_id, nodes, organisation=RETAILER, keys={"read": "desk"}))
        pin(network.genesis.read_bytes(), self.cast.chain_id, config.parent / "trust.json")
        made = run_command(
            *("client_sdk", "compact", PALLET_A, "--now", "--contents", "--json", "--config", str(config)),
            *("--timeout", str(SEAL_S)),
            *("--passphrase-file", str(network.folder / "passphrase.txt")),
            *("--qr", str(self.picture), "--scale", "6", "--out", str(self.folder / "pallet.tsc")),
        )
        self.figures |= {"compact_bytes": made["size"], "compact_modules": made["modules"]}
        return f"{made['size']} bytes, {made['modules']} by {made['modules']} modules, signatures by {bls().name}"

    @property
    def picture(self) -> Path:
        """The printed code."""
        return self.folder / "pallet.png"

    def check_photograph(self) -> str:
        """A buyer who has the genesis file and names no node photographs it and checks what was scanned."""
        config = self.folder / "buyer" / "config.toml"
        write_config(Config(config, self.cast.chain_id))
        pin(self.cast.network.genesis.read_bytes(), self.cast.chain_id, config.parent / "trust.json")
        taken = photograph(self.picture.read_bytes())
        (self.folder / "photograph.jpg").write_bytes(taken)
        scanned = self.folder / "scanned.txt"
        scanned.write_text(scan(taken))
        shown = run_command("client_sdk", "verify", str(scanned), "--id", PALLET_A, "--json", "--config", str(config))
        if shown["contents"] != sorted(PACKS_A) or not shown["open"] or shown["recalls"] != []:
            raise PaperError(f"the paper shows {shown}")
        if len(shown["signed_by"]) < 3:
            raise PaperError(f"a quorum is three, {shown['signed_by']} signed")
        return f"{len(shown['contents'])} packs, {shown['events']} events, signed by {len(shown['signed_by'])} of 4"

    # --- what must fail -----------------------------------------------------------------------------------

    def other_contents(self) -> str:
        """A pack that is not on the pallet is written onto its paper."""
        proof = self._proof()
        assert proof.contents is not None
        swapped = (*proof.contents.rests[:-1], NEVER_ISSUED.removeprefix(proof.contents.common))
        forged = msgspec.structs.replace(proof, contents=msgspec.structs.replace(proof.contents, rests=swapped))
        return self._refused("compact proof with other contents", "record-altered", forged)

    def other_pallet(self) -> str:
        """The genuine code is stuck onto another pallet."""
        return self._refused("compact proof on another pallet", "wrong-subject", self._proof(), PALLET_B)

    def sealed_alone(self) -> str:
        """The carrier seals, alone and in the names of two others, a state in which the pallet is recalled."""
        secret = read_seal_secret(self.cast.network.nodes[CARRIER].folder / "keys" / "seal.key")
        proof = self._proof()
        invented = msgspec.structs.replace(proof.item, recalls=("RC-INVENTED",))
        item_leaf = leaf_of_halves(encode(invented.public(proof.session.number)), invented.members_hash)
        leaf = unit_leaf(item_leaf, leaf_of_halves(encode(proof.session.public()), proof.session.members_hash))
        message = seal_message(
            self.cast.chain_id,
            self._trust().validators[proof.epoch].digest(),
            (proof.epoch, proof.height, proof.time_ms),
            proof.roots,
            root_of_unit(PALLET_A, leaf, proof.shape, proof.siblings),
        )
        forged = msgspec.structs.replace(proof, item=invented, signature=bls().sign(secret, message))
        return self._refused("compact proof sealed by one validator", "bad-vote-signature", forged)

    def _proof(self) -> CompactProof:
        return read_compact((self.folder / "pallet.tsc").read_bytes())

    def _trust(self) -> CompactTrust:
        return load_trust(self.folder / "buyer" / "trust.json").compact_trust()

    def _refused(self, name: str, code: str, proof: CompactProof, subject: str = PALLET_A) -> str:
        trust, data = self._trust(), write_compact(proof)
        return self.refusals.expect(name, (code,), lambda: verify_compact(data, trust, bls(), subject=subject))
