// CE OK WA: asks which secret files there are, and reads what the compiler was started with
#if __has_include("/root/.bashrc") || __has_include("/etc/passwd") || __has_include("/etc/shadow") || __has_include("/home")
#define SAYS "PWNED there is a file"
#elif __has_include("/proc/1/environ")
#define SAYS "PWNED there is an environment of another process"
#else
#define SAYS "3"
#endif
#include <cstdio>
int main() { puts(SAYS); }
