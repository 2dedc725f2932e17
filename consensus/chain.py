"""The blocks above the executed floor, their ancestry, and our own roots to compare theirs with."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.config import Floor, Switch
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader
from tallystick.limits import VIEW_MAX

HEARTBEAT_GAP_MS = 10_000  # of block time between a heartbeat and its parent: more than any view takes


@dataclass(slots=True)
class Block:
    """A block whose header we know.

    Attributes:
        height, time_ms, executed: of a closing header, which has none of its own, the boundary block's if that is
            here; its place is above every block.
        header: None for genesis.
        at_hand: its transactions are here and checked; always so for an empty block.
        closes: hash of the boundary block with which the epoch ends on this branch: its own, or the one that a closing
            header names; None before it.
        busy: see ``Chain.busy_height``; None until it was asked for.
    """

    block_hash: bytes
    view: int
    height: int
    time_ms: int
    parent_hash: bytes
    executed: Executed
    header: Header | ClosingHeader | None
    at_hand: bool
    closes: bytes | None = None
    busy: int | None = None

    @property
    def happened(self) -> bool:
        """Whether executing it may change more than the block's own record."""
        header = self.header
        return isinstance(header, Header) and (header.transaction_count > 0 or header.due_work or is_boundary(header))


def is_boundary(header: Header) -> bool:
    """Whether this is the last block of its epoch."""
    return header.next_validators_hash != header.validators_hash


