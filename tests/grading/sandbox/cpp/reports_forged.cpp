// RE: writes its own verdict to whatever it holds, and fails
int main() {
    if (forge(1, 300)) PWNED("wrote a report");
    return 3;
}
