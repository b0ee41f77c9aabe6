// OK: stops, kills and slows all it can name
int main() {
    siginfo_t about = {};
    about.si_code = SI_QUEUE;
    for (int number : {SIGSTOP, SIGTSTP, SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCONT, SIGSEGV, SIGPIPE, SIGCHLD})
        for (int pid : {1, getppid(), -1}) {
            if (pid != getpid() && pid != 0) kill(pid, number);
            if (pid > 0 && pid != getpid()) syscall(SYS_tgkill, pid, pid, number);
            if (pid > 0 && pid != getpid()) syscall(SYS_rt_sigqueueinfo, pid, number, &about);
        }
    REACH(setpriority(PRIO_PROCESS, 1, 19));
    struct rlimit none = {0, 0};
    REACH(prlimit(1, RLIMIT_NOFILE, &none, nullptr));
    REACH(prlimit(1, RLIMIT_CPU, &none, nullptr));
    cpu_set_t first;
    CPU_ZERO(&first);
    REACH(sched_setaffinity(1, sizeof first, &first));
    struct sched_param param = {};
    REACH(sched_setscheduler(1, SCHED_IDLE, &param));
    REACH(syscall(SYS_migrate_pages, 1, 0, nullptr, nullptr));
    add();
}
