/* A disk that is slow to sync, for one process: preloaded, it waits before each sync for as many milliseconds as the first 8
   bytes (a signed integer of this machine) of the file that CHAOS_DISK names say, mapped, so that a change counts at once. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *wait_file;

__attribute__((constructor)) static void map_wait(void) {
  const char *path = getenv("CHAOS_DISK");
  if (path == NULL) return;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) wait_file = mapped;
}

static void wait_for_disk(void) {
  const int64_t left = wait_file == NULL ? 0 : *wait_file;
  const struct timespec pause = {left / 1000, left % 1000 * 1000000};
  if (left > 0) nanosleep(&pause, NULL);
}

int fdatasync(int file) {
  wait_for_disk();
  return (int)syscall(SYS_fdatasync, file);
}

int fsync(int file) {
  wait_for_disk();
  return (int)syscall(SYS_fsync, file);
}
