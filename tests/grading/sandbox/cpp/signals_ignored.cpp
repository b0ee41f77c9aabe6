// TLE: ignores every signal and sets timers
#include <sys/time.h>
static void nothing(int) {}
int main() {
    for (int number = 1; number < 65; number++) signal(number, number % 2 ? SIG_IGN : nothing);
    struct itimerval often = {{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &often, nullptr);
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    for (int which = 0; which < 16; which++) if (which != RLIMIT_NICE && which != RLIMIT_RTPRIO && setrlimit((__rlimit_resource)which, &more) == 0 && which != RLIMIT_SIGPENDING && which != RLIMIT_LOCKS && which != RLIMIT_RSS && which != RLIMIT_DATA && which != RLIMIT_RTTIME) PWNED("a limit");
    for (volatile long n = 0;; n = n + 1) {}
}
