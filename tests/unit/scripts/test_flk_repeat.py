import pytest
from tests.unit.scripts.test_nemesis_parts import test_wires_pass_hold_delay_and_refuse as t
@pytest.mark.parametrize("n", range(60))
def test_again(n): t()
