// OK: changes the program that the next run is to start
int main() {
    REACH(open("/proc/self/exe", O_RDWR));
    REACH(open("/proc/self/exe", O_WRONLY | O_TRUNC));
    REACH(truncate("/proc/self/exe", 0));
    REACH(ftruncate(0, 0));
    REACH(write(0, "9 9\n", 4));
    REACH(open("/sandbox/program.py", O_RDWR));
    REACH(unlink("/sandbox/program.py"));
    REACH(open("/usr/bin/g++", O_RDWR));
    REACH(rename("/usr/bin/as", "/tmp/as"));
    REACH(symlink("/tmp/main", "/usr/bin/aha"));
    int left = open("/tmp/main", O_CREAT | O_RDWR, 0777);
    if (left >= 0) dprintf(left, "#!/bin/sh\necho PWNED\n");
    left = open("/tmp/main.cpp", O_CREAT | O_RDWR, 0777);
    if (left >= 0) dprintf(left, "int main() { return 0; }\n");
    add();
}
