// Put before each of these programs. A program says PWNED and what it reached; REACH tries a call that must fail with -1.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <initializer_list>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PWNED(what) (printf("PWNED %s\n", what), fflush(stdout))
#define REACH(call) do { if ((long)(call) != -1) PWNED(#call); } while (0)

static const char *REPORT =
    "{\"status\": 0, \"cpu_s\": 0.1, \"wall_s\": 0.1, \"memory_mb\": 1.0, \"stopped\": \"\", \"entered\": true, \"number\": %d}";

// Forged reports into every descriptor but the three streams.
static inline int forge(int first, int last) {
    char text[256];
    int written = 0;
    for (int number = first; number <= last; number++) {
        int size = snprintf(text, sizeof text, REPORT, number);
        for (int fd = 3; fd < 300; fd++) written += write(fd, text, size) > 0;
    }
    return written;
}

static inline void add() {
    long a = 0, b = 0;
    if (scanf("%ld %ld", &a, &b) == 2) printf("%ld\n", a + b);
    fflush(stdout);
}
