"""The tables of the decisions about the state tree can be printed again."""

from __future__ import annotations

import pytest

from scripts.measure_tree import BUCKETS, CLOSURE_BUCKETS, print_buckets, print_closure, print_storage


def rows(printed: str) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in printed.splitlines()]
    assert len({len(line) for line in lines}) == 1
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_table_of_bucket_sizes_has_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_buckets((1_200,))
    assert [row[1] for row in rows(capsys.readouterr().out)] == [str(size) for size in BUCKETS]


def test_the_table_of_closures_has_a_row_for_each_size_of_a_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    print_closure((1_200,))
    assert [row[0] for row in rows(capsys.readouterr().out)] == [str(size) for size in CLOSURE_BUCKETS]


def test_the_table_of_ways_to_keep_the_tree_has_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_storage((1_200,))
    assert [row[0] for row in rows(capsys.readouterr().out)] == ["file", "leaves", "buckets"]
