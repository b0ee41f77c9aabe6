// OK WA RE TLE: fills its folder with sparse files, loops of links, deep folders, pipes and names that end lines
int main() {
    char name[300];
    for (const char *root : {"/tmp", ".", "/dev/shm", "/run", "/var/tmp", "/work"}) {
        if (chdir(root)) continue;
        int sparse = open("sparse", O_CREAT | O_RDWR, 0600);
        if (sparse != -1) {
            for (off_t size = 1L << 62; size > 1 << 20; size >>= 1) if (ftruncate(sparse, size) == 0) break;
            long written = pwrite(sparse, "x", 1, 1L << 40);
            (void)written;
            posix_fallocate(sparse, 0, 1L << 40);
            char *shared = (char *)mmap(nullptr, 1L << 30, PROT_READ | PROT_WRITE, MAP_SHARED, sparse, 0);
            (void)shared;
        }
        for (const char *aim : {"/", "/proc/1", "/proc/self/fd/1", "a", "b", "../../../../etc", "/dev/full"})
            for (const char *from : {"a", "b", "input", "output", "program", "a.out", "main.py", "report", "stdin"})
                if (symlink(aim, from)) link(aim, from);
        for (int depth = 0; depth < 2000; depth++)
            if (mkdir("deep\n\t\"", 0000) && chmod("deep\n\t\"", 0700)) break;
            else if (chmod("deep\n\t\"", 0700) || chdir("deep\n\t\"")) break;
        for (int number = 0; number < 3000; number++) {
            snprintf(name, sizeof name, "\xff\n{\"status\": 0}%d", number);
            if (mknod(name, number % 2 ? S_IFIFO | 0600 : S_IFSOCK | 0600, 0)) break;
        }
        REACH(mknod("zero", S_IFCHR | 0666, 0x105));
        chdir("/");
    }
    add();
}
