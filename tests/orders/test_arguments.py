"""What is typed after the simulator's and the demo receiver's names."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("command", "argument", "refusal"),
    [
        ("simulate", "--count=0", "must be at least 1"),
        ("simulate", "--concurrency=0", "must be at least 1"),
        ("simulate", "--rate=-1", "must be at least 0"),
        ("simulate", "--timeout=nan", "must be at least 0"),
        ("simulate", "--duplicates=2", "must be between 0 and 1"),
        ("simulate", "--wrong-signatures=-0.1", "must be between 0 and 1"),
        ("demo_receiver", "--fail-rate=2", "must be between 0 and 1"),
        ("demo_receiver", "--delay-ms=-1", "must be at least 0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(command, argument, refusal):
    with pytest.raises(CommandError, match=f"{argument.partition('=')[0]}: {refusal}"):
        call_command(command, argument)
