"""`python -m pulumi_highmobility.emulator`"""

from .command import emulator

emulator(prog_name="python -m pulumi_highmobility.emulator")
