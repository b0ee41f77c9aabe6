// OK: asks for what reads, writes and watches without a call that anybody sees
int main() {
    char room[256];
    memset(room, 0, sizeof room);
    REACH(syscall(425, 8, room));                         // io_uring_setup
    REACH(syscall(426, 0, 1, 0, 0, nullptr, 0));          // io_uring_enter
    REACH(syscall(SYS_userfaultfd, 0));
    REACH(syscall(SYS_perf_event_open, room, 0, -1, -1, 0));
    REACH(syscall(SYS_bpf, 0, room, sizeof room));
    REACH(syscall(SYS_fanotify_init, 0, 0));
    REACH(syscall(SYS_keyctl, 0, -3, 1));
    REACH(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", room, room + 128, 0));
    REACH(syscall(SYS_open_by_handle_at, AT_FDCWD, room, O_RDONLY));
    REACH(syscall(SYS_process_vm_readv, getppid(), room, 1, room, 1, 0));
    REACH(syscall(SYS_kcmp, getpid(), getppid(), 0, 1, 1));
    REACH(syscall(428, AT_FDCWD, "/", 1));                // open_tree
    REACH(syscall(429, 0, "", AT_FDCWD, "/tmp", 4));      // move_mount
    REACH(syscall(430, "tmpfs", 0));                      // fsopen
    REACH(syscall(440, 1, room, 1, 4, 0));                // process_madvise
    REACH(syscall(448, 0, 0));                            // process_mrelease
    REACH(syscall(442, AT_FDCWD, "/", 0, room, 32));      // mount_setattr
    REACH(unshare(CLONE_NEWUSER));
    REACH(unshare(CLONE_NEWNS));
    REACH(unshare(CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS));
    for (const char *kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
        snprintf(room, sizeof room, "/proc/1/ns/%s", kind);
        int space = open(room, O_RDONLY);
        if (space != -1) REACH(setns(space, 0));
    }
    REACH(chroot("/tmp"));
    REACH(sethostname("owned", 5));
    REACH(syscall(SYS_swapon, "/tmp/x", 0));
    REACH(syscall(SYS_clock_settime, CLOCK_REALTIME, room));
    REACH(syscall(SYS_adjtimex, nullptr));
    add();
}
