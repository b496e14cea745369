// What a process leaves behind when a fault of its own ends it: the next one is to know.
#pragma once

#include "env/file.h"

namespace mullion::env {

/// From now on a fault of this process (SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE) adds a byte to `file`
/// before it ends the process as ever. Who is killed, or loses power, notes nothing. One file per process.
Result<void> note_faults(const Path& file);
/// How many were noted since they were last forgotten; 0 without a file.
uint64_t noted_faults(const Path& file);
Result<void> forget_faults(const Path& file);

/// Whether a process that `signal` ended ended by a fault.
bool is_fault(int signal);

}  // namespace mullion::env
