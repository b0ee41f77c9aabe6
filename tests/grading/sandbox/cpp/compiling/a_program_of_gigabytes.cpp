// CE: a program too large for any disk
char parts[4000000000UL] = {1};
int main() { return parts[5]; }
