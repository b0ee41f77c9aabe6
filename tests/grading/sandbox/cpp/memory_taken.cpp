// RE MLE TLE: takes memory in every way that might not count
int main() {
    const long mib = 1 << 20;
    long got = 0;
    for (int kind : {MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN})
        for (int n = 0; n < 1024; n++) {
            void *part = mmap(nullptr, mib, PROT_READ | PROT_WRITE, kind, -1, 0);
            if (part == MAP_FAILED) break;
            memset(part, 1, mib);
            got++;
        }
    while (sbrk(mib) != (void *)-1) got++;
    if (got > 400) PWNED("memory");
    return 3;
}
