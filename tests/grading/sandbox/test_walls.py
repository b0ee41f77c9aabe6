"""What a program cannot reach or leave behind in the bwrap tier: each lesson that was paid for once, held by a test."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aha.grading.sandbox.bwrap import BwrapSandbox
from aha.grading.sandbox.job import Job, Limits
from tests.grading.sandbox.here import needs_bwrap

pytestmark = needs_bwrap
CLEAN = {"PATH", "HOME", "LANG", "PWD", "PYTHONHASHSEED", "PYTHONIOENCODING", "MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BwrapSandbox]:
    opened = BwrapSandbox(workers=1)  # one slot, so that each program follows the one before it
    yield opened
    opened.close()


def told(sandbox: BwrapSandbox, source: str, stdin: bytes = b"", limits: Limits = Limits()) -> str:  # noqa: B008
    outcome = sandbox.run(Job(source, stdin, limits=limits))
    assert outcome.verdict == "OK", f"{outcome.verdict}: {outcome.reason} {outcome.stderr.decode()}"
    return outcome.stdout.decode().strip()


# --- one program and the next -----------------------------------------------------------------------------------------

MARK = b"MARK-3fe1c0-of-the-program-before"
SECRETIVE = f"""import os, sys
word = input()  # {MARK.decode()} in the source as well
kept = [word * 3 for _ in range(1000)]
open('/tmp/left', 'w').write(word)
print(word)
print(word, file=sys.stderr)
"""
SEARCHING = """import ctypes, os
first, second = (bytes.fromhex(input()) for _ in range(2))  # never joined, so that the search does not find itself
regions = [line.split() for line in open('/proc/self/maps')]
hits = 0
for region in regions:
    if region[1].startswith('rw'):
        start, end = (int(each, 16) for each in region[0].split('-'))
        data = ctypes.string_at(start, end - start)
        at = data.find(first)
        while at >= 0:
            hits += data[at + len(first) : at + len(first) + len(second)] == second
            at = data.find(first, at + 1)
print(len(regions) > 50, hits, os.listdir('/tmp'))
"""
HALVES = f"{MARK[:12].hex()}\n{MARK[12:].hex()}\n"


def test_no_byte_of_one_program_is_found_by_the_next(sandbox: BwrapSandbox) -> None:
    assert told(sandbox, SECRETIVE, MARK + b"\n") == MARK.decode()
    assert told(sandbox, SEARCHING, HALVES.encode()) == "True 0 []"


def test_the_search_finds_what_is_there(sandbox: BwrapSandbox) -> None:
    found = told(
        sandbox,
        f"kept = [bytes.fromhex('{MARK[:12].hex()}') + bytes.fromhex('{MARK[12:].hex()}') for _ in range(5)]\n{SEARCHING}",
        HALVES.encode(),
    )
    assert int(found.split()[1]) >= 5


def test_scratch_is_empty_again_whatever_was_left_in_it(sandbox: BwrapSandbox) -> None:
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\n"
    told(sandbox, deep)
    told(
        sandbox,
        "import os; os.symlink('/', '/tmp/root'); os.chmod('/tmp/root/tmp', 0o1777) if os.stat('/tmp').st_uid == os.getuid() else None",
    )
    assert told(sandbox, "import os; print(os.listdir('/tmp'), oct(os.stat('/tmp').st_mode))") == "[] 0o41777"


def test_a_program_cannot_hurt_the_server_that_forks_the_next(sandbox: BwrapSandbox) -> None:
    source = """import os, resource, signal
for number in range(1, 65):
    try: os.kill(1, number)
    except OSError: pass
for limit in range(16):
    try: resource.prlimit(1, limit, (0, 0)); print('limited', limit)
    except (OSError, ValueError): pass
for name in ('mem', 'oom_score_adj', 'environ', 'maps', 'fd/0', 'root/tmp/x', 'cwd', 'comm'):
    try: open(f'/proc/1/{name}', 'r+'); print('opened', name)
    except OSError: pass
