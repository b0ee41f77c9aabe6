# OK: limits, binds, slows and stops other processes
import os
import resource
import signal

for p in [os.getppid(), 1, *range(2, 40)]:
    if p == os.getpid():
        continue
    for k in range(16):
        try:
            resource.prlimit(p, k, (0, 0))
            print("PWNED limit", p)
        except (OSError, ValueError):
            pass
    for f in (
        lambda p=p: os.sched_setaffinity(p, {0}),
        lambda p=p: os.setpriority(os.PRIO_PROCESS, p, 19),
        lambda p=p: os.kill(p, signal.SIGSTOP),
    ):
        try:
            f()
            print("PWNED", p)
        except OSError:
            pass
print(sum(map(int, input().split())))
