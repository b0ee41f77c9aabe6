// OK: has more than its three streams
int main() {
    for (int fd = 3; fd < 70000; fd++) if (fcntl(fd, F_GETFD) != -1) PWNED("a descriptor");
    for (int fd = 0; fd < 3; fd++) {
        char name[64], target[256] = "";
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        if (readlink(name, target, 255) > 0 && strstr(target, "socket")) PWNED("a socket");
    }
    add();
}
