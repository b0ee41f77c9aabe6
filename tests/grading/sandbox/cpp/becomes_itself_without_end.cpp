// TLE: turns into itself again and again, so that no process is ever old
int main(int, char **words) {
    for (volatile long turn = 0; turn < 3000000; turn++) {}
    execve("/proc/self/exe", words, nullptr);
    for (;;) {}
}
