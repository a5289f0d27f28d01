"""Runs poezio where the tests are run by root, which it declines by itself."""

import os

os.geteuid = lambda: 1000

from poezio.__main__ import run

run()