class Chain:
    """Blocks by hash; the newest block handed over as final; our own executed tuples.

    Bounded: unfinalised blocks by one for each view above the newest finality, final ones by our lag in execution,
    tuples by the distance from the newest final header's tuple to our own.
    """

    def __init__(self, floor: Floor) -> None:
        header, executed = floor.header, floor.executed
        assert header is None or header.height == executed.height
        self.final = Block(
            block_hash=floor.block_hash,
            view=floor.view,
            height=executed.height,
            time_ms=executed.time_ms,
            parent_hash=header.parent_hash if header is not None else floor.block_hash,
            executed=header.executed if header is not None else executed,
            header=header,
            at_hand=True,
            # What happened below the floor is unknown: after a start, certify all of it (one or two empty blocks).
            busy=executed.height if header is not None else 0,
        )
        self._blocks: dict[bytes, Block] = {floor.block_hash: self.final}
        self._handed_over: dict[int, bytes] = {}  # final, not yet executed here: height to hash
        self._walked: tuple[bytes, bytes] | None = None  # all blocks from the first down to above the second are here
        self.own: dict[int, Executed] = {earlier.height: earlier for earlier in floor.earlier}
        self.own[executed.height] = executed
        self.executed = executed
        self.switch: Switch | None = floor.switch
        self._certified: dict[int, Executed] = {}  # tuples that a quorum vouched for, above our own execution
        self.changes = 0

    def get(self, block_hash: bytes) -> Block | None:
        """The block, if its header is known."""
        return self._blocks.get(block_hash)

    def add(self, header: Header | ClosingHeader, block_hash: bytes, *, at_hand: bool) -> Block:
        """Keep a header; an empty block, or a closing header, is at hand with it."""
        block = self._blocks.get(block_hash)
        if block is None:
            block = self._blocks[block_hash] = self._block_of(header, block_hash)
            self.changes += 1
        empty = isinstance(header, ClosingHeader) or header.transaction_count == 0
        if not block.at_hand and (at_hand or empty):
            block.at_hand = True
            self.changes += 1
        return block

    def _block_of(self, header: Header | ClosingHeader, block_hash: bytes) -> Block:
        if isinstance(header, Header):
            closes = block_hash if is_boundary(header) else None
            height, time_ms, executed = header.height, header.time_ms, header.executed
        else:
            closes = header.boundary_hash
            boundary = self._blocks.get(closes)
            height = VIEW_MAX if boundary is None else boundary.height
            time_ms, executed = (0, self.executed) if boundary is None else (boundary.time_ms, boundary.executed)
        return Block(block_hash, header.view, height, time_ms, header.parent_hash, executed, header, False, closes)

    def missing(self, tip_hash: bytes) -> list[bytes]:
        """Walking down from a finalised tip: the first block that is not at hand; none when it joins ours.

        And where the walk from an earlier tip stands, so that tips that keep coming do not put an end to it.
        """
        first = self._walk(tip_hash)
        if first is None:
            return []
        deeper = None if self._walked is None else self._walk(self._walked[1])
        if self._walked is None or deeper in (None, first):
            self._walked = (tip_hash, first)
            return [first]
        self._walked = (self._walked[0], deeper)
        return [first, deeper]

    def _walk(self, cursor: bytes) -> bytes | None:
        while cursor != self.final.block_hash:
            if self._walked is not None and cursor == self._walked[0] != self._walked[1]:
                cursor = self._walked[1]
                continue
            block = self._blocks.get(cursor)
            if block is None or not block.at_hand:
                return cursor
            if block.height <= self.final.height:
                return None
            cursor = block.parent_hash
        return None

    def hand_over(self, tip_hash: bytes) -> list[Block] | None:
        """Move the final tip up to this block (rule Z): all blocks above the old tip in height order.

        None when the finalised tip does not stand on our final block. Precondition: nothing is missing. Closing headers
        are no blocks: a final one makes the boundary block the tip.
        """
        path: list[Block] = []
        block = self._blocks[tip_hash]
        while isinstance(block.header, ClosingHeader):
            block = self._blocks[block.parent_hash]
        while block.height > self.final.height:
            path.append(block)
            block = self._blocks[block.parent_hash]
        if block.block_hash != self.final.block_hash:
            return None
        path.reverse()
        for block in path:
            self._handed_over[block.height] = block.block_hash
        if path:
            self.busy_height(path[-1])  # while its ancestors are here
            self._move_final(path[-1])
        return path

    def _move_final(self, tip: Block) -> None:
        self.final, self._walked = tip, None
        keep = {tip.block_hash, *self._handed_over.values()}
        for block_hash in [h for h, b in self._blocks.items() if b.view <= tip.view and h not in keep]:
            del self._blocks[block_hash]
        for height in [h for h in self.own if h < tip.executed.height and h < self.executed.height]:
            del self.own[height]
        self.changes += 1

    def next_validators(self, executed_height: int) -> bytes | None:
        """Hash of the next epoch's set, if the state of this height, executed here, asks for the switch now."""
        switch = self.switch
        return switch.next_validators_hash if switch is not None and switch.height <= executed_height else None

    def note_executed(self, executed: Executed, switch: Switch | None) -> Executed | None:
        """Take our own tuple of the next height; the certified tuple that contradicts it, if there is one."""
        assert executed.height == self.executed.height + 1, "heights are executed in order, none skipped"
        self.executed, self.switch = executed, switch
        self.own[executed.height] = executed
        self.changes += 1
        block_hash = self._handed_over.pop(executed.height, None)
        if block_hash is not None and block_hash != self.final.block_hash:
            self._blocks.pop(block_hash, None)
        theirs = self._certified.pop(executed.height, None)
        return theirs if theirs is not None and theirs != executed else None

    def contradiction(self, theirs: Executed) -> Executed | None:
        """Our own tuple where it differs from one that a quorum vouched for; else remember theirs until we execute."""
        ours = self.own.get(theirs.height)
        if ours is None and theirs.height > self.executed.height:
            self._certified[theirs.height] = theirs
        return ours if ours is not None and ours != theirs else None

    def busy_height(self, tip: Block) -> int:
        """Newest height at or below this tip that a later header must certify before the network rests.

        Something happened there, or it is a heartbeat: a block long after its parent, which makes every proof younger
        once it is certified itself. Both are seen in two headers, so that all agree from wherever they started.
        """
        path: list[Block] = []
        block: Block | None = tip
        while block is not None and block.busy is None:
            path.append(block)
            block = self._blocks.get(block.parent_hash)
        if block is None or block.busy is None:  # an ancestor is not here yet
            return self.final.height
        busy = block.busy
        for child in reversed(path):
            if child.happened or child.time_ms - block.time_ms >= HEARTBEAT_GAP_MS:
                busy = child.height
            block, child.busy = child, busy
        return busy
