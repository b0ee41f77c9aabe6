// TLE: burns in many threads, the first of which ends
static void *burn(void *) { for (volatile long n = 0;; n = n + 1) {} }
int main() {
    for (int n = 0; n < 8; n++) { pthread_t made; pthread_create(&made, nullptr, burn, nullptr); }
    pthread_exit(nullptr);
}
