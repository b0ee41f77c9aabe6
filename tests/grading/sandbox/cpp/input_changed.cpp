// OK: writes to its input, cuts it and winds it back, so that the next run reads something else
int main() {
    char path[64];
    add();
    for (int fd : {0}) {
        REACH(write(fd, "9 9\n", 4));
        REACH(pwrite(fd, "9 9\n", 4, 0));
        REACH(ftruncate(fd, 0));
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        for (int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND}) {
            int again = open(path, flags | O_NONBLOCK);
            if (again != -1 && write(again, "9 9\n", 4) > 0) {
                char back[8] = "";
                long size = read(0, back, 4);
                fprintf(stderr, "its own pipe held %ld bytes of its own\n", size);
            }
        }
        void *shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED) PWNED("mapped its input to write");
    }
}
