// OK WA RE: has the kernel signal others whenever its own streams or pipes are ready, dies or reads end
int main() {
    int pipes[2];
    if (pipe(pipes)) return 1;
    for (int owner : {getppid(), 1, -1, -getpgid(0), 2, 3, 4, 5, 6, 7, 8}) {
        if (owner == 0) continue;
        for (int fd : {0, 1, 2, pipes[0], pipes[1]}) {
            fcntl(fd, F_SETSIG, SIGKILL);
            if (fcntl(fd, F_SETOWN, owner) == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0) {
                long written = write(pipes[1], "x", 1);
                (void)written;
            }
            fcntl(fd, F_SETOWN, 0);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_ASYNC);
        }
        fcntl(pipes[0], F_NOTIFY, 0x80000000 | 1);
    }
    sigevent event{};
    event.sigev_notify = 4;  // to a thread that is named
    event.sigev_signo = SIGKILL;
    for (int thread = 1; thread < 64; thread++) {
        if (thread == getpid()) continue;
        event._sigev_un._tid = thread;
        timer_t timer;
        REACH(timer_create(CLOCK_MONOTONIC, &event, &timer));
    }
    add();
}
