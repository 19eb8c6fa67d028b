#define _GNU_SOURCE  // sigaction is POSIX, not C11

#include "CBase.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t caught = 0;

// Only what is safe inside a handler: the first signal is noted for the loop, a second one ends the process at once.
static void note(int signal) {
    if (caught) _exit(128 + signal);
    caught = signal;
}

void pupil_signals_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int pupil_signal_caught(void) { return caught; }

void pupil_signal_forget(void) { caught = 0; }

void pupil_end_with(int parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // It may be gone already.
    if (getppid() != parent) raise(SIGTERM);
}
