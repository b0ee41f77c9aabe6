// OK: looks for what another program left
int main() {
    DIR *folder = opendir("/tmp");
    while (struct dirent *each = folder ? readdir(folder) : nullptr)
        if (strcmp(each->d_name, ".") && strcmp(each->d_name, "..")) PWNED(each->d_name);
    folder = opendir("/proc");
    while (struct dirent *each = folder ? readdir(folder) : nullptr) {
        int pid = atoi(each->d_name);
        if (pid > 1 && pid != getpid()) PWNED("another process");
    }
    mkdir("/tmp/left", 0700);
    REACH(open("/dev/mqueue/x", O_CREAT | O_RDWR, 0600));
    add();
}
