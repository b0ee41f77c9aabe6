"""Start one program of the unsafe tier: set the limits of the process, then run the program's text in it, or exec its compiled file."""

import os
import resource
import sys

kind, path, cpu, memory = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) << 20
limits = {
    resource.RLIMIT_CPU: cpu,
    resource.RLIMIT_AS: memory,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_NOFILE: 128,
}
for limit, most in limits.items():
    try:
        resource.setrlimit(limit, (most, most + (limit == resource.RLIMIT_CPU)))
    except (ValueError, OSError):
        pass
if kind == "run":
    if path.startswith("/proc/self/fd/"):
        os.set_inheritable(int(path.rpartition("/")[2]), False)
    os.execv(path, sys.argv[5:] or ["main"])
with open(path, "rb") as file:
    text = file.read()
sys.argv = [path]
sys.set_int_max_str_digits(0)
if b"random" in text:
    import random

    random.seed(0)
for name in ("kind", "cpu", "memory", "limits", "limit", "most", "file"):
    del globals()[name]
exec(compile(text, path, "exec"))
