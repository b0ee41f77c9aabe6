"""Run untrusted Python programs inside the sandbox, each in a child of its own. `open_server` and `serve` run in the process that forks;
the code after them runs in a child that has no file, no network, no process and no capability to lose."""

import sys

sys.path.insert(0, "/sandbox")
import random
import site

from aha.grading.sandbox import forkserver
from aha.grading.sandbox.guest import process

site.setquit()
site.sethelper()
sys.path[0:1] = []
sys.path.append("/site")
source = forkserver.open_server().serve()
main = process.main_module()
random.seed(0)
try:
    exec(compile(source, "main.py", "exec", dont_inherit=True), main.__dict__)
except BaseException as error:
    code = process.code_of(error)
else:
    code = 0
process.leave(code)
