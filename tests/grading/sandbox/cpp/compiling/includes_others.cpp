// OK CE: includes what other processes hold, and secrets
#include <cstdio>
#if __has_include("/proc/1/environ") || __has_include("/proc/1/fd/3") || __has_include("/etc/shadow") || __has_include("/etc/passwd") || __has_include("/root/.bashrc")
int main() { puts("PWNED includes"); }
#else
#include "/proc/self/environ"
int main() { puts("3"); }
#endif
