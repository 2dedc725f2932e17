"""Pages of the state tree outside of memory: the same tree as without them, and no more memory than they may take."""

from __future__ import annotations

import errno
import gc
import os
import random
import threading
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.page_file import PLACE_SIZE, PageFile, _Page
from tallystick.errors import StorageError
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.subtrees import ENTRY_SIZE, Subtree
from tallystick.trie import Trie
from tests.reference.naive_trie import naive_root

SEED = 20_261_123


def key(number: int) -> bytes:
    return sha256(b"key%d" % number).digest()


def leaf(number: int) -> bytes:
    return sha256(b"leaf%d" % number).digest()


def deep_key(number: int, shared: int) -> bytes:
    """One of the keys that begin with so many zero bytes."""
    return (bytes(shared) + key(number))[:32]


def pages_of(node: Subtree) -> list[_Page]:
    """The pages of a subtree."""
    if isinstance(node, tuple):
        return [*pages_of(node[0]), *pages_of(node[1])]
    return [node] if isinstance(node, _Page) else []


def keys_below(node: Subtree) -> int:
    """Keys of a subtree without pages."""
    assert not isinstance(node, _Page), "there is a page in a page"
    if isinstance(node, bytes):
        return len(node) // ENTRY_SIZE
    assert isinstance(node, tuple)
    return keys_below(node[0]) + keys_below(node[1])


operations = st.lists(
    st.dictionaries(st.integers(0, 90), st.one_of(st.none(), st.integers(0, 1_000)), max_size=60), max_size=8
)


@settings(deadline=None, max_examples=80)
@given(operations, st.integers(1, 12), st.integers(5, 14), st.sampled_from([0, 1, 27]))
def test_any_history_gives_the_tree_of_the_naive_judge_and_every_version_stays_readable(
    batches: list[dict[int, int | None]], at_hand: int, keys_max: int, shared: int
) -> None:
    with TemporaryDirectory() as folder:
        paged = Trie(shelf=PageFile(Path(folder), at_hand=at_hand, keys_max=keys_max))
        plain, model = Trie(), dict[bytes, bytes]()
        versions = [(paged, plain, dict(model))]
        for batch in batches:
            changes = {deep_key(k, shared): None if v is None else leaf(v) for k, v in batch.items()}
            paged, plain = paged.update(changes), plain.update(changes)
            model = {k: v for k, v in {**model, **changes}.items() if v is not None}
            versions.append((paged, plain, dict(model)))
        asked = [deep_key(k, shared) for k in range(0, 90, 7)]
        for version, same, content in versions:
            assert version.root == naive_root(content, BUCKET_KEYS_MAX)
            assert len(version) == len(content)
            assert dict(version.items()) == content
            for page in pages_of(version._node):
                assert BUCKET_KEYS_MAX < page.keys == keys_below(page.open()) <= keys_max
            assert [version.get(k) for k in asked] == [content.get(k) for k in asked]
            assert version.prove(asked, asked[:3]) == same.prove(asked, asked[:3])
            assert [version.siblings(k) for k in asked] == [same.siblings(k) for k in asked]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 41, 3_000])
def test_a_tree_of_sorted_entries_lies_in_pages_and_is_the_same(count: int, tmp_path: Path) -> None:
    content = {key(number): leaf(number) for number in range(count)}
    entries = b"".join(key_hash + content[key_hash] for key_hash in sorted(content))
    trie = Trie.of_sorted(entries, shelf=PageFile(tmp_path, at_hand=8))
    assert trie.root == naive_root(content, BUCKET_KEYS_MAX)
    assert b"".join(trie.buckets()) == entries
    assert sum(page.keys for page in pages_of(trie._node)) >= 0.9 * count or count <= BUCKET_KEYS_MAX


