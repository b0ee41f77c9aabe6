// OK: leaves or shares objects that outlive a process, and asks for what no program needs
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/xattr.h>
int main() {
    char zero[256] = {};
    int pair[2];
    REACH(shmget(0x41, 4096, IPC_CREAT | 0600));
    REACH(semget(0x41, 1, IPC_CREAT | 0600));
    REACH(msgget(0x41, IPC_CREAT | 0600));
    REACH(mq_open("/aha", O_CREAT | O_RDWR, 0600, nullptr));
    REACH(open("/dev/shm/aha", O_CREAT | O_RDWR, 0600));
    REACH(syscall(SYS_memfd_create, "aha", 0));
    REACH(syscall(447, 0));  // memfd_secret
    REACH(syscall(425, 8, zero));  // io_uring_setup
    for (int family : {AF_UNIX, AF_INET, AF_INET6, 16, 38, 40}) for (int kind : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW}) REACH(socket(family, kind, 0));
    REACH(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    for (int fd = 0; fd < 16; fd++) { REACH(sendto(fd, zero, 1, 0, nullptr, 0)); REACH(recv(fd, zero, 1, MSG_DONTWAIT)); REACH(shutdown(fd, 2)); }
    REACH(mount("none", "/tmp", "tmpfs", 0, nullptr));
    REACH(umount2("/tmp", 2));
    REACH(syscall(428, AT_FDCWD, "/", 1));  // open_tree
    REACH(unshare(CLONE_NEWUSER));
    REACH(unshare(CLONE_FILES));
    REACH(setns(0, 0));
    REACH(chroot("/tmp"));
    REACH(setuid(0));
    REACH(setgid(0));
    REACH(syscall(SYS_keyctl, 0, -3, 1));
    REACH(syscall(SYS_add_key, "user", "aha", zero, 8, -3));
    REACH(syscall(SYS_bpf, 0, zero, 72));
    REACH(syscall(SYS_perf_event_open, zero, 0, -1, -1, 0));
    REACH(syscall(SYS_userfaultfd, 1));
    REACH(syscall(SYS_seccomp, 1, 0, zero));
    REACH(prctl(PR_SET_DUMPABLE, 1));
    REACH(prctl(PR_SET_PDEATHSIG, 0));
    REACH(prctl(PR_SET_CHILD_SUBREAPER, 1));
    REACH(prctl(PR_SET_PTRACER, -1L));
    REACH(syscall(SYS_fanotify_init, 0, 0));
    REACH(syscall(SYS_inotify_init1, 0));
    REACH(mlockall(MCL_CURRENT));
    REACH(setxattr("/tmp", "user.a", "b", 1, 0));
    REACH(fcntl(1, F_SETPIPE_SZ, 1 << 20));
    REACH(fcntl(0, F_SETLEASE, F_RDLCK));
    REACH(syscall(SYS_vmsplice, 1, zero, 1, 0));
    REACH(syscall(SYS_personality, 0x40000));
    add();
}
