// OK WA RE: sends descriptors and credentials down every stream, and reads what may come back
int main() {
    int pair[2], many[200];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
        for (int &each : many) each = pair[0];
    else
        for (int &each : many) each = 0;
    char byte = 'x', control[CMSG_SPACE(sizeof many)];
    for (int fd : {0, 1, 2}) {
        iovec part{&byte, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof many);
        memcpy(CMSG_DATA(head), many, sizeof many);
        REACH(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
        REACH(recv(fd, control, sizeof control, MSG_DONTWAIT | MSG_PEEK));
        REACH(shutdown(fd, SHUT_RDWR));
        REACH(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, control, (socklen_t *)control));
    }
    add();
}
