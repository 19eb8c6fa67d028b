#define _GNU_SOURCE
#include "CBase.h"
#include <fcntl.h>
#include <unistd.h>

int pupil_sync_file_system(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    int status = syncfs(descriptor);
    close(descriptor);
    return status;
}
