// OK: makes processes in every way there is, also ones that would outlive it
#include <spawn.h>
static int idle(void *) { _exit(0); }
int main() {
    static char stack[65536];
    char *const words[] = {(char *)"sh", (char *)"-c", (char *)"sleep 60", nullptr};
    pid_t made;
    REACH(fork());
    REACH(vfork());
    REACH(syscall(SYS_fork));
    REACH(clone(idle, stack + sizeof stack, SIGCHLD, nullptr));
    REACH(clone(idle, stack + sizeof stack, CLONE_VM | CLONE_VFORK, nullptr));
    REACH(clone(idle, stack + sizeof stack, CLONE_NEWUSER | SIGCHLD, nullptr));
    REACH(clone(idle, stack + sizeof stack, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER, nullptr));
    uint64_t how[11] = {0};
    how[4] = SIGCHLD;
    REACH(syscall(435, how, 88));  // clone3
    if (posix_spawn(&made, "/bin/sh", nullptr, nullptr, words, nullptr) == 0) PWNED("posix_spawn");
    if (system("true") == 0) PWNED("system");
    if (popen("echo a", "r") != nullptr) PWNED("popen");
    add();
}
