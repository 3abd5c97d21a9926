#if !__has_include(<xxhash.h>)
#error "xxhash.h not found. Install it: sudo apt-get install libxxhash-dev"
#endif
#include <xxhash.h>
