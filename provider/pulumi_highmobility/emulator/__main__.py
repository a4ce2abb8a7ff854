"""`python -m pulumi_highmobility.emulator`"""

from ..streams import run_command
from .command import emulator

run_command(lambda: emulator(prog_name="python -m pulumi_highmobility.emulator"))
