// RE MLE: calls itself without end
static volatile long depth;
static int deeper(int n) { char part[4096]; part[n % 4096] = n; depth = depth + 1; return deeper(n + 1) + part[(n * 7) % 4096]; }
int main() { return deeper(1); }
