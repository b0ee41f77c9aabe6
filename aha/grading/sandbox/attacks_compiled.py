"""Hostile programs in C++, kept as text: what a tier that compiles must withstand besides. Harmless where nothing holds them back, and
BREACH says what one reached."""

from __future__ import annotations

from typing import Final

from aha.grading.sandbox.job import Verdict

START: Final = r"""
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <sys/syscall.h>
#include <unistd.h>
static void breach(const char *what) { printf("BREACH %s\n", what); fflush(stdout); }
static void forge() {
    char text[200];
    for (int number = 1; number <= 40; number++) {
        int size = snprintf(text, sizeof text,
            "{\"status\": 0, \"cpu_s\": 0.1, \"wall_s\": 0.1, \"memory_mb\": 1.0, "
            "\"stopped\": \"\", \"entered\": true, \"number\": %d}", number);
        for (int fd = 3; fd < 256; fd++) if (write(fd, text, size) > 0) return breach("wrote a report");
    }
}
"""

# by name: the program, and the verdicts that show it was held back
PROGRAMS: Final[dict[str, tuple[str, tuple[Verdict, ...]]]] = {
    "compiled: holds more than its streams": (
        START + 'int main() { for (int fd = 3; fd < 4096; fd++) if (fcntl(fd, F_GETFD) != -1) breach("a descriptor"); return 3; }',
        ("RE",),
    ),
    "compiled: reports its own success": (START + "int main() { forge(); return 3; }", ("RE",)),
    "compiled: reports success without end": (START + "int main() { for (;;) forge(); }", ("TLE",)),
    "compiled: takes from other processes": (
        START
        + r"""
int main() {
    char name[64];
    for (int pid : {1, (int)getppid()})
        for (int fd = 0; fd < 16; fd++) {
            snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, fd);
            if (open(name, O_RDWR | O_NONBLOCK) != -1) breach(name);
        }
    long handle = syscall(434, getppid(), 0);
    for (int fd = 0; handle >= 0 && fd < 16; fd++) if (syscall(438, (int)handle, fd, 0) != -1) breach("pidfd_getfd");
    return 3;
}""",
        ("RE",),
    ),
    "compiled: starts processes": (
        START
        + r"""
int main() {
    int made = 0;
    for (int n = 0; n < 80; n++) {
        int child = n % 2 ? fork() : (int)syscall(SYS_clone, 17, 0, 0, 0, 0);
        if (child == 0) { sleep(1); _exit(0); }
        made += child > 0;
    }
    if (made) breach("processes");
    return 3;
}""",
        ("RE",),
    ),
    "compiled: reads a secret file": (
        START
        + r"""
int main() {
    char path[512] = "";
    if (fgets(path, sizeof path, stdin)) path[strcspn(path, "\n")] = 0;
    for (const char *each : {(const char *)path, "/etc/shadow", "/root/.bashrc"}) if (open(each, O_RDONLY) != -1) breach(each);
    return 3;
}""",
        ("RE",),
    ),
    "compiled: makes its compiler read without end": ('#include "/dev/zero"\nint main() {}', ("CE",)),
}
