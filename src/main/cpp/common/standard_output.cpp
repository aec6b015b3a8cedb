// Keeps lines that third-party libraries print off the standard output.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "arguments.h"

namespace {

std::mutex mutex;
int muted = 0;
int saved = -1;

}  // namespace

extern "C" {

int jdit_mute_stdout(void) {
  std::lock_guard<std::mutex> lock(mutex);
  if (muted == 0) {
    std::fflush(stdout);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (nowhere < 0 || saved < 0 || dup2(nowhere, STDOUT_FILENO) < 0) {
      int code = errno;
      if (nowhere >= 0) close(nowhere);
      if (saved >= 0) close(saved);
      return jdit::fail("%s: %s", __func__, std::strerror(code));
    }
    close(nowhere);
  }
  muted++;
  return 0;
}

int jdit_unmute_stdout(void) {
  std::lock_guard<std::mutex> lock(mutex);
  if (muted == 0) return jdit::fail("%s: the standard output is not muted", __func__);
  if (muted == 1) {
    // What is still in the buffer was printed while muted.
    std::fflush(stdout);
    if (dup2(saved, STDOUT_FILENO) < 0) {
      return jdit::fail("%s: %s", __func__, std::strerror(errno));
    }
    close(saved);
  }
  muted--;
  return 0;
}

}  // extern "C"
