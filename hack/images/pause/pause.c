/* The sandbox process of a pod: it holds the pod's namespaces open and does nothing else. */
#include <signal.h>
#include <sys/wait.h>

int main(void) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    /* Blocked, so that none is lost between two calls of sigwait. */
    if (sigprocmask(SIG_BLOCK, &awaited, 0) != 0) return 1;
    for (;;) {
        int received = 0;
        if (sigwait(&awaited, &received) != 0) continue;
        if (received != SIGCHLD) return 0;
        /* With a shared process namespace this is process 1: orphans come here to be reaped. */
        while (waitpid(-1, 0, WNOHANG) > 0) {
        }
    }
}
