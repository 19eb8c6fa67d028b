#ifndef PUPIL_CBASE_H
#define PUPIL_CBASE_H
#include <stddef.h>
#include <stdint.h>

/// An incremental SHA-256 (libcrypto). `new` gives null where libcrypto refuses.
typedef struct pupil_sha256 pupil_sha256;
pupil_sha256 *_Nullable pupil_sha256_new(void);
void pupil_sha256_update(pupil_sha256 *_Nonnull h, const void *_Nullable bytes, size_t count);
/// Writes 32 bytes and frees `h`.
void pupil_sha256_finish(pupil_sha256 *_Nonnull h, uint8_t *_Nonnull digest);

/// The processors in this process's affinity mask, at least 1.
int pupil_available_processors(void);

/// Waits until all that was written to the file system of a folder is on the disk. Returns 0, or -1 with errno set.
int pupil_sync_file_system(const char *_Nonnull folder);

/// Notes SIGINT and SIGTERM instead of ending; a second one ends the process at once with 128 + its number.
void pupil_signals_install(void);
/// The signal that was noted, or 0.
int pupil_signal_caught(void);
/// Has SIGTERM come when the process of that number, which began this one, is gone; at once where it is already.
void pupil_end_with(int parent);
/// Forgets the noted signal.
void pupil_signal_forget(void);

#endif
