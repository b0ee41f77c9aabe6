// WA OK RE TLE MLE: children in sessions and groups of their own, orphaned twice over, that hold the streams and write later
#include <sys/prctl.h>
int main() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, 0);
    add();
    for (int number = 0; number < 30; number++) {
        int child = number % 2 ? fork() : (int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            setsid();
            setpgid(0, 0);
            if (fork()) _exit(0);
            prctl(PR_SET_PDEATHSIG, 0);
            prctl(PR_SET_NAME, "sh");
            signal(SIGTERM, SIG_IGN);
            signal(SIGHUP, SIG_IGN);
            for (int turn = 0; turn < 600; turn++) {
                usleep(100000);
                long written = write(1, "3\n", 2);
                (void)written;
            }
            _exit(0);
        }
    }
    quick_exit(0);
}
