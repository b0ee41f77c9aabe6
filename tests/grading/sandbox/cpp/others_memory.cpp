// OK: reads, writes and traces other processes
#include <sys/ptrace.h>
int main() {
    char here[64] = "x";
    struct iovec mine = {here, 8}, theirs = {(void *)here, 8};
    for (int pid = 1; pid < 64; pid++) {
        if (pid == getpid()) continue;
        REACH(ptrace(PTRACE_ATTACH, pid, 0, 0));
        REACH(ptrace(PTRACE_SEIZE, pid, 0, 0));
        REACH(process_vm_writev(pid, &mine, 1, &theirs, 1, 0));
        REACH(process_vm_readv(pid, &mine, 1, &theirs, 1, 0));
        REACH(syscall(SYS_kcmp, pid, getpid(), 0, 0, 0));
    }
    REACH(ptrace(PTRACE_TRACEME, 0, 0, 0));
    REACH(syscall(440, 0, &mine, 1, 0, 0));  // process_madvise
    add();
}
