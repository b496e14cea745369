# GCC 12 at -O2 takes the allocation of coroutine frames by Asio for a mismatch.
target_compile_options(mullion_net PRIVATE -Wno-mismatched-new-delete)
