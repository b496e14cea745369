// Whether a descriptor is as ready as the wait for it says.
#pragma once

namespace mullion::env {

/// Whether reading from `descriptor` gives something at once (bytes, an end, a failure), or writing to it
/// does. Never blocks.
///
/// Who waits for a descriptor without reading or writing then asks this once it is woken. What the system
/// reported of a descriptor that another thread is closing may wake who waits for the one that is opened
/// after it: asio keeps what it knows of both in the same place.
bool is_readable(int descriptor);
bool is_writable(int descriptor);

}  // namespace mullion::env