try: os.setpriority(os.PRIO_PROCESS, 1, 19); print('slowed')
except OSError: pass
try: os.sched_setaffinity(1, {0}); print('pinned')
except OSError: pass
try: print(os.listdir('/proc/1/fd'))
except OSError: pass
"""
    before = sandbox._live.copy()
    assert told(sandbox, source) == ""
    assert told(sandbox, "print(3)") == "3" and sandbox._live == before


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = """import ctypes, fcntl, os, resource, socket
libc = ctypes.CDLL(None, use_errno=True)
zero = ctypes.create_string_buffer(256)
attempts = {
    'fork': os.fork, 'vfork': libc.vfork, 'exec': lambda: os.execv('/usr/bin/env', ['env']),
    'spawn': lambda: os.posix_spawn('/usr/bin/env', ['env'], {}), 'shell': lambda: os.system('true') or 1,
    'clone3': lambda: libc.syscall(435, zero, 88), 'unshare': lambda: libc.unshare(0x10000000), 'setns': lambda: libc.setns(0, 0),
    'tcp': lambda: socket.socket(), 'unix': lambda: socket.socket(socket.AF_UNIX), 'pair': socket.socketpair,
    'raw': lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW), 'netlink': lambda: socket.socket(16, socket.SOCK_RAW),
    'ptrace': lambda: libc.ptrace(0, 0, 0, 0), 'memory of others': lambda: libc.process_vm_readv(1, zero, 1, zero, 1, 0),
    'memfd': lambda: os.memfd_create('x'), 'secret memory': lambda: libc.syscall(447, 0),
    'shared memory': lambda: libc.shmget(0, 4096, 0o1600), 'io_uring': lambda: libc.syscall(425, 4, zero),
    'bpf': lambda: libc.syscall(321, 0, zero, 72), 'perf': lambda: libc.syscall(298, zero, 0, -1, -1, 0),
    'userfaultfd': lambda: libc.syscall(323, 1), 'keys': lambda: libc.syscall(250, 0, -3, 1),
    'mount': lambda: libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0), 'umount': lambda: libc.umount2(b'/tmp', 2),
    'chroot': lambda: os.chroot('/tmp'), 'handles': lambda: libc.syscall(304, -100, zero, 0),
    'personality': lambda: libc.personality(0x40000), 'uid': lambda: os.setuid(0), 'groups': lambda: os.setgroups([0]),
    'node': lambda: os.mknod('/tmp/n', 0o20666, 259), 'names': lambda: os.setxattr('/tmp', b'user.x', b'y'),
    'pidfd': lambda: os.pidfd_open(1), 'pipe size': lambda: fcntl.fcntl(os.pipe()[0], 1031, 1 << 20),
    'lease': lambda: fcntl.fcntl(os.open(os.__file__, 0), 1024, 1), 'stdin': lambda: os.write(0, b'x'),
    'growth': lambda: os.truncate(0, 10), 'terminal': lambda: fcntl.ioctl(0, 0x5412, b'x'),
    'queue': lambda: libc.mq_open(b'/q', 0o100, 0o600, None), 'lock': lambda: libc.mlock(zero, 100),
    'dumpable': lambda: libc.prctl(4, 1, 0, 0, 0),
    'filter': lambda: libc.prctl(22, 2, zero, 0, 0), 'limit': lambda: resource.setrlimit(7, (4096, 4096)) or 1,
}
for name, attempt in attempts.items():
    try:
        if attempt() in (-1, 127 << 8): continue
    except (OSError, ValueError): continue
    print(name)
"""


def test_what_a_program_does_not_need_does_not_exist_for_it(sandbox: BwrapSandbox) -> None:
    assert told(sandbox, REFUSED) == ""


def test_it_has_no_capability_no_groups_and_may_gain_none(sandbox: BwrapSandbox) -> None:
    source = """import os
status = dict(line.split(':\\t') for line in open('/proc/self/status'))
names = ('CapInh', 'CapPrm', 'CapEff', 'CapAmb', 'NoNewPrivs', 'Seccomp')
print([status[each].strip() for each in names], os.getuid() > 0, len(os.getgroups()) < 2)"""
    nothing = "0" * 16
    assert told(sandbox, source) == f"{[nothing, nothing, nothing, nothing, '1', '2']} True True"


def test_it_sees_itself_and_the_server_and_no_other_process(sandbox: BwrapSandbox) -> None:
    source = "import os; print({int(each) for each in os.listdir('/proc') if each.isdigit()} == {1, os.getpid()})"
    assert told(sandbox, source) == "True"


def test_it_sees_the_interpreter_and_devices_that_do_nothing_and_no_other_file(sandbox: BwrapSandbox) -> None:
    source = """import os
system = {'lib', 'lib32', 'lib64', 'libx32', 'bin', 'sbin', 'python'}
print(sorted(set(os.listdir('/')) - system), sorted(os.listdir('/dev')), os.listdir('/etc'))
print([path for path in ('/home', '/root', '/mnt', '/opt', '/var', '/sys', '/run', '/boot', '/etc/passwd') if os.path.exists(path)])"""
    here, there = told(sandbox, source).splitlines()
    seen, _, etc = here.partition("] [")
    assert seen == "['dev', 'etc', 'proc', 'sandbox', 'site', 'tmp', 'usr'"
    assert etc.startswith("'fd', 'full', 'null', 'random', 'stderr', 'stdin', 'stdout', 'urandom', 'zero'] ")
    assert there == "[]" and "passwd" not in etc


DEVICES = ("null", "zero", "full", "random", "urandom")


def test_nothing_can_be_written_but_in_scratch(sandbox: BwrapSandbox) -> None:
    """Every mount but the scratch and the harmless devices is read-only, whatever lies in it; the top of each is tried too."""
    source = """import os
