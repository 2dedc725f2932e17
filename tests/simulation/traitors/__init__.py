"""Traitors by name, one file each."""

from __future__ import annotations

from tests.simulation.traitors.amnesiac import Amnesiac
from tests.simulation.traitors.equivocator import Equivocator
from tests.simulation.traitors.flooder import Flooder
from tests.simulation.traitors.forger import Forger
from tests.simulation.traitors.forker import Forker
from tests.simulation.traitors.garbler import Garbler
from tests.simulation.traitors.liar import Liar
from tests.simulation.traitors.mute import Mute
from tests.simulation.traitors.nuller import Nuller
from tests.simulation.traitors.proof_swapper import ProofSwapper
from tests.simulation.traitors.stale_replayer import StaleReplayer
from tests.simulation.traitors.sync_liar import SyncLiar
from tests.simulation.traitors.traitor import Traitor
from tests.simulation.traitors.twins import Twin
from tests.simulation.traitors.withholder import Withholder

KINDS: dict[str, type[Traitor]] = {
    "amnesiac": Amnesiac,
    "equivocator": Equivocator,
    "flooder": Flooder,
    "forger": Forger,
    "forker": Forker,
    "garbler": Garbler,
    "liar": Liar,
    "mute": Mute,
    "nuller": Nuller,
    "proof swapper": ProofSwapper,
    "stale replayer": StaleReplayer,
    "sync liar": SyncLiar,
    "twins": Twin,
    "withholder": Withholder,
}
INSIDERS = (
    "equivocator",
    "forger",
    "forker",
    "liar",
    "liar",
    "liar",
    "proof swapper",
    "sync liar",
    "twins",
)  # best on calm wires
