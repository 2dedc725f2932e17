"""Who takes part: four founders with nodes, and members admitted on the chain. Keys, secrets, access."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from client_sdk.client import Client
from client_sdk.intents import Intent, governance
from client_sdk.member import Done, Member
from client_sdk.nodes import Nodes, RequestKey
from client_sdk.reader import Reader
from client_sdk.transport import HttpTransport
from client_sdk.trust import pin
from scripts.story.network import Founder, Network
from tallystick import keys
from tallystick.keyfile import open_keyfile
from tallystick.records.members import KeyUse

GROWER, PROCESSOR, CARRIER, RETAILER = "org:grower", "org:processor", "org:carrier", "org:retailer"
LABORATORY, BACKYARD, ACCREDITOR = "org:laboratory", "org:backyard-lab", "org:accreditor"
BANK, LENDER_A, LENDER_B, ARBITRATOR = "org:bank", "org:lender-a", "org:lender-b", "org:arbitrator"

FOUNDERS = (
    Founder(GROWER, "Green Valley Growers 青谷果园", ("governor", "producer"), ("9521001",)),
    Founder(PROCESSOR, "Riverside Foods 河畔食品", ("governor", "producer", "processor"), ("9521002",)),
    Founder(CARRIER, "Polar Freight 极地冷链", ("carrier", "governor"), ("9521003",)),
    Founder(RETAILER, "Corner Market 街角超市", ("governor", "retailer"), ("9521004",)),
)


@dataclass(frozen=True, slots=True)
class Admission:
    """A member that joins after the founding."""

    organisation: str
    name: str
    roles: tuple[str, ...]
    currencies: tuple[str, ...] = ()


ADMISSIONS = (
    Admission(ACCREDITOR, "National Accreditation Body 国家认可中心", ("accreditor",)),
    Admission(LABORATORY, "Clearwater Laboratory 清泉检测", ("inspector",)),
    Admission(BACKYARD, "Backyard Testing 后院检测", ("inspector",)),
    Admission(BANK, "Harbour Bank 海港银行", ("bank",), ("CNY", "EUR")),
    Admission(LENDER_A, "Lantern Capital 灯塔资本", ("lender",)),
    Admission(LENDER_B, "Quick Credit 快捷信贷", ("lender",)),
    Admission(ARBITRATOR, "Trade Arbitration Court 贸易仲裁院", ("arbitrator",)),
)


@dataclass(slots=True)
class Cast:
    """Every member of the story, with its keys at hand."""

    network: Network
    members: dict[str, Member] = field(default_factory=dict)
    root_seeds: dict[str, bytes] = field(default_factory=dict)

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""
        return bytes.fromhex(self.network.chain_id)

    def __getitem__(self, organisation: str) -> Member:
        return self.members[organisation]

    def client(self, seed: bytes, home: str) -> Client:
        """A client that prefers the node of ``home`` and fails over to the others."""
        urls = [self.network.nodes[home].url]
        urls += [node.url for organisation, node in self.network.nodes.items() if organisation != home]
        transports = [HttpTransport(url) for url in urls]
        return Client(Nodes(transports, RequestKey(seed, self.chain_id)), self.chain_id)

    def reader(self, organisation: str) -> Reader:
        """A verifying reader with a fresh trust store pinned to genesis."""
        trust = pin(self.network.genesis.read_bytes(), self.chain_id)
        return Reader(self[organisation].client.nodes, trust)

    def close(self) -> None:
        """Close this thread's connections."""
        for member in self.members.values():
            member.client.nodes.close()

    def open_founders(self) -> None:
        """Founders open their root keys and register a working key each."""
        for founder in FOUNDERS:
            data = (self.network.nodes[founder.organisation].folder / "keys" / "root.key.json").read_bytes()
            self._equip(founder.organisation, open_keyfile(data, self.network.passphrase), founder.organisation)

    def admit(self, admission: Admission) -> None:
        """A quorum of governors admits a member, which registers its working key through a founder's node."""
        root = keys.generate()
        governors = [self.root_seeds[founder.organisation] for founder in FOUNDERS[:3]]
        sponsor = self.members[GROWER]
        intent = governance.admit(
            admission.organisation,
            admission.name,
            keys.public_key_of(root),
            roles=admission.roles,
            currencies=admission.currencies,
        )
        self._govern(sponsor, intent, governors)
        self._equip(admission.organisation, root, RETAILER)

    def govern(self, intent: Intent) -> Done:
        """Three of the four governors sign an intent."""
        return self._govern(self.members[GROWER], intent, [self.root_seeds[f.organisation] for f in FOUNDERS[:3]])

    def add_person(self, organisation: str, use: KeyUse, person: str) -> bytes:
        """Register a key of one more person of an organisation; returns its seed."""
        member, seed = self.members[organisation], keys.generate()
        member.do(governance.register_key(keys.public_key_of(seed), (use,), person=person), co_signers=[seed])
        self.members[organisation] = _with_seeds(member, {**member.seeds, use: seed})
        return seed

    def _govern(self, sponsor: Member, intent: Intent, governors: Sequence[bytes]) -> Done:
        governor = _with_seeds(sponsor, {KeyUse.ROOT: governors[0]})
        return governor.do(intent, co_signers=governors[1:])

    def _equip(self, organisation: str, root: bytes, home: str) -> None:
        self.root_seeds[organisation] = root
        desk = keys.generate()
        newcomer = Member(organisation, self.client(root, home), {KeyUse.ROOT: root})
        uses = (KeyUse.CAPTURE, KeyUse.TRADE, KeyUse.READ)
        newcomer.do(governance.register_key(keys.public_key_of(desk), uses, person="desk"), co_signers=[desk])
        newcomer.client.nodes.close()
        self.members[organisation] = Member(
            organisation,
            self.client(desk, home),
            {KeyUse.ROOT: root, **dict.fromkeys(uses, desk)},
            capture_secret=os.urandom(32),
            invoice_secret=os.urandom(32),
        )


def _with_seeds(member: Member, seeds: dict[KeyUse, bytes]) -> Member:
    return Member(
        member.organisation,
        member.client,
        seeds,
        capture_secret=member.capture_secret,
        invoice_secret=member.invoice_secret,
        profile=member.profile,
    )
