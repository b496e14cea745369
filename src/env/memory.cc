#include "env/memory.h"

#include <malloc.h>

namespace mullion::env {

void give_back_memory() { ::malloc_trim(0); }

}  // namespace mullion::env