mounts = [line.split()[4] for line in open('/proc/self/mountinfo')]
for mount in mounts:
    if not os.statvfs(mount).f_flag & os.ST_RDONLY: print(mount)
for top in mounts:
    for folder, below, _ in os.walk(top):
        if folder.count('/') - top.rstrip('/').count('/') >= 2: below.clear()
        if folder.startswith(('/proc', '/tmp')): continue
        try: open(folder + '/new', 'w'); print(folder)
        except OSError: pass
for folder in ('/proc', '/proc/self', '/proc/sys/kernel', '/proc/1'):
    for each in os.listdir(folder) if folder != '/proc/1' else ['comm']:
        path = f'{folder}/{each}'
        if os.path.isfile(path) and folder != '/proc/self':
            try: open(path, 'r+').close(); print(path)
            except OSError: pass
open('/tmp/here', 'w').write('x')"""
    writable = told(sandbox, source, limits=Limits(cpu_s=30, wall_s=120)).split()
    assert "/tmp" in writable and set(writable) <= {"/tmp", *(f"/dev/{each}" for each in DEVICES)}


def test_the_environment_is_clean(sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AHA_TEST_TOKEN", "CANARY-4711")
    opened = BwrapSandbox(workers=1)
    try:
        names = told(opened, "import os; print(*os.environ)").split()
        memory = told(opened, "print(*(open(f'/proc/{each}/cmdline').read() for each in ('1', 'self')))")
    finally:
        opened.close()
    assert set(names) - {"LD_LIBRARY_PATH", "LC_CTYPE"} == CLEAN & set(names) and "CANARY" not in memory


# --- limits that no other limit sees ----------------------------------------------------------------------------------


def test_scratch_holds_64_mib_and_4096_names(sandbox: BwrapSandbox) -> None:
    filling = """import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = 0
for name in 'abc':
    try:
        with open('/tmp/' + name, 'wb', 0) as file:
            while True: size += file.write(b'x' * (1 << 20))
    except OSError: pass
print(size >> 20)"""
    naming = "import os\ntry:\n    for n in range(10_000): os.mkdir(f'/tmp/{n}')\nexcept OSError: print(n)"
    assert told(sandbox, filling) in ("63", "64")
    assert 4000 < int(told(sandbox, naming)) < 4097


def test_there_are_at_most_64_threads_and_256_descriptors(sandbox: BwrapSandbox) -> None:
    threads = """import threading
over, n = threading.Event(), 0
threading.stack_size(65536)
try:
    while n < 1000: threading.Thread(target=over.wait, args=(5,), daemon=True).start(); n += 1
except RuntimeError: print(n)
over.set()"""
    descriptors = "import os\nn = 3\ntry:\n    while True: os.dup(0); n += 1\nexcept OSError: print(n)"
    assert 32 <= int(told(sandbox, threads)) <= 64
    assert int(told(sandbox, descriptors)) == 256


def test_stdout_is_a_pipe_that_holds_no_more_than_64_kib(sandbox: BwrapSandbox) -> None:
    source = "import fcntl, os, stat; print(stat.S_ISFIFO(os.fstat(1).st_mode), stat.S_ISFIFO(os.fstat(2).st_mode), fcntl.fcntl(1, 1032))"
    assert told(sandbox, source) == "True True 65536"


def test_a_limit_of_memory_holds_for_all_its_threads(sandbox: BwrapSandbox) -> None:
    source = """import threading
kept, together = [], threading.Barrier(4)
def take():
    together.wait(5)
    try:
        while True: kept.append(bytearray(1 << 20))
    except MemoryError: pass
threads = [threading.Thread(target=take) for _ in range(4)]
[each.start() for each in threads]; [each.join() for each in threads]
print(len(kept))"""
    assert 64 < int(told(sandbox, source, limits=Limits(memory_mb=256))) < 256


def test_root_drops_to_a_uid_that_nobody_has(sandbox: BwrapSandbox) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root drops to another uid")
    uid = int(told(sandbox, "import os; print(os.getuid())"))
    passwd = Path("/etc/passwd").read_text(encoding="utf-8")
    assert uid > 60_000 and f":{uid}:" not in passwd


def test_this_process_may_still_do_what_its_programs_may_not() -> None:
    """The filters are the children's alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(21, 0, 0, 0, 0) == 0  # PR_GET_SECCOMP