def test_what_is_in_memory_and_in_the_file_does_not_grow_with_the_number_of_changes(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    file = PageFile(tmp_path, at_hand=32)
    versions = [Trie(shelf=file).update({key(number): leaf(number) for number in range(5_000)})]
    for round_ in range(400):
        changes = {key(chance.randrange(5_000)): leaf(round_) for _ in range(20)}
        versions = [*versions[-7:], versions[-1].update(changes)]
    alive = {id(page): page for version in versions for page in pages_of(version._node)}
    gc.collect()
    at_hand = [page for page in alive.values() if isinstance(page.held, tuple)]
    assert len(at_hand) <= 32
    places = -(-os.fstat(file._places.descriptor).st_size // PLACE_SIZE)
    assert len(alive) - 32 <= places - len(file._places.free) <= len(alive)
    assert places <= len(alive) + 8 * 20, "places are not used again"
    del versions, alive, at_hand
    gc.collect()
    free = sorted(lay // PLACE_SIZE for lay in file._places.free)
    assert free == list(range(places)), "a place that nobody has is not free"
    assert list(tmp_path.iterdir()) == [], "the file has no name"


def test_a_small_tree_makes_no_file(tmp_path: Path) -> None:
    file = PageFile(tmp_path / "not-there")
    trie = Trie(shelf=file)
    for number in range(2_000):
        trie = trie.update({key(number): leaf(number)})
    assert trie.get(key(7)) == leaf(7)
    assert file._places.descriptor == -1


def test_a_page_of_unusual_shape_stays_in_memory(tmp_path: Path) -> None:
    content = {bytes(28) + number.to_bytes(4, "big"): leaf(number) for number in range(6)}
    others = {key(number): leaf(number) for number in range(200)}
    trie = Trie(shelf=PageFile(tmp_path, at_hand=1)).update(content | others)
    assert trie.root == naive_root(content | others, BUCKET_KEYS_MAX)
    assert all(trie.get(key_hash) == value for key_hash, value in content.items())


def test_a_damaged_page_is_a_storage_error(tmp_path: Path) -> None:
    file = PageFile(tmp_path, at_hand=1)
    trie = Trie(shelf=file).update({key(number): leaf(number) for number in range(300)})
    away = next(page for page in pages_of(trie._node) if isinstance(page.held, int))
    assert isinstance(away.held, int)
    descriptor, size = file._places.descriptor, away.held % PLACE_SIZE
    at = away.held - size
    whole = os.pread(descriptor, size, at)
    for index in range(size):
        os.pwrite(descriptor, bytes([whole[index] ^ 1 << index % 8]), at + index)
        with pytest.raises(StorageError, match="not what was written"):
            away.open()
        os.pwrite(descriptor, whole[index : index + 1], at + index)
    assert sum(1 for _ in trie.items()) == 300
    for damage in (bytes(size), b"\xff" * size, os.pread(descriptor, size, (at + PLACE_SIZE) % (4 * PLACE_SIZE))):
        os.pwrite(descriptor, damage, at)
        with pytest.raises(StorageError, match="not what was written"):
            list(trie.items())
    for end in (at + 40, at):
        os.ftruncate(descriptor, end)
        with pytest.raises(StorageError, match="not what was written"):
            away.open()
    os.close(descriptor)
    with pytest.raises(StorageError, match="cannot be read"):
        away.open()
    os.dup2(os.open(os.devnull, os.O_RDONLY), descriptor)  # for who closes it


def test_the_file_is_closed_with_the_last_that_has_it(tmp_path: Path) -> None:
    trie = Trie(shelf=PageFile(tmp_path, at_hand=1)).update({key(number): leaf(number) for number in range(300)})
    page = next(page for page in pages_of(trie._node) if isinstance(page.held, int))
    descriptor = page._places.descriptor
    gc.disable()
    try:
        del trie
        page.open()
        del page
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    finally:
        gc.enable()


def test_a_disk_that_takes_no_page_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[bytes, bytes | None] = {key(number): leaf(number) for number in range(300)}
    with pytest.raises(StorageError, match="cannot be written: No such file"):
        Trie(shelf=PageFile(tmp_path / "not-there", at_hand=1)).update(changes)
    file = PageFile(tmp_path, at_hand=1)
    trie = Trie(shelf=file).update(changes)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("node.page_file.os.pwrite", full)
        with pytest.raises(StorageError, match="cannot be written: No space left"):
            trie.update({key_hash: leaf(1) for key_hash in changes})
        patched.setattr("node.page_file.os.pwrite", lambda *_: 100)
        with pytest.raises(StorageError, match="written whole"):
            trie.update({key_hash: leaf(1) for key_hash in changes})
    assert dict(trie.items()) == changes, "a version that was there is not what it was"


def test_threads_read_and_rewind_while_the_tree_goes_on(tmp_path: Path) -> None:
    content = {key(number): leaf(number) for number in range(3_000)}
    first = Trie(shelf=PageFile(tmp_path, at_hand=16)).update(content)
    faults: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        chance = random.Random(threading.get_ident())
        try:
            while not over.is_set():
                assert dict(first.items()) == content
                changes = {key(chance.randrange(3_000)): leaf(chance.randrange(9)) for _ in range(40)}
                side = first.update(changes)
                assert all(side.get(key_hash) == value for key_hash, value in changes.items())
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    chance, trie, model = random.Random(SEED), first, dict(content)
    for round_ in range(100):
        changes = {key(chance.randrange(3_000)): leaf(round_) for _ in range(30)}
        trie, model = trie.update(changes), model | changes
    over.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]
    assert dict(trie.items()) == model
