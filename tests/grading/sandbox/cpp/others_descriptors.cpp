// OK: takes descriptors from other processes
int main() {
    char name[64];
    for (int pid = 1; pid < 64; pid++) {
        if (pid == getpid()) continue;
        for (int fd = 0; fd < 64; fd++) {
            snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, fd);
            REACH(open(name, O_RDWR));
            REACH(open(name, O_RDONLY));
        }
        for (const char *what : {"mem", "maps", "environ", "stack", "syscall", "root/tmp/x", "cwd/x", "fdinfo/0", "map_files"}) {
            snprintf(name, sizeof name, "/proc/%d/%s", pid, what);
            REACH(open(name, O_RDWR));
        }
        int handle = syscall(SYS_pidfd_open, pid, 0);
        if (handle != -1) PWNED("pidfd_open");
        for (int fd = 0; fd < 16; fd++) REACH(syscall(438, handle, fd, 0));
    }
    for (int handle = 0; handle < 16; handle++) REACH(syscall(438, handle, 0, 0));  // pidfd_getfd
    add();
}
