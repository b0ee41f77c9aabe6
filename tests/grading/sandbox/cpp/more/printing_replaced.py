# RE: replaces what prints and what reports an error, then fails
import builtins
import io
import sys


class Out(io.StringIO):
    def write(self, s):
        return len(s)


real = sys.stdout


def p(*a, **k):
    real.write("3\n")
    real.flush()
    raise SystemExit(0)


builtins.print = p
sys.excepthook = lambda *a: (real.write("3\n"), real.flush())
sys.settrace(lambda f, e, a: None)
raise MemoryError
