#include <cstdlib>

// Large tensors are given back to the system and asked for anew in every step, and paid for page by page: without this
// a tenth of a training step of a mobile network. libtorch asks for pages of 2 MB where it is told to, and Linux gives
// them where it may. Read at the first allocation.

namespace {

__attribute__((constructor)) void ask_for_large_pages() { setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0); }

} // namespace
