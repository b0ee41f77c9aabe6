// TLE RE: raises its limits and its rank, catches the signal of each limit, sleeps between and burns
static void ignore(int) {}
int main() {
    for (int which = 0; which < 16; which++) {
        rlimit all{RLIM_INFINITY, RLIM_INFINITY};
        setrlimit((__rlimit_resource)which, &all);
        syscall(SYS_prlimit64, getppid(), which, &all, nullptr);
    }
    for (int number = 1; number < 65; number++) signal(number, ignore);
    sched_param most{99};
    for (int policy : {SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE}) REACH(policy < 3 && policy > 0 ? sched_setscheduler(0, policy, &most) : -1);
    setpriority(PRIO_PROCESS, 0, -20);
    add();
    for (;;) {
        for (volatile int turn = 0; turn < 2000000; turn++) {}
        usleep(300);
    }
}
