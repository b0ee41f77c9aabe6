// TLE: floods whatever it holds with reports
int main() {
    for (int round = 0;; round++) if (forge(round, round + 1)) PWNED("wrote a report");
}
