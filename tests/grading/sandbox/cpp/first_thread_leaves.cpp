// TLE: its first thread is gone, as the kernel sees it, with the code 0, while others go on
static void *burn(void *) { for (volatile long n = 0;; n = n + 1) {} }
int main() {
    add();
    pthread_t made;
    pthread_create(&made, nullptr, burn, nullptr);
    syscall(SYS_exit, 0);
}
